"""Steps that get SIGTERM and report their end themselves, in real runs: whose doing it was decides."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from plays import Play
from scenarios import ends
from step_runs import eventually

if TYPE_CHECKING:
    from step_runs import StepRun

    from dagster_plus_k8s_helpers._dagster.execution import DagsterEvent

DRAINED = (
    'Step "train" failed: EvictionByEvictionAPI: The pod on the node node1 was evicted through the API: the '
    "node is drained or scaled down (Eviction API: evicting). It was not the step's fault: it starts again "
    "(disruption retry 1 of 2)."
)


def own_error(event: DagsterEvent) -> str:
    """The class of the error behind what a step reported itself."""
    error = event.step_retry_data.error if event.is_step_up_for_retry else event.step_failure_data.error
    while error.cause is not None:
        error = error.cause
    return str(error.cls_name)


def test_a_drain_costs_a_step_nothing(run: StepRun) -> None:
    run.server.play("train", Play("evicted-api", killed_at=run.began("train", 0), signal=signal.SIGTERM))

    run.start({"train": {"does": "hold"}, "after": {"after": ["train"]}}, {})
    eventually(lambda: run.began("train", 1).exists(), "the second attempt")
    run.go("train")

    assert run.finish(), run.messages()
    assert ends(run, "train") == ["STEP_FAILURE", "STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert ends(run, "after") == ["STEP_SUCCESS"]
    assert own_error(run.events("STEP_FAILURE")[0]) == "DagsterExecutionInterruptedError"
    (announced,) = [
        event for event in run.events("ENGINE_EVENT") if "not the step's fault" in str(event.message)
    ]
    assert announced.message == DRAINED
    assert run.metadata(announced)["retry_counts"] == "disruption"


def test_a_drain_leaves_the_policy_what_it_had(run: StepRun) -> None:
    run.server.play("train", Play("evicted-api", killed_at=run.began("train", 0), signal=signal.SIGTERM))

    assert not run.start({"train": {"does": "hold-once-then-fail", "max_retries": 1}}, {}).finish()

    assert ends(run, "train") == ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    reported = [
        event
        for event in run.events(step="train")
        if event.event_type_value in {"STEP_UP_FOR_RETRY", "STEP_FAILURE"}
    ]
    assert [own_error(event) for event in reported] == [
        "DagsterExecutionInterruptedError",
        "ValueError",
        "ValueError",
    ]
    assert run.said("not the step's fault") == [DRAINED]


def test_more_drains_than_are_forgiven_are_the_steps_own_end(run: StepRun) -> None:
    run.server.play("train", Play("evicted-api", killed_at=run.began("train", 0), signal=signal.SIGTERM))

    assert not run.start({"train": {"does": "hold"}}, {"disruption_retries": 0}).finish()

    assert ends(run, "train") == ["STEP_FAILURE"]
    assert run.said("was interrupted") == [
        'Step "train" was interrupted: EvictionByEvictionAPI: The pod on the node node1 was evicted through '
        "the API: the node is drained or scaled down (Eviction API: evicting). Keep steps that must not be "
        "moved off preemptible nodes, or raise disruption_retries."
    ]


@pytest.mark.parametrize(
    ("recorded", "told"),
    [
        ("sigterm-143", []),
        (
            "deadline",
            [
                'Step "train" was interrupted: DeadlineExceeded: The Job ran longer than its '
                "activeDeadlineSeconds of 10 s. Time spent waiting for a node counts too. Raise "
                "active_deadline_seconds in the step's job_spec_config or pod_spec_config."
            ],
        ),
        (
            "deleted-pod",
            [
                'Step "train" was interrupted: PodDeleted: The pod was deleted before it had ended, and took '
                "the cause with it. Somebody, or a controller that drains or scales nodes, deleted it."
            ],
        ),
    ],
)
def test_what_is_no_disruption_ends_as_the_step_says(run: StepRun, recorded: str, told: list[str]) -> None:
    run.server.play("train", Play(recorded, killed_at=run.began("train", 0), signal=signal.SIGTERM))
    tags = {"dagster-k8s/config": {"job_spec_config": {"active_deadline_seconds": 10}}}

    assert not run.start({"train": {"does": "hold", "tags": tags}}, {}).finish()

    assert ends(run, "train") == ["STEP_FAILURE"]
    assert own_error(run.events("STEP_FAILURE")[0]) == "DagsterExecutionInterruptedError"
    assert run.said("was interrupted") == told


def test_a_pod_that_went_with_its_node_leaves_only_the_nodes_state(run: StepRun) -> None:
    run.server.nodes.append({"metadata": {"name": "node1"}, "spec": {"unschedulable": True}})
    run.server.play("train", Play("deleted-pod", killed_at=run.folder / "drained", signal=signal.SIGTERM))

    run.start({"train": {"does": "hold"}}, {})
    eventually(lambda: run.began("train").exists() and run.server.count("LIST pods") > 2, "a look at the pod")
    (run.folder / "drained").touch()
    eventually(lambda: run.began("train", 1).exists(), "the second attempt")
    run.go("train")

    assert run.finish(), run.messages()
    assert run.said("not the step's fault") == [
        'Step "train" failed: PodDeleted: The pod was deleted from the node node1, which is cordoned. It was '
        "not the step's fault: it starts again (disruption retry 1 of 2)."
    ]


@pytest.mark.parametrize(
    "step", [{"does": "hold"}, {"does": "hold", "max_retries": 1}], ids=["alone", "policy"]
)
def test_a_run_worker_that_is_replaced_in_the_middle_forgives_all_the_same(
    run: StepRun, step: dict[str, object]
) -> None:
    run.server.play("train", Play("evicted-api", killed_at=run.folder / "drained", signal=signal.SIGTERM))
    run.describe({"train": step}, {})
    run.start_worker()
    eventually(lambda: run.began("train").exists(), "it begins")
    # The step reports its end while nobody can look at its pod.
    run.server.stop()
    process = run.server.of_step("train")[0].process
    assert process is not None
    process.terminate()
    process.wait()
    (run.folder / "drained").touch()
    assert ends(run, "train") == ["STEP_UP_FOR_RETRY" if "max_retries" in step else "STEP_FAILURE"]
    run.worker.kill()
    run.worker.wait()
    run.server.start()

    run.start_worker(resume=True)
    eventually(lambda: run.began("train", 1).exists(), "the second attempt")
    # And once more, when all of it is in the log already.
    run.worker.kill()
    run.worker.wait()
    run.start_worker(resume=True)
    run.go("train")

    assert run.finish(), run.messages()
    assert ends(run, "train")[-2:] == ["STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    assert run.said("not the step's fault") == [DRAINED]
    assert len(run.server.of_step("train")) == 2
