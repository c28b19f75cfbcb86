"""What real clusters do to steps that a plain one does not: sidecars, limits, permissions, lag and silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from plays import Play
from step_runs import eventually, kinds, memory

from dagster_plus_k8s_helpers import MemoryLadder

if TYPE_CHECKING:
    from step_runs import StepRun

PROXY = ("istio-proxy",)
FORBIDDEN = {"kind": "Status", "message": "jobs.batch is forbidden: cannot list", "code": 403}


def test_a_crash_that_the_cache_does_not_show_yet_is_a_crash(run: StepRun) -> None:
    run.server.freeze_cache()

    assert not run.start({"a": {"does": "exit"}}, {}).finish()

    assert run.messages("STEP_FAILURE") == [
        "Step \"a\" failed: Error: The container 'dagster' ended with exit code 3."
    ]
    assert len(run.server.created) == 1


def test_an_oom_climbs_though_a_proxy_stands_first_and_lives_on(run: StepRun) -> None:
    run.server.play("train", Play("oom-killed", runs=False, injected=PROXY))

    assert run.start({"train": {"memory": "300Mi"}}, {"memory_ladder": {}}).finish(), run.messages()

    assert memory(run, "train") == ["300Mi", "600Mi"]
    assert run.server.deleted == run.server.created[:1], "nothing else would end the proxy"


def test_a_step_has_not_started_when_only_its_proxy_has(run: StepRun) -> None:
    run.server.play("a", Play("image-name", runs=False, injected=PROXY))
    run.server.play("b", Play("image-pull", runs=False, injected=PROXY))

    assert not run.start({"a": {}, "b": {}}, {"image_pull_grace": 0.5}).finish()

    failures = sorted(message.partition(" of the container")[0] for message in run.messages("STEP_FAILURE"))
    assert failures == [
        "Step \"a\" failed: InvalidImageName: It can never start. The image name 'Bad Image::x'",
        'Step "b" failed: ImagePullBackOff: Its image could not be pulled for 0.5 s. '
        "The image 'example.local/missing:1'",
    ]


@pytest.mark.parametrize(
    ("play", "tags"),
    [
        (Play("oom-killed", runs=False, limit_range="512Mi"), {}),
        (
            Play("oom-killed", runs=False),
            {
                "dagster-k8s/config": {
                    "pod_spec_config": {"resources": {"limits": {"memory": "512Mi"}}},
                }
            },
        ),
    ],
    ids=["a LimitRange", "limits of the pod"],
)
def test_the_next_size_is_really_sent(run: StepRun, play: Play, tags: dict[str, Any]) -> None:
    for attempt in range(2):
        run.server.play("train", play, attempt=attempt)

    assert run.start({"train": {"tags": tags}}, {"memory_ladder": {}}).finish(), run.messages()

    pods = [job.body["spec"]["template"]["spec"] for job in run.server.of_step("train")]
    given = [
        (pod.get("resources") or pod["containers"][0].get("resources") or {}).get("limits", {})
        for pod in pods
    ]
    assert [limits.get("memory") for limits in given[1:]] == ["1Gi", "2Gi"]
    assert run.said("succeeded with 2Gi of memory")


def test_a_learned_size_is_a_floor_beneath_the_config_and_kept_to_the_maximum(run: StepRun) -> None:
    learning = MemoryLadder(learn=True).tags
    run.server.play("train", Play("oom-killed", runs=False))
    assert run.start({"train": {"memory": "300Mi", "tags": learning}}, {}).finish()

    assert run.start({"train": {"memory": "1Gi", "tags": learning}}, {}).finish()
    assert run.said("starts with") == []
    lowered = MemoryLadder(learn=True, maximum="500Mi").tags
    assert run.start({"train": {"memory": "300Mi", "tags": lowered}}, {}).finish()

    assert memory(run, "train") == ["300Mi", "600Mi", "1Gi", "500Mi"]


def test_a_step_that_cannot_start_after_its_memory_was_raised_says_which_sizes_it_had(run: StepRun) -> None:
    run.server.play("train", Play("oom-killed", runs=False))
    run.server.play("train", Play("unschedulable-cpu", runs=False), attempt=1)

    settings = {"memory_ladder": {}, "start_timeout": 0.5}
    assert not run.start({"train": {"memory": "300Mi"}}, settings).finish()

    assert len(run.said("Its memory was raised: it was tried with 300Mi and 600Mi.")) == 1


def test_without_the_permission_to_list_jobs_failures_are_noticed(run: StepRun) -> None:
    run.server.faults.append(Fault("LIST", "jobs", 403, body=FORBIDDEN))

    run.start({"a": {"does": "exit"}, "b": {"does": "hold"}, "c": {"after": ["b"]}}, {})
    eventually(lambda: kinds(run, "a"), "a fails")
    run.go("b")
    assert not run.finish()

    assert [kinds(run, step) for step in "abc"] == [["STEP_FAILURE"], ["STEP_SUCCESS"], ["STEP_SUCCESS"]]
    assert run.said("cannot list") == [
        "The run's service account may not list jobs, so they are read one by one, a few a look, and what "
        "becomes of a step is noticed later: HTTP 403 jobs.batch is forbidden: cannot list"
    ]
    assert run.said("answers again") == []


def test_credentials_that_are_refused_are_told_as_such(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}}, {})
    eventually(lambda: run.began("a").exists(), "a begins")
    run.server.faults.append(Fault("LIST", "jobs", 401, body={"message": "Unauthorized"}))
    eventually(lambda: run.said("credentials"), "it is told")
    run.server.faults.clear()
    eventually(lambda: run.said("answers again"), "so is its end")
    run.go("a")

    assert run.finish()
    assert run.said("credentials") == [
        "The Kubernetes API refuses the run's credentials: HTTP 401 Unauthorized. Steps that run go on; launches "
        "are tried again for up to 600 s."
    ]


def test_an_api_that_takes_calls_and_answers_none_loses_no_step(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}, "b": {"after": ["a"]}}, {"call_timeout": 3.0})
    eventually(lambda: run.began("a").exists(), "a begins")
    hanging = [Fault(verb, what, 0, hangs=True) for verb in ("GET", "POST") for what in ("jobs", "pods")]
    run.server.faults.extend(hanging)
    eventually(lambda: run.said("cannot be reached"), "the outage is told")
    run.go("a")
    eventually(lambda: run.events("STEP_WORKER_STARTING", "b"), "b wants to start")
    run.server.faults.clear()

    assert run.finish(), run.messages()
    assert [kinds(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2
    assert len(run.said("cannot be reached")) == len(run.said("answers again")) == 1


def test_steps_of_another_namespace_get_no_owner_there(run: StepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTNAME", "the-run-pod")

    assert run.start({"a": {}, "b": {}}, {"namespace": "etl"}).finish()

    assert all("ownerReferences" not in job.body["metadata"] for job in run.server.played.values())
    assert run.said("owner reference") == [
        "Step Jobs get no owner reference, so they will not go with the run's pod: it is in the namespace "
        "'default' and they are in 'etl', where it can own nothing. k8s_executor(owner_references=False) says "
        "that this is meant."
    ]


def test_an_owner_that_cannot_be_found_out_costs_no_step(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_kubeconfig: object) -> str:
        raise TypeError("no context")

    monkeypatch.setenv("HOSTNAME", "the-run-pod")
    monkeypatch.setattr("dagster_plus_k8s_helpers.executor.launching.owners.detect_current_namespace", broken)

    assert run.start({"a": {}}, {}).finish()

    assert len(run.said("which could not be read: TypeError: no context. Grant")) == 1


LOG = """connect postgresql://svc:hunter2@db/x
Authorization: Bearer abcdef0123456789
AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI
the job's correct-horse, the worker's battery-staple
Segmentation fault"""


def test_credentials_in_the_end_of_a_log_stay_in_the_cluster(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "battery-staple")
    run.server.play("train", Play(log=LOG))
    literal = {"container_config": {"env": [{"name": "DB_PASSWORD", "value": "correct-horse"}]}}

    run.start({"train": {"does": "exit", "tags": {"dagster-k8s/config": literal}}}, {}).finish()

    (failure,) = run.events("STEP_FAILURE")
    masked = (
        "connect postgresql://********@db/x\nAuthorization: ********\nAWS_SECRET_ACCESS_KEY=********\n"
        "the job's ********, the worker's ********\nSegmentation fault"
    )
    assert run.metadata(failure)["log"] == masked
    assert failure.step_failure_data.error is not None
    assert masked in failure.step_failure_data.error.message


def test_a_log_of_no_lines_is_not_shown(run: StepRun) -> None:
    run.server.play("train", Play(log=LOG))

    run.start({"train": {"does": "exit"}}, {"log_lines": 0}).finish()

    (failure,) = run.events("STEP_FAILURE")
    assert "log" not in run.metadata(failure)
