"""Calls that fail: what they mean, when an outage is told, and how launches wait for its end."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from api_server import ApiServer, Fault
from kubernetes.config import new_client_from_config
from plays import Play
from recordings import FOLDER
from step_runs import eventually

from dagster_plus_k8s_helpers import DiagnosisKind
from dagster_plus_k8s_helpers.executor.call_errors import CallError, answered, refusal
from dagster_plus_k8s_helpers.executor.cluster import Cluster
from dagster_plus_k8s_helpers.executor.launches import Launch, LaunchQueue, RateLimit
from dagster_plus_k8s_helpers.executor.outage import Backoff, Outage
from dagster_plus_k8s_helpers.executor.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

DOWN, THROTTLED = CallError(0, "Connection refused"), CallError(429, "Too Many Requests")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_outage_is_told_once_and_its_end_once() -> None:
    clock = Clock()
    outage = Outage(clock)

    outage.failed(DOWN)
    assert outage.news() is None
    clock.now = 3
    outage.failed(DOWN)
    outage.failed(DOWN)
    assert outage.news() == ("Connection refused", 0.0)
    outage.failed(DOWN)
    assert outage.news() is None
    clock.now = 30
    outage.succeeded()
    assert outage.news() == ("", 30.0)
    outage.succeeded()
    assert outage.news() is None


def test_an_outage_that_is_over_before_it_was_told_is_not_told() -> None:
    outage = Outage(Clock())
    outage.failed(DOWN)
    outage.failed(DOWN)
    outage.succeeded()

    assert outage.news() is None


def test_throttling_is_no_outage() -> None:
    outage = Outage(Clock())
    for _ in range(5):
        outage.failed(THROTTLED)

    assert outage.news() is None


def test_waits_double_up_to_a_limit_and_heed_what_the_api_asks() -> None:
    backoff = Backoff(first=0.5, most=4)

    assert [backoff.failed() for _ in range(5)] == [0.5, 1, 2, 4, 4]
    assert backoff.failed(at_least=10) == 10
    backoff.succeeded()
    assert backoff.failed() == 0.5


def test_a_rate_limit_gives_a_burst_and_then_its_rate() -> None:
    clock = Clock()
    limit = RateLimit(10, 3, clock)

    assert [limit.reserve() for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    clock.now = 100
    assert [limit.reserve() for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


@pytest.mark.parametrize(
    ("recorded", "summary", "field"),
    [
        ("requests-over-limits", 'The API server refused the Job (HTTP 422 Invalid): spec.template.spec.containers[0].resources.requests: Invalid value: "4Gi": must be less than or equal to memory limit of 2Gi.', "spec.template.spec.containers[0].resources.requests"),
        ("bad-quantity", "The API server refused the Job (HTTP 400 BadRequest): Job in version \"v1\" cannot be handled as a Job: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'.", None),
        ("unqualified-resource", 'The API server refused the Job (HTTP 422 Invalid): spec.template.spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified; spec.template.spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers.', "spec.template.spec.containers[0].resources.limits[gpu]"),
        ("conflict", 'The API server refused the Job (HTTP 409 AlreadyExists): jobs.batch "preempted" already exists.', None),
    ],
)  # fmt: skip
def test_a_refusal_says_the_apis_reason_and_the_field(recorded: str, summary: str, field: str | None) -> None:
    body = (FOLDER / f"rejected-{recorded}.json").read_text()

    diagnosis = refusal(answered(json.loads(body)["code"], "", body), "step")

    assert (diagnosis.kind, diagnosis.retryable) == (DiagnosisKind.JOB_REFUSED, False)
    assert diagnosis.summary == summary
    assert diagnosis.details.get("field") == field


@pytest.mark.parametrize("body", ["", "<html>", "[1]", '{"details": 5}', '{"details": {"causes": [5, {}]}}'])
def test_a_refusal_that_says_nothing_is_told_all_the_same(body: str) -> None:
    assert refusal(answered(403, "Forbidden", body), "step").summary == (
        "The API server refused the Job (HTTP 403 Forbidden): Forbidden."
    )


@pytest.mark.parametrize(
    ("written", "seconds"), [("3", 3.0), ("soon", 0.0), (None, 0.0), ("9999", 60.0), ("-1", 0.0)]
)
def test_the_wait_that_the_api_asks_for(written: str | None, seconds: float) -> None:
    assert answered(429, "", "", written).retry_after == seconds


def job(name: str, run: str = "run") -> dict[str, Any]:
    labels = {"dagster/run-id": run, "dagster/op": name, "app.kubernetes.io/component": "step_worker"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "dagster"}]}}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"template": template}}


def launch(name: str, priority: int = 0, run: str = "run") -> Launch:
    return Launch(name, "default", name, lambda: job(name, run), {"dagster/run-id": "run"}, priority)


@pytest.fixture
def cluster(api_server: ApiServer) -> Cluster:
    return Cluster(new_client_from_config(str(api_server.kubeconfig)), 5.0)


@pytest.fixture
def queue(cluster: Cluster) -> Iterator[LaunchQueue]:
    queue = LaunchQueue(cluster, Outage(), RateLimit(1000, 1000), tolerance=30)
    yield queue
    queue.close()


def test_higher_priorities_go_first(cluster: Cluster, api_server: ApiServer) -> None:
    begun, go = threading.Event(), threading.Event()

    def held() -> dict[str, Any]:
        begun.set()
        go.wait()
        return job("first")

    queue = LaunchQueue(cluster, Outage(), RateLimit(1000, 1000), tolerance=30)
    queue._threads = [threading.Thread()] * 7
    queue.submit(Launch("first", "default", "first", held))
    begun.wait()
    for number in (2, 9, 5):
        queue.submit(launch(f"p{number}", number))
    go.set()
    eventually(lambda: len(api_server.created) == 4)
    del queue._threads[:7]
    queue.close()

    assert api_server.created == ["first", "p9", "p5", "p2"]


def test_a_job_of_another_run_is_not_taken_for_ours(queue: LaunchQueue, api_server: ApiServer) -> None:
    api_server.create(job("a", run="another"))
    queue.submit(launch("a"))
    done: list[Any] = []
    eventually(lambda: done.extend(queue.done()) or done)

    assert done[0].problem.summary.startswith("The API server refused the Job (HTTP 409 AlreadyExists)")


def test_a_launch_that_is_cancelled_before_its_turn_never_happens(
    queue: LaunchQueue, api_server: ApiServer
) -> None:
    api_server.stop()
    queue.submit(launch("a"))
    eventually(lambda: queue._first_failure)
    queue.submit(launch("b"))
    eventually(lambda: queue._paused_until)

    assert not queue.cancel("a"), "its Job may be there: an answer may have been lost"
    api_server.start()
    queue.submit(launch("c"))
    eventually(lambda: "c" in api_server.created)
    assert "a" not in api_server.created


def test_a_job_that_cannot_be_built_fails_alone(queue: LaunchQueue) -> None:
    def broken() -> object:
        raise ValueError("no such volume")

    queue.submit(Launch("a", "default", "a", broken))
    done: list[Any] = []
    eventually(lambda: done.extend(queue.done()) or done)

    assert done[0].problem.summary == "The Job of the step could not be built: ValueError: no such volume."


def test_a_sweep_is_two_lists_in_pages(cluster: Cluster, api_server: ApiServer) -> None:
    api_server.page = 4
    for number in range(10):
        api_server.play(f"s{number}", Play("running", runs=False))
        api_server.create(job(f"s{number}"))
    api_server.create(job("other", run="another"))

    snapshot = sweep(cluster, "default", "run", {f"s{number}" for number in range(10)})

    assert len(snapshot.jobs) == len(snapshot.pods) == 10
    assert api_server.calls == {"LIST jobs": 3, "LIST pods": 3}


def test_a_sweep_without_the_permission_for_pods_says_so(cluster: Cluster, api_server: ApiServer) -> None:
    api_server.faults.append(Fault("GET", "pods", 403, body={"message": "pods is forbidden"}))
    api_server.create(job("a"))

    snapshot = sweep(cluster, "default", "run", {"a"})

    assert (list(snapshot.jobs), snapshot.pods_refused) == (["a"], "HTTP 403 pods is forbidden")


def test_pages_that_expired_are_listed_again(cluster: Cluster, api_server: ApiServer) -> None:
    api_server.create(job("a"))
    api_server.faults.append(Fault("GET", "jobs", 410, times=1))

    assert list(sweep(cluster, "default", "run", {"a"}).jobs) == ["a"]


def test_a_call_that_takes_too_long_is_a_call_that_failed(api_server: ApiServer) -> None:
    api_server.delay = 0.5
    hasty = Cluster(new_client_from_config(str(api_server.kubeconfig)), 0.05)

    with pytest.raises(CallError) as error:
        hasty.read_job("default", "a")

    assert error.value.is_passing
    api_server.delay = 0.0
