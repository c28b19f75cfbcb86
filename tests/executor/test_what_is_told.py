"""What is told of waits, cancels and Jobs that cannot be built, in real runs: in time, and with what to mend."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest
from api_server import Fault
from plays import Play
from scenarios import ends
from step_runs import eventually

from dagster_plus_k8s_helpers.executor.launching.unbuildable import why_not_built

if TYPE_CHECKING:
    from step_runs import StepRun


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (
            {"container_config": {"env": ["PASSWORD"]}},
            "container_config.env[0]: must be a mapping of EnvVar fields, not str",
        ),
        (
            {"pod_spec_config": {"volumes": ["scratch"]}},
            "pod_spec_config.volumes[0]: must be a mapping of Volume fields, not str",
        ),
    ],
)
def test_a_job_that_cannot_be_built_says_which_field(run: StepRun, config: object, told: str) -> None:
    assert not run.start({"a": {"tags": {"dagster-k8s/config": config}}, "b": {}}, {}).finish()

    assert run.messages("STEP_FAILURE") == [
        f'Step "a" failed: JobRefused: The Job of the step could not be built: op tags, dagster-k8s/config: {told}. '
        "Another attempt would end the same way. Correct the step's Kubernetes config."
    ]
    assert ends(run, "b") == ["STEP_SUCCESS"]


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ({"op tags": "{}", "step_config": {}}, "AttributeError: 'str' object has no attribute 'items'"),
        ({"op tags": "[", "step_config": {}}, "op tags: is not JSON"),
        (
            {"op tags": "{}", "step_config": {"job_metadata": {"labels": ["a"]}}},
            "step_config: job_metadata.labels: must be a mapping, not list",
        ),
    ],
)
def test_the_first_layer_with_a_fault_is_the_cause(layers: dict[str, object], said: str) -> None:
    assert why_not_built(AttributeError("'str' object has no attribute 'items'"), layers) == said


def seconds_of(run: StepRun, text: str) -> float:
    """When the first event was written that holds a text."""
    entries = run.instance.all_logs(run.run_id)
    return next(
        entry.timestamp
        for entry in entries
        if entry.dagster_event is not None and text in str(entry.dagster_event.message)
    )


@pytest.mark.parametrize(
    "play", [Play("unschedulable-cpu", runs=False), Play(runs=False, pends=True)], ids=["cause", "no cause"]
)
def test_a_wait_is_told_before_its_step_fails_for_it(run: StepRun, play: Play) -> None:
    """However long the interval between two looks, and whether its cause is known or not."""
    run.server.play("a", play)
    settings = {"start_timeout": 4.0, "health_check_interval": 4.0}

    assert not run.start({"a": {}}, settings).finish()

    (waits,) = run.said('Step "a" waits: ')
    assert seconds_of(run, "has not started within its start_timeout") - seconds_of(run, waits) >= 0.5


def test_a_wait_without_a_cause_says_when_it_ends(run: StepRun) -> None:
    run.server.play("a", Play(runs=False, pends=True))

    run.start({"a": {"does": "hold"}}, {"start_timeout": 16.0})
    eventually(lambda: run.said(" waits: "), "it is told")
    run.server.of_step("a")[0].release(Play())
    run.go("a")

    assert run.finish(), run.messages()
    assert run.said(" waits: ") == [
        'Step "a" waits: NotStarted: The pod has not started, and nothing says what it waits for. The step fails '
        "at its start_timeout of 16 s. Look at the pod's events; raise start_timeout if its image or its init "
        "containers take longer."
    ]


@pytest.mark.parametrize("begin", ["refuses", "answers 503"])
def test_a_cancel_in_a_short_outage_deletes_what_is_there_when_it_is_over(run: StepRun, begin: str) -> None:
    run.describe({"a": {"does": "hold"}, "b": {"does": "hold"}}, {})
    run.start_worker()
    eventually(lambda: run.began("a").exists() and run.began("b").exists(), "both begin")
    if begin == "refuses":
        run.server.stop()
    else:
        run.server.faults.append(Fault("DELETE", "jobs", 503))

    run.worker.send_signal(signal.SIGTERM)
    threading.Event().wait(6)
    run.server.faults.clear()
    if begin == "refuses":
        run.server.start()

    assert not run.finish()
    assert run.said("Could not delete") == []
    assert sorted(run.server.deleted) == sorted(run.server.created)


def test_a_server_that_hangs_is_named_when_the_first_call_is_over(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}}, {"call_timeout": 4.0})
    eventually(lambda: run.began("a").exists(), "a begins")
    asked = run.server.count("LIST jobs")
    run.server.faults.append(Fault("LIST", "jobs", 500, hangs=True))
    eventually(lambda: run.said("cannot be reached: "), "it is told")

    assert run.said("cannot be reached: ") == [
        "The Kubernetes API cannot be reached: no answer within 4 s. Steps that run go on; launches are tried "
        "again for up to 600 s."
    ]
    assert run.server.count("LIST jobs") - asked <= 3, "one call, and those around it"
    run.server.faults.clear()
    run.go("a")
    assert run.finish(), run.messages()
