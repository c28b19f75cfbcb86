"""Run workers that are taken away: whose steps go on, what is said of it, and what starts the run again."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from dagster._daemon.monitoring.run_monitoring import monitor_started_run
from dagster_k8s import K8sRunLauncher
from instances import instance_in
from scenarios import ends
from step_runs import StepRun, eventually, launcher

from dagster_plus_k8s_helpers._dagster.execution import will_be_resumed
from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.executor.looking.run_worker import (
    Owner,
    Taken,
    owner_in,
    owner_of,
    way_out,
    what_took,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api_server import ApiServer

JOB = {"apiVersion": "batch/v1", "kind": "Job", "name": "dagster-run-1", "uid": "j", "controller": True}
POD = {"metadata": {"name": "dagster-run-1-x", "uid": "p", "ownerReferences": [JOB]}}


@pytest.fixture
def launcher_class() -> tuple[str, str]:
    """Module and name of what launches the runs."""
    return "dagster_k8s", "K8sRunLauncher"


@pytest.fixture
def monitored(
    running_api_server: ApiServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    launcher_class: tuple[str, str],
) -> Iterator[StepRun]:
    """A run of an instance whose run monitoring replaces a run worker once."""
    overrides = launcher(running_api_server, tmp_path) | {
        "run_monitoring": {"enabled": True, "max_resume_run_attempts": 1}
    }
    overrides["run_launcher"] |= dict(zip(("module", "class"), launcher_class, strict=True))
    with instance_in(tmp_path, overrides) as instance:
        run = StepRun(instance, running_api_server, tmp_path, monkeypatch)
        run.resumes = 1
        yield run
        run.abandon()
        assert run.said("could not be looked after") == [], "the executor itself was in trouble"


def monitor(run: StepRun) -> None:
    """What Dagster's daemon does every two minutes."""
    (record,) = run.instance.get_run_records()
    monitor_started_run(run.instance, None, record, logging.getLogger())  # type: ignore[arg-type]


def drain(run: StepRun) -> None:
    """Evict the pod of the newest run worker, and wait for its end."""
    job = run.server.workers()[-1]
    job.evict()
    assert job.process is not None
    eventually(lambda: job.process.poll() is not None, "the run worker ends")


def test_run_monitoring_replaces_a_drained_run_worker_and_the_steps_go_on(monitored: StepRun) -> None:
    run = monitored
    run.describe({"a": {"does": "hold"}, "b": {"after": ["a"]}}, {})
    run.launch_worker()
    eventually(lambda: run.began("a").exists(), "a begins")
    drain(run)

    assert run.status.status.value == "STARTED"
    (step,) = run.server.of_step("a")
    assert step.body["metadata"]["ownerReferences"][0]["kind"] == "Job"
    monitor(run)
    eventually(lambda: run.said("Checking on status"), "another run worker takes over")
    run.go("a")

    assert run.ends(), run.messages()
    assert [ends(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2
    assert [len(run.server.of_step(step)) for step in "ab"] == [1, 1]
    assert run.said("The run worker is taken away") == [
        "The run worker is taken away: The pod on the node node1 was evicted through the API: the node is drained "
        "or scaled down (Eviction API: evicting). The steps that run go on, and another run worker takes them over. They are removed "
        f"with the Job dagster-run-{run.run_id} if they take longer than 86400 s, its ttl_seconds_after_finished."
    ]


def test_a_run_worker_that_nothing_replaces_any_more_fails_its_run_with_the_cause(monitored: StepRun) -> None:
    run = monitored
    run.describe({"a": {"does": "hold"}}, {})
    run.launch_worker()
    eventually(lambda: run.began("a").exists(), "a begins")
    drain(run)
    monitor(run)
    eventually(lambda: run.said("Checking on status"), "another run worker takes over")
    drain(run)

    assert not run.ends()
    (failure,) = run.events("PIPELINE_FAILURE")
    assert failure.job_failure_data.error is not None
    assert (
        "was evicted through the API: the node is drained or scaled down (Eviction API: evicting). Nothing "
        "resumes the run, so it fails and its steps end with it. run_monitoring."
        "max_resume_run_attempts=1 is used up. Give the job the tag dagster/max_retries"
    ) in failure.job_failure_data.error.message
    assert [job.name for job in run.server.of_step("a")] == run.server.deleted


def test_a_launcher_that_leaves_recovery_out_resumes_no_run(
    monitored: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the agent of Dagster+ has it."""
    assert will_be_resumed(monitored.instance, "a run")

    monkeypatch.setattr(K8sRunLauncher, "supports_run_worker_crash_recovery", False)

    assert not will_be_resumed(monitored.instance, "a run")


def test_what_was_not_launched_when_the_signal_came_is_launched_by_the_next(monitored: StepRun) -> None:
    run = monitored
    run.server.faults.append(Fault("POST", "jobs", 503))
    run.describe({"a": {}}, {})
    run.start_worker()
    eventually(lambda: run.server.count("POST jobs"), "a launch is tried")
    run.worker.send_signal(signal.SIGTERM)
    run.worker.wait()
    run.server.faults.clear()
    assert run.server.created == []
    run.start_worker(resume=True)

    assert run.finish(), run.messages()
    assert ends(run, "a") == ["STEP_SUCCESS"]


def test_outside_of_a_pod_an_interrupt_ends_run_and_steps(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOSTNAME", raising=False)
    run.describe({"a": {"does": "hold"}}, {})
    run.start_worker()
    eventually(lambda: run.began("a").exists(), "a begins")
    run.worker.send_signal(signal.SIGINT)

    assert not run.finish()
    (said,) = run.said("The run worker is taken away")
    assert said.startswith(
        "The run worker is taken away: It runs in no pod; its process was told to end (SIGTERM or SIGINT). "
        "Nothing resumes the run, so it fails and its steps end with it. "
    )
    assert run.server.live_jobs() == []


@pytest.mark.parametrize(
    ("pod", "resumed", "owner"),
    [
        (POD, True, Owner("batch/v1", "Job", "dagster-run-1", "j")),
        (POD, False, Owner("v1", "Pod", "dagster-run-1-x", "p")),
        ({"metadata": {"name": "bare", "uid": "p"}}, True, Owner("v1", "Pod", "bare", "p")),
        (
            {"metadata": {"name": "server", "uid": "p", "ownerReferences": [{**JOB, "kind": "ReplicaSet"}]}},
            True,
            Owner("v1", "Pod", "server", "p"),
        ),
    ],
    ids=["of a Job", "not replaced", "bare", "a code server's"],
)
def test_steps_belong_to_what_outlives_the_pod_where_a_run_is_resumed(
    pod: dict[str, Any], *, resumed: bool, owner: Owner
) -> None:
    assert owner_in(pod, resumed=resumed) == owner


class Jobs(Cluster):
    """A cluster of one Job.

    Args:
        spec: Of the Job; a status that the API server answers instead of it.
    """

    def __init__(self, spec: dict[str, Any] | int) -> None:
        self._spec = spec

    def read_job(self, namespace: str, name: str) -> dict[str, Any] | None:
        assert (namespace, name) == ("etl", "dagster-run-1")
        if isinstance(self._spec, int):
            raise CallError(self._spec, "not yours")
        return {"spec": self._spec}


@pytest.mark.parametrize(
    ("spec", "seconds"), [({"ttlSecondsAfterFinished": 300}, 300), ({}, None), (403, None)]
)
def test_the_owner_of_the_steps_says_how_long_it_stays(
    spec: dict[str, Any] | int, seconds: int | None
) -> None:
    assert owner_of(Jobs(spec), "etl", POD, resumed=True) == Owner(
        "batch/v1", "Job", "dagster-run-1", "j", seconds
    )


def test_a_job_that_soon_goes_owns_no_step(monitored: StepRun) -> None:
    run = monitored
    run.describe({"a": {"does": "hold"}}, {})
    run.launch_worker(job_spec={"ttl_seconds_after_finished": 300})
    eventually(lambda: run.began("a").exists(), "a begins")

    (step,) = run.server.of_step("a")
    assert step.body["metadata"]["ownerReferences"][0]["kind"] == "Pod"
    drain(run)
    assert run.status.status.value == "STARTED"
    assert run.said("Step Jobs go with the run's pod") == [
        "Step Jobs go with the run's pod, so they start again when it is taken: its Job "
        f"dagster-run-{run.run_id} would take them along 300 s after that, by its ttl_seconds_after_finished. "
        "Give the runs 3600 or more of it (job_spec_config), so that their steps go on."
    ]
    assert "go with this one's pod and start again" in run.said("The run worker is taken away")[0]


@pytest.mark.parametrize(
    "launcher_class", [("dagster_cloud.execution.cloud_run_launcher.k8s", "CloudK8sRunLauncher")]
)
def test_a_run_whose_launcher_resumes_none_ends_whatever_run_monitoring_says(monitored: StepRun) -> None:
    """Dagster counts a resume as left, and would leave the run without an end."""
    run = monitored
    run.describe({"a": {"does": "hold"}}, {})
    run.launch_worker()
    eventually(lambda: run.began("a").exists(), "a begins")
    drain(run)

    assert not run.ends()
    (failure,) = run.events("PIPELINE_FAILURE")
    assert failure.job_failure_data.error is not None
    assert failure.job_failure_data.error.cls_name == "RunWorkerTaken"
    assert "Nothing resumes the run, so it fails" in failure.job_failure_data.error.message
    assert run.server.live_jobs() == [run.server.workers()[-1].name]


class Pods(Cluster):
    """A cluster of one pod and one node.

    Args:
        pod: The pod.
        node: The node.
    """

    def __init__(self, pod: dict[str, Any], node: dict[str, Any] | None) -> None:
        self._pod, self._node = pod, node

    def hastier(self, timeout: float) -> Cluster:
        assert timeout <= 2
        return self

    def pod(self, namespace: str, name: str) -> dict[str, Any]:
        assert (namespace, name) == ("etl", "x")
        return self._pod

    def nodes(self) -> list[Any]:
        return [self._node] if self._node else []


DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
ON_NODE = {"nodeName": "n1"}
CORDONED = {"metadata": {"name": "n1"}, "spec": {"unschedulable": True}}


@pytest.mark.parametrize(
    ("pod", "node", "said"),
    [
        (
            {"metadata": DELETED, "spec": ON_NODE},
            CORDONED,
            "The pod x on the node n1 is being deleted. Its node is cordoned.",
        ),
        (
            {"metadata": DELETED, "spec": ON_NODE},
            {"metadata": {"name": "n2"}},
            "The pod x on the node n1 is being deleted. Its node is gone.",
        ),
        ({"metadata": DELETED, "spec": ON_NODE}, None, "The pod x on the node n1 is being deleted."),
        (
            {"spec": ON_NODE},
            None,
            "The pod x on the node n1 is not being deleted: its node, or a process in it, sent the signal.",
        ),
    ],
)
def test_what_takes_a_run_worker_is_read_from_its_pod_and_node(
    pod: dict[str, Any], node: dict[str, Any] | None, said: str
) -> None:
    assert what_took(Pods(pod, node), ("etl", "x")) == Taken(said, "x", "n1")


def test_a_pod_that_may_not_be_read_is_no_reason_to_say_nothing(run: StepRun) -> None:
    run.server.faults.append(Fault("GET", "pods", 403, body={"kind": "Status", "message": "not yours"}))
    run.describe({"a": {"does": "hold"}}, {"owner_references": False})
    run.launch_worker()
    eventually(lambda: run.began("a").exists(), "a begins")
    run.server.workers()[-1].stop()

    assert not run.ends()
    (said,) = run.said("The run worker is taken away")
    assert "what took its pod" in said
    assert "cannot be read: HTTP 403 not yours. Nothing resumes the run" in said


RETRIES = (
    "Give the job the tag dagster/max_retries, or the deployment run_retries.max_retries, so that Dagster starts "
    "it again as another run"
)


@pytest.mark.parametrize(
    ("tags", "resumes", "in_dagster_plus", "said"),
    [
        ({}, 0, True, f"{RETRIES}."),
        ({"dagster/max_retries": "0"}, 3, True, f"{RETRIES}."),
        (
            {"dagster/max_retries": "2"},
            0,
            True,
            "Its tag dagster/max_retries=2 has Dagster start it again, as another run, as long as retries are left.",
        ),
        (
            {},
            0,
            False,
            f"{RETRIES}; or write run_monitoring: {{enabled: true, max_resume_run_attempts: 3}} in dagster.yaml, so "
            "that another run worker goes on with this one.",
        ),
    ],
)
def test_the_way_out_is_the_one_that_there_is(
    tags: dict[str, str], resumes: int, *, in_dagster_plus: bool, said: str
) -> None:
    assert way_out(tags, resumes=resumes, in_dagster_plus=in_dagster_plus) == said
