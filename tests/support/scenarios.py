"""Scenarios that are the same on the stand-in and on a cluster: what is run, and what its event log must say.

On a cluster the causes are real; on the stand-in they are played as they were recorded. The API server fails in a
proxy in front of either.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any, Protocol

from api_proxy import Refusals
from step_runs import PATIENCE, eventually

from dagster_plus_k8s_helpers import sized_by_usage
from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from api_proxy import ApiProxy
    from step_runs import StepRun

MEBI = 2**20
Tags = dict[str, dict[str, Any]]


class Cluster(Protocol):
    """What a scenario does to a cluster, and asks of it."""

    api: ApiProxy
    unschedulable: Tags
    start_timeout: float
    outage_seconds: float

    def evict(self, run: StepRun, step: str) -> None:
        """Evict the pod of a step through the API, as a drain does."""

    def evict_worker(self, run: StepRun) -> None:
        """Evict the pod of the run worker, as a drain does."""

    def delete_worker(self, run: StepRun) -> None:
        """Delete the pod of the run worker."""

    def worker_has_ended(self, run: StepRun) -> bool:
        """Whether the newest run worker's pod has ended."""

    def make_schedulable(self, run: StepRun, step: str) -> None:
        """Have a node that takes a step with the tags `unschedulable`."""

    def suspend(self, run: StepRun, step: str) -> None:
        """Set ``spec.suspend`` of a step's newest Job, as Kueue does to take its pod away."""

    def resume(self, run: StepRun, step: str) -> None:
        """Unset it, as Kueue does to admit the Job."""

    def refuse_kueue(self) -> None:
        """Skip a scenario in which a queue is named, and nothing must look at that."""

    def full_queue(self) -> str:
        """The name of a LocalQueue whose quota is used up; skips the scenario where there is no Kueue."""

    def make_room(self) -> None:
        """Let that queue admit what it holds."""

    def jobs(self, run: StepRun) -> list[str]:
        """Names of the Jobs of the run's steps that are there."""


def container(**fields: Any) -> Tags:
    return {"dagster-k8s/config": {"container_config": fields}}


def pod(**fields: Any) -> Tags:
    return {"dagster-k8s/config": {"pod_spec_config": fields}}


# More than any node has; both sides are said, so that nothing beneath makes another mistake of it.
HUGE = container(resources={"requests": {"cpu": "4000"}, "limits": {"cpu": "4000"}})
NO_SECRET = container(env_from=[{"secret_ref": {"name": "there-is-none"}}])
NO_ACCOUNT = pod(service_account_name="there-is-none")
MISNAMED = container(image="Not A Name")
OVER_LIMIT = container(resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}})
SUSPENDED: Tags = {"dagster-k8s/config": {"job_spec_config": {"suspend": True}}}
SMALL = container(resources={"requests": {"cpu": "10m", "memory": "128Mi"}})
IN_RUN_POD = {"dagster-plus-k8s/runs-in": "run-pod"}
# Looks that can be counted.
LISTS: dict[str, Any] = {"watch": False}
GONE_AT_ONCE: Tags = {"dagster-k8s/config": {"job_spec_config": {"ttl_seconds_after_finished": 0}}}


def ends(run: StepRun, step: str) -> list[str]:
    """What became of a step's attempts."""
    kinds = {"STEP_SUCCESS", "STEP_FAILURE", "STEP_UP_FOR_RETRY"}
    return [event.event_type_value for event in run.events(step=step) if event.event_type_value in kinds]


def failure_of(run: StepRun, step: str) -> dict[str, Any]:
    """The metadata of a step's only failure event."""
    (failure,) = run.events("STEP_FAILURE", step)
    return run.metadata(failure)


def usage_in(run: StepRun) -> list[Usage]:
    """What the event log says of usage, in its order."""
    events = [event.engine_event_data.metadata for event in run.events("ENGINE_EVENT")]
    found = [Usage.from_metadata({name: item.value for name, item in shown.items()}) for shown in events]
    return [usage for usage in found if usage is not None]


def more_looks(cluster: Cluster, count: int = 2) -> None:
    """Wait until the executor has looked at the Jobs a few times more."""
    before = cluster.api.count("LIST jobs")
    eventually(lambda: cluster.api.count("LIST jobs") >= before + count, "more looks")


def told_by_a_watch(run: StepRun, cluster: Cluster) -> None:
    """A process that dies without a word to Dagster, in a run that looks but once an hour."""
    run.start({"a": {"does": "wait, exit"}}, {"watch": True, "health_check_interval": 3600.0})
    eventually(lambda: run.begun("a"), "a begins")
    eventually(lambda: cluster.api.count("WATCH pods"), "its pod is watched")
    run.release("a")
    assert not run.finish()

    assert failure_of(run, "a")["exit_code"] == 3
    assert run.said("has no watch") == []


def success(run: StepRun, _cluster: Cluster) -> None:
    """Two steps, one after the other."""
    assert run.start({"a": {}, "b": {"after": ["a"]}}, {}).finish(), run.messages()

    assert [ends(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2


def oom_then_success(run: StepRun, _cluster: Cluster) -> None:
    """A step that needs more than it has, and less than four times as much."""
    step = {"does": "allocate 700", "memory": "300Mi"}
    assert run.start({"train": step}, {"memory_ladder": {}}).finish(), run.messages()

    assert ends(run, "train") == ["STEP_UP_FOR_RETRY", "STEP_UP_FOR_RETRY", "STEP_SUCCESS"]
    (last,) = [
        event for event in run.events("ENGINE_EVENT", "train") if "succeeded with" in str(event.message)
    ]
    assert run.metadata(last)["memory_tried"] == "300Mi, 600Mi, 1200Mi"
    of = [(usage.attempt, usage.oom_killed, usage.memory_limit_bytes) for usage in usage_in(run)]
    assert of == [(1, True, 300 * MEBI), (2, True, 600 * MEBI), (3, False, 1200 * MEBI)]


def measured(run: StepRun, _cluster: Cluster) -> None:
    """A step that says what it used, and one that fails after it has."""
    steps = {"train": {"does": "use 300", "memory": "1Gi"}, "other": {"does": "exit"}}
    assert not run.start(steps, {}).finish()

    by_job = {usage.job: usage for usage in usage_in(run)}
    assert len(by_job) == 2
    (train,) = [usage for usage in by_job.values() if usage.memory_limit_bytes is not None]
    assert train.memory_limit_bytes == train.memory_request_bytes == 1024 * MEBI
    assert train.memory_peak_bytes is not None
    assert 300 * MEBI <= train.memory_peak_bytes < 1024 * MEBI
    assert train.memory_max_bytes is not None
    assert train.memory_max_bytes >= train.memory_peak_bytes - MEBI
    assert train.cpu_seconds is not None
    assert 0 < train.cpu_seconds < 3600
    assert train.wall_seconds is not None
    assert 0 < train.wall_seconds < 3600
    assert not train.oom_killed
    assert len(run.said('Step "train" used at most ', "train")) == 1
    assert failure_of(run, "other")["exit_code"] == 3
    assert [message for message in run.messages() if "dagster-plus-k8s-usage" in message] == []


def sized_by_what_it_used(run: StepRun, _cluster: Cluster) -> None:
    """A step that gets in its second run what it used in its first, with some more."""
    steps = {"train": {"does": "use 300", "memory": "1Gi", "tags": sized_by_usage(at_least=1)}}
    assert run.start(steps, {}).finish(), run.messages()
    (first,) = usage_in(run)
    assert len(run.said("keeps its size", "train")) == 1

    assert run.start(steps, {}).finish(), run.messages()

    (second,) = usage_in(run)
    assert first.memory_peak_bytes is not None
    assert second.memory_limit_bytes is not None
    assert first.memory_peak_bytes * 1.15 <= second.memory_limit_bytes < 1024 * MEBI
    assert second.memory_request_bytes == second.memory_limit_bytes
    assert not second.oom_killed


def oom_at_the_cap(run: StepRun, _cluster: Cluster) -> None:
    """A step that needs more than it may get."""
    step = {"does": "allocate 900", "memory": "300Mi"}
    assert not run.start({"train": step}, {"memory_ladder": {"maximum": "400Mi"}}).finish()

    shown = failure_of(run, "train")
    assert (shown["kind"], shown["limit"], shown["memory_tried"]) == ("OOMKilled", "400Mi", "300Mi, 400Mi")


def exit_code(run: StepRun, _cluster: Cluster) -> None:
    """A process that dies without a word to Dagster."""
    assert not run.start({"train": {"does": "exit"}}, {}).finish()

    shown = failure_of(run, "train")
    assert (shown["kind"], shown["exit_code"]) == ("Error", 3)


def evicted(run: StepRun, cluster: Cluster) -> None:
    """A step without a RetryPolicy whose pod is evicted while it runs: it starts again, and succeeds."""
    run.start({"train": {"does": "wait"}}, LISTS)
    eventually(lambda: run.begun("train") == 1, "the first attempt")
    more_looks(cluster)
    cluster.evict(run, "train")
    eventually(lambda: run.begun("train") == 2, "the second attempt")
    run.release("train")
    assert run.finish(), run.messages()

    assert ends(run, "train")[-1] == "STEP_SUCCESS"
    assert len(run.said("It was not the step's fault: it starts again (disruption retry 1 of 2).")) >= 1


def unschedulable(run: StepRun, cluster: Cluster) -> None:
    """A pod that no node can take."""
    assert not run.start({"train": {"tags": HUGE}}, {"start_timeout": cluster.start_timeout}).finish()

    assert failure_of(run, "train")["kind"] == "Unschedulable"
    assert len(run.said("waits: Unschedulable: No node can take the pod: ")) == 1


def scheduled_after_all(run: StepRun, cluster: Cluster) -> None:
    """A pod that no node can take, until one can."""
    run.start({"train": {"tags": cluster.unschedulable}}, {})
    eventually(lambda: run.said("waits: Unschedulable: "), "the wait is told")
    cluster.make_schedulable(run, "train")
    assert run.finish(), run.messages()

    assert ends(run, "train") == ["STEP_SUCCESS"]
    assert len(run.said("waits: Unschedulable: ")) == 1


def missing_secret(run: StepRun, cluster: Cluster) -> None:
    """A pod that wants a Secret that is not there."""
    assert not run.start({"train": {"tags": NO_SECRET}}, {"start_timeout": cluster.start_timeout}).finish()

    assert failure_of(run, "train")["kind"] == "CreateContainerConfigError"


def missing_service_account(run: StepRun, _cluster: Cluster) -> None:
    """A pod that can never be created."""
    assert not run.start({"train": {"tags": NO_ACCOUNT}}, {}).finish()

    shown = failure_of(run, "train")
    assert (shown["kind"], shown["cause"]) == ("FailedCreate", "service_account")


def misnamed_image(run: StepRun, _cluster: Cluster) -> None:
    """An image that can never be pulled."""
    assert not run.start({"train": {"tags": MISNAMED}}, {}).finish()

    assert failure_of(run, "train")["kind"] == "InvalidImageName"


def one_refused_of_ten(run: StepRun, _cluster: Cluster) -> None:
    """A Job that the API server does not take, beside nine that it does."""
    steps: dict[str, dict[str, Any]] = {f"s{number}": {} for number in range(10)}
    steps["s3"] = {"tags": OVER_LIMIT}
    assert not run.start(steps, {}).finish()

    assert {step: ends(run, step) for step in steps if step != "s3"} == {
        step: ["STEP_SUCCESS"] for step in steps if step != "s3"
    }
    assert failure_of(run, "s3")["kind"] == "JobRefused"


def api_away(run: StepRun, cluster: Cluster) -> None:
    """The API server refuses connections for a while, as steps run and others are to be launched."""
    others = [f"s{number}" for number in range(4)]
    first = {"does": "wait", "tags": {"dagster/priority": "9"}}
    run.start({"a": first} | {step: {} for step in others}, {"launch_qps": 0.5, "launch_burst": 1})
    eventually(lambda: run.begun("a"), "a begins")
    cluster.api.stop()
    eventually(lambda: run.said("The Kubernetes API cannot be reached"), "the outage is told")
    time.sleep(cluster.outage_seconds)
    cluster.api.start()
    eventually(lambda: run.said("The Kubernetes API answers again, after "), "its end is told")
    run.release("a")
    assert run.finish(), run.messages()

    assert [ends(run, step) for step in ("a", *others)] == [["STEP_SUCCESS"]] * 5
    assert len(run.said("The Kubernetes API cannot be reached")) == 1


def api_hangs(run: StepRun, cluster: Cluster) -> None:
    """The API server takes connections and answers nothing."""
    run.start({"a": {"does": "wait"}, "b": {"after": ["a"]}}, {"call_timeout": 1.0, **LISTS})
    eventually(lambda: run.begun("a"), "a begins")
    cluster.api.hang()
    eventually(lambda: run.said("The Kubernetes API cannot be reached"), "the outage is told")
    run.release("a")
    eventually(lambda: ends(run, "a"), "a succeeds meanwhile")
    cluster.api.answer_again()
    assert run.finish(), run.messages()

    assert [ends(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2


def throttled(run: StepRun, cluster: Cluster) -> None:
    """A storm of 429 is patience, not an outage."""
    cluster.api.refusals.append(Refusals("POST", "jobs", 429, 6, {"Retry-After": "1"}))
    cluster.api.refusals.append(Refusals("GET", "pods", 429, 3, {"Retry-After": "1"}))
    assert run.start({step: {} for step in "abc"}, {}).finish(), run.messages()

    assert [ends(run, step) for step in "abc"] == [["STEP_SUCCESS"]] * 3
    assert run.said("cannot be reached") == []


def suspended(run: StepRun, cluster: Cluster) -> None:
    """A Job that is suspended waits, however long, and runs when it is resumed."""
    run.start({"train": {"tags": SUSPENDED}}, {"start_timeout": cluster.start_timeout, **LISTS})
    eventually(lambda: run.said("waits: JobSuspended: "), "the wait is told")
    # What a pod that does not start may take.
    time.sleep(cluster.start_timeout)
    more_looks(cluster)
    cluster.resume(run, "train")
    assert run.finish(), run.messages()

    assert ends(run, "train") == ["STEP_SUCCESS"]
    assert len(run.said("waits: JobSuspended: ")) == 1


def taken_by_its_queue(run: StepRun, cluster: Cluster) -> None:
    """A step whose Job is suspended while it runs, as Kueue does: it starts again, in a Job of its own."""
    cluster.refuse_kueue()
    run.start({"train": {"does": "wait"}}, {"queue": "team-a", **LISTS})
    eventually(lambda: run.begun("train") == 1, "the first attempt")
    more_looks(cluster)
    before = cluster.jobs(run)
    cluster.suspend(run, "train")
    eventually(lambda: run.begun("train") == 2, "the second attempt")
    run.release("train")
    assert run.finish(), run.messages()

    assert ends(run, "train")[-1] == "STEP_SUCCESS"
    (said,) = run.said("EvictedByQueue: Kueue took the pod away from the queue 'team-a'")
    assert said.endswith("It was not the step's fault: it starts again (disruption retry 1 of 2).")
    assert not set(before) & set(cluster.jobs(run))


def held_by_its_queue(run: StepRun, cluster: Cluster) -> None:
    """A step that Kueue holds says why, and runs when there is room."""
    settings = {"queue": cluster.full_queue(), "start_timeout": cluster.start_timeout, **LISTS}
    run.start({"train": {"tags": SMALL}}, settings)
    eventually(lambda: run.said("quota"), "why it waits is told")
    time.sleep(cluster.start_timeout)
    more_looks(cluster)
    cluster.make_room()
    assert run.finish(), run.messages()

    assert ends(run, "train") == ["STEP_SUCCESS"]
    assert run.said("waits: JobSuspended: The Job waits in the queue ")
    assert len(cluster.jobs(run)) <= 1


def in_run_pod(run: StepRun, cluster: Cluster) -> None:
    """Steps in the run worker's pod beside one in a pod of its own; when the pod goes, they start again."""
    run.resumes = 3
    steps: dict[str, dict[str, Any]] = {
        "small": {"does": "wait", "tags": IN_RUN_POD},
        "large": {"does": "wait"},
        "last": {"after": ["small", "large"], "tags": IN_RUN_POD},
    }
    run.describe_in_pods(steps, {})
    run.launch_worker()
    eventually(lambda: run.begun("small") and run.begun("large"), "both begin")
    assert len(cluster.jobs(run)) == 1
    cluster.evict_worker(run)
    eventually(lambda: cluster.worker_has_ended(run), "the run worker ends")
    assert not run.status.is_finished, run.messages()
    run.launch_worker(resume=1)
    eventually(lambda: run.begun("small") == 2, "it starts again")
    run.release("small")
    run.release("large")
    assert run.ends(), run.messages()

    assert [ends(run, step)[-1] for step in steps] == ["STEP_SUCCESS"] * 3
    assert [run.begun(step) for step in steps] == [2, 1, 1]


def lagging_cache(run: StepRun, cluster: Cluster) -> None:
    """A step fails, which the API server's cache does not know yet; another runs on."""
    run.start({"a": {"does": "wait"}, "b": {"does": "wait, exit"}}, LISTS)
    eventually(lambda: run.begun("a") and run.begun("b"), "both begin")
    more_looks(cluster)
    cluster.api.freeze_cache()
    run.release("b")
    more_looks(cluster, 3)
    cluster.api.thaw_cache()
    eventually(lambda: ends(run, "b"), "b fails")
    run.release("a")
    assert not run.finish()

    assert (ends(run, "a"), ends(run, "b")) == (["STEP_SUCCESS"], ["STEP_FAILURE"])
    assert failure_of(run, "b")["exit_code"] == 3


def early_ttl(run: StepRun, cluster: Cluster) -> None:
    """A Job that Kubernetes removes as soon as it ends."""
    run.start({"a": {"tags": GONE_AT_ONCE}, "b": {"does": "wait"}}, LISTS)
    eventually(lambda: ends(run, "a") and run.begun("b"), "a succeeds, b begins")
    eventually(lambda: len(cluster.jobs(run)) == 1, "the Job of a is gone")
    more_looks(cluster, 3)
    run.release("b")
    assert run.finish(), run.messages()

    assert [ends(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2


def cancelled(run: StepRun, cluster: Cluster) -> None:
    """A run that is cancelled takes the Jobs of its steps with it, also where its worker would be replaced."""
    run.resumes = 3
    run.describe({"a": {"does": "wait"}, "b": {"does": "wait"}}, {})
    run.start_worker()
    eventually(lambda: run.begun("a") and run.begun("b"), "both begin")
    run.instance.report_run_canceling(run.status)
    run.worker.send_signal(signal.SIGTERM)
    assert not run.finish()

    eventually(lambda: cluster.jobs(run) == [], "the Jobs are gone")
    assert run.said("Could not delete") == run.said("taken away") == []
    assert run.status.status.value == "CANCELED"


def worker_signalled(run: StepRun, cluster: Cluster) -> None:
    """A run worker that gets SIGTERM, twice, while nobody cancels its run; and another that goes on."""
    run.resumes = 3
    run.describe({"a": {"does": "wait"}, "b": {"does": "wait"}, "c": {"after": ["a"]}}, {})
    run.start_worker()
    eventually(lambda: run.begun("a") and run.begun("b"), "both begin")
    for _ in range(2):
        run.worker.send_signal(signal.SIGTERM)
    run.worker.wait(PATIENCE)
    assert run.status.status.value == "STARTED", run.messages()
    assert len(cluster.jobs(run)) == 2
    run.release("a")
    eventually(lambda: ends(run, "a"), "a succeeds while nobody looks")
    run.start_worker(resume=True)
    eventually(lambda: ends(run, "c"), "c succeeds")
    run.release("b")
    assert run.finish(), run.messages()

    assert [ends(run, step) for step in "abc"] == [["STEP_SUCCESS"]] * 3
    assert [run.begun(step) for step in "abc"] == [1, 1, 1]
    assert len(run.said("The run worker is taken away: ")) == 1


def worker_evicted(run: StepRun, cluster: Cluster) -> None:
    """A run worker whose pod is evicted: its steps go on, and another takes them over."""
    run.resumes = 3
    run.describe_in_pods({"a": {"does": "wait"}, "b": {"after": ["a"]}}, {})
    run.launch_worker()
    eventually(lambda: run.begun("a"), "a begins")
    cluster.evict_worker(run)
    eventually(lambda: cluster.worker_has_ended(run), "the run worker ends")
    assert not run.status.is_finished, run.messages()
    run.launch_worker(resume=1)
    eventually(lambda: run.said("Checking on status of in-progress step a"), "another takes over")
    run.release("a")
    assert run.ends(), run.messages()

    assert [ends(run, step) for step in "ab"] == [["STEP_SUCCESS"]] * 2
    assert [run.begun(step) for step in "ab"] == [1, 1]
    (said,) = run.said("The run worker is taken away: ")
    assert "was evicted through the API: the node is drained or scaled down" in said
    assert "The steps that run go on, and another run worker takes them over." in said


def worker_deleted(run: StepRun, cluster: Cluster) -> None:
    """A run worker whose pod is deleted, where nothing replaces it: the run fails at once, and says why."""
    run.describe_in_pods({"a": {"does": "wait"}}, {})
    run.launch_worker()
    eventually(lambda: run.begun("a"), "a begins")
    cluster.delete_worker(run)
    assert not run.ends()

    eventually(lambda: cluster.jobs(run) == [], "the Job of a is gone")
    (failure,) = run.events("PIPELINE_FAILURE")
    assert failure.job_failure_data.error is not None
    (said,) = run.said("The run worker is taken away: ")
    assert said in failure.job_failure_data.error.message
    assert " is being deleted." in said
    assert "Nothing resumes the run, so it fails and its steps end with it. Give the job the tag" in said


def resumed(run: StepRun, _cluster: Cluster) -> None:
    """A run worker that is killed, and another that goes on where it was."""
    run.describe({"a": {"does": "wait"}, "b": {"does": "wait"}, "c": {"after": ["a"]}}, {})
    run.start_worker()
    eventually(lambda: run.begun("a") and run.begun("b"), "both begin")
    run.worker.kill()
    run.worker.wait()
    run.release("a")
    eventually(lambda: ends(run, "a"), "a succeeds while nobody looks")
    run.start_worker(resume=True)
    eventually(lambda: ends(run, "c"), "c succeeds")
    run.release("b")
    assert run.finish(), run.messages()

    assert [ends(run, step) for step in "abc"] == [["STEP_SUCCESS"]] * 3
    assert [run.begun(step) for step in "abc"] == [1, 1, 1]


SCENARIOS: dict[str, Callable[[StepRun, Cluster], None]] = {
    scenario.__name__: scenario
    for scenario in (
        success,
        oom_then_success,
        measured,
        sized_by_what_it_used,
        oom_at_the_cap,
        exit_code,
        told_by_a_watch,
        evicted,
        unschedulable,
        scheduled_after_all,
        missing_secret,
        missing_service_account,
        misnamed_image,
        one_refused_of_ten,
        api_away,
        api_hangs,
        throttled,
        suspended,
        taken_by_its_queue,
        held_by_its_queue,
        in_run_pod,
        lagging_cache,
        early_ttl,
        cancelled,
        worker_signalled,
        worker_evicted,
        worker_deleted,
        resumed,
    )
}
