"""Steps that have ended while a plain container beside them keeps their pod: the Job goes after a grace, told once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from dagster._core.execution.api import execute_run_iterator
from plays import Play
from scenarios import ends
from step_runs import eventually

from dagster_plus_k8s_helpers.executor import leftovers
from dagster_plus_k8s_helpers.executor.leftovers import Remains, remains

if TYPE_CHECKING:
    from step_runs import StepRun

PROXY = ("cloud-sql-proxy",)


@pytest.fixture
def _no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "GRACE_SECONDS", 0.0)


@pytest.mark.usefixtures("_no_grace")
def test_jobs_that_a_container_keeps_are_deleted_and_that_is_told_once(run: StepRun) -> None:
    for step in ("a", "b"):
        run.server.play(step, Play(injected=PROXY))

    run.start({"a": {}, "b": {"after": ["a"]}, "c": {"does": "hold"}}, {})
    eventually(lambda: len(run.server.deleted) == 2, "the Jobs are deleted while the run goes on")
    run.go("c")

    assert run.finish(), run.messages()
    assert [ends(run, step) for step in "abc"] == [["STEP_SUCCESS"]] * 3
    first = run.server.of_step("a")[0].name
    assert run.said("its pod alive") == [
        f"Step \"a\" has ended, and the container 'cloud-sql-proxy' keeps its pod alive: its Kubernetes job {first} is "
        "deleted, and so are those of further steps like it. Make it a native sidecar, which ends with the step: "
        "init_containers with restart_policy: Always."
    ]
    assert run.server.deleted == [job.name for step in "ab" for job in run.server.of_step(step)]


@pytest.mark.usefixtures("_no_grace")
@pytest.mark.parametrize("does", ["succeed", "fail"])
def test_the_last_step_of_a_run_leaves_no_job_behind_either(run: StepRun, does: str) -> None:
    run.server.play("a", Play(injected=PROXY))

    run.start({"a": {"does": does}}, {"health_check_interval": 3600}).finish()

    assert len(ends(run, "a")) == 1
    assert run.server.deleted == [run.server.of_step("a")[0].name]
    assert len(run.said("its pod alive")) == 1


@pytest.mark.usefixtures("_no_grace")
@pytest.mark.parametrize("in_flight", [True, False])
def test_what_a_run_worker_before_this_one_left_is_found(run: StepRun, *, in_flight: bool) -> None:
    run.server.play("a", Play(injected=PROXY))
    run.describe({"a": {}, "b": {"does": "hold"}}, {})
    run.start_worker()
    eventually(lambda: ends(run, "a") and run.began("b").exists(), "one has ended, one runs")
    run.worker.kill()
    run.worker.wait()
    run.go("b")
    if not in_flight:
        eventually(lambda: ends(run, "b"), "the other ends as well")

    list(execute_run_iterator(run.job(), run.status, run.instance, resume_from_failure=True))

    assert run.status.is_success, run.messages()
    assert run.server.deleted == [run.server.of_step("a")[0].name]


def test_a_container_that_ends_within_the_grace_keeps_its_job(run: StepRun) -> None:
    run.server.play("a", Play(injected=PROXY))
    run.start({"a": {}, "b": {"does": "hold"}}, {})
    eventually(lambda: ends(run, "a"), "a succeeds")
    before = run.server.count("LIST pods")
    eventually(lambda: run.server.count("LIST pods") >= before + 3, "its pod is looked at")
    run.server.of_step("a")[0].release(Play("succeeded", runs=False))
    run.go("b")

    assert run.finish(), run.messages()
    assert run.server.deleted == []
    assert run.said("its pod alive") == []


@pytest.mark.usefixtures("_no_grace")
def test_a_job_that_may_not_be_deleted_is_named(run: StepRun) -> None:
    run.server.play("a", Play(injected=PROXY))
    denied = {"kind": "Status", "reason": "Forbidden", "message": "not yours", "code": 403}
    run.server.faults.append(Fault("DELETE", "jobs", 403, body=denied))

    assert run.start({"a": {}}, {}).finish(), run.messages()

    job = run.server.of_step("a")[0].name
    assert run.said("Could not delete") == [
        f"Could not delete Kubernetes job {job}: HTTP 403 not yours. It may go on running; delete it with "
        f"kubectl delete job/{job} --namespace default"
    ]


JOB: dict[str, Any] = {"spec": {"template": {"spec": {"containers": [{"name": "dagster"}]}}}}
ENDED = {"name": "dagster", "state": {"terminated": {"exitCode": 0}}}
RUNS = {"name": "dagster", "state": {"running": {"startedAt": "now"}}}
BESIDE = {"name": "proxy", "state": {"running": {"startedAt": "now"}}}


def pod(
    *statuses: dict[str, Any], phase: str = "Running", beside: tuple[str, ...] = ("proxy",), **metadata: str
) -> dict[str, Any]:
    containers = [{"name": name} for name in ("dagster", *beside)]
    return {
        "metadata": metadata,
        "spec": {"containers": containers, "restartPolicy": "Never"},
        "status": {"phase": phase, "containerStatuses": list(statuses)},
    }


@pytest.mark.parametrize(
    ("job", "pods", "found"),
    [
        (JOB, [pod(ENDED, BESIDE)], Remains(("proxy",), lingers=True)),
        (JOB, [pod(RUNS, BESIDE)], Remains(("proxy",), lingers=False)),
        (JOB, [pod(RUNS, beside=())], None),
        (JOB, [pod(ENDED, BESIDE, phase="Succeeded")], None),
        (JOB, [pod(ENDED, BESIDE, deletionTimestamp="now")], None),
        ({**JOB, "metadata": {"deletionTimestamp": "now"}}, [pod(ENDED, BESIDE)], None),
        (None, [pod(ENDED, BESIDE)], None),
        (JOB, [], None),
    ],
    ids=[
        "kept",
        "the step's own runs",
        "alone",
        "ended",
        "pod goes",
        "job goes",
        "job gone",
        "pod gone or unseen",
    ],
)
def test_only_what_runs_beside_a_container_that_has_ended_keeps_a_pod(
    job: dict[str, Any] | None, pods: list[dict[str, Any]], found: Remains | None
) -> None:
    assert remains(job, pods) == found
