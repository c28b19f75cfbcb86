"""Calls that fail: what they mean, when an outage is told, and how launches wait for its end."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from api_server import ApiServer, Fault
from kubernetes.config import ConfigException, new_client_from_config
from plays import Play
from recordings import FOLDER
from step_runs import eventually

from dagster_plus_k8s_helpers import DiagnosisKind
from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.cluster.errors import CallError, answered, refusal
from dagster_plus_k8s_helpers.cluster.outage import Backoff, Outage, OutageNews
from dagster_plus_k8s_helpers.executor.launching.launches import Launch, LaunchQueue, RateLimit
from dagster_plus_k8s_helpers.executor.looking.snapshot import take_snapshot

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
    assert outage.news() == OutageNews("Connection refused", 0.0)
    outage.failed(DOWN)
    assert outage.news() is None
    clock.now = 30
    outage.succeeded()
    assert outage.news() == OutageNews("", 30.0)
    outage.succeeded()
    assert outage.news() is None


def test_an_outage_that_is_over_before_it_was_told_is_not_told() -> None:
    outage = Outage(Clock())
    outage.failed(DOWN)
    outage.failed(DOWN)
    outage.succeeded()

    assert outage.news() is None


def test_writes_that_fail_while_reads_go_through_are_one_outage() -> None:
    outage, broken = Outage(Clock()), CallError(500, "etcdserver: no leader")
    for _ in range(2):
        outage.failed(broken, "write")
        outage.succeeded("read")
    assert outage.news() == OutageNews("HTTP 500 etcdserver: no leader", 0.0)
    outage.failed(broken, "write")
    outage.succeeded("read")
    assert outage.news() is None, "it neither ends nor begins anew"

    outage.succeeded("write")
    assert outage.news() == OutageNews("", 0.0)


def test_any_answer_ends_an_outage_in_which_there_was_none() -> None:
    outage = Outage(Clock())
    for _ in range(2):
        outage.failed(DOWN, "write")
    outage.news()
    outage.succeeded("read")

    assert outage.news() == OutageNews("", 0.0)


def test_credentials_that_are_refused_are_no_connection_that_fails() -> None:
    outage = Outage(Clock())
    for _ in range(2):
        outage.failed(CallError(401, "Unauthorized"))

    assert outage.news() == OutageNews("HTTP 401 Unauthorized", 0.0, is_refusal=True)


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
    return Cluster(new_client_from_config(str(api_server.kubeconfig)), 30.0)


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


def test_a_conflict_with_a_job_that_is_being_deleted_is_no_refusal(
    queue: LaunchQueue, api_server: ApiServer
) -> None:
    gone = {"kind": "Status", "reason": "AlreadyExists", "message": "it exists", "code": 409}
    api_server.faults.append(Fault("POST", "jobs", 409, times=2, body=gone))
    queue.submit(launch("a"))
    done: list[Any] = []
    eventually(lambda: done.extend(queue.done()) or done)

    assert done[0].problem is None
    assert api_server.created == ["a"]


def test_a_pause_that_the_api_asks_for_is_heeded(cluster: Cluster, api_server: ApiServer) -> None:
    api_server.faults.append(Fault("GET", "jobs", 429, times=1, retry_after=7))

    with pytest.raises(CallError) as error:
        cluster.read_job("default", "a")

    assert (error.value.is_throttling, error.value.retry_after) == (True, 7.0)


def test_a_credential_plugin_that_fails_is_no_fault_of_the_job(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_configuration: object) -> None:
        raise ConfigException("exec: process returned 1")

    monkeypatch.setattr(cluster._client.configuration, "refresh_api_key_hook", broken)
    monkeypatch.setattr(cluster._client.configuration, "api_key", {"authorization": "x"})

    with pytest.raises(CallError) as error:
        cluster.read_job("default", "a")

    assert (error.value.is_passing, str(error.value)) == (True, "no credentials: exec: process returned 1")


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


def ten_jobs(server: ApiServer) -> list[str]:
    names = [f"s{number}" for number in range(10)]
    for name in names:
        server.play(name, Play("running", runs=False))
        server.create(job(name))
    server.create(job("other", run="another"))
    return names


def test_a_look_is_two_lists_from_the_cache(cluster: Cluster, api_server: ApiServer) -> None:
    snapshot = take_snapshot(cluster, "default", "run", ten_jobs(api_server))

    assert len(snapshot.jobs) == len(snapshot.pods) == 10
    cached = {"labelSelector": "dagster/run-id=run", "resourceVersion": "0", "namespace": "default"}
    assert api_server.queries == [("LIST jobs", cached), ("LIST pods", cached)]


def test_a_large_look_is_two_lists_in_pages(
    cluster: Cluster, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.executor.looking.snapshot._MANY", 9)
    names, api_server.page = ten_jobs(api_server), 4

    snapshot = take_snapshot(cluster, "default", "run", names)

    assert len(snapshot.jobs) == len(snapshot.pods) == 10
    assert [(what, query["limit"], query.get("continue")) for what, query in api_server.queries] == [
        (what, "500", page) for what in ("LIST jobs", "LIST pods") for page in (None, "4", "8")
    ]


def test_a_cache_that_misses_a_job_is_not_asked_for_its_pod(cluster: Cluster, api_server: ApiServer) -> None:
    api_server.freeze_cache()
    api_server.play("a", Play("running", runs=False))
    api_server.create(job("a"))

    snapshot = take_snapshot(cluster, "default", "run", ["a"])

    assert (list(snapshot.jobs), list(snapshot.pods)) == (["a"], ["a"])
    asked = [(what, query.get("resourceVersion")) for what, query in api_server.queries]
    assert asked == [("LIST jobs", "0"), ("LIST jobs", None), ("LIST pods", None)]


def test_a_pod_whose_end_the_cache_does_not_show_is_listed_past_it(
    cluster: Cluster, api_server: ApiServer
) -> None:
    api_server.play("a", Play("running", runs=False))
    api_server.create(job("a"))
    api_server.freeze_cache()
    api_server.played["a"].release(Play("exit-3", runs=False))
    jobs, _old_pods = api_server._cache  # type: ignore[misc]
    jobs[:] = [api_server.played["a"].job()]

    snapshot = take_snapshot(cluster, "default", "run", ["a"])

    assert snapshot.pods["a"][0]["status"]["phase"] == "Failed"  # type: ignore[index]
    assert [query.get("resourceVersion") for _what, query in api_server.queries] == ["0", "0", None]


def test_a_look_without_the_permission_for_pods_says_so(cluster: Cluster, api_server: ApiServer) -> None:
    api_server.faults.append(Fault("GET", "pods", 403, body={"message": "pods is forbidden"}))
    api_server.create(job("a"))

    snapshot = take_snapshot(cluster, "default", "run", ["a"])

    assert (list(snapshot.jobs), snapshot.refused) == (["a"], {"pods": "HTTP 403 pods is forbidden"})


def test_jobs_that_may_not_be_listed_are_read_a_few_at_a_time_the_ended_first(
    cluster: Cluster, api_server: ApiServer
) -> None:
    names = [f"s{number}" for number in range(30)]
    for name in names:
        api_server.play(name, Play("running", runs=False))
        api_server.create(job(name))
    api_server.played["s29"].release(Play("exit-3", runs=False))
    api_server.faults.append(Fault("LIST", "jobs", 403, body={"message": "jobs is forbidden"}))

    snapshot = take_snapshot(cluster, "default", "run", names)

    assert snapshot.refused == {"jobs": "HTTP 403 jobs is forbidden"}
    assert snapshot.read == {"s29", *names[:19]} == set(snapshot.jobs)
    assert snapshot.unknown == frozenset(), "the others run, which their pods show"
    api_server.faults.append(Fault("LIST", "pods", 403))
    assert take_snapshot(cluster, "default", "run", names).unknown == set(names[20:])


def test_pages_that_expired_are_listed_again(
    cluster: Cluster, api_server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.executor.looking.snapshot._MANY", 9)
    names, api_server.page = ten_jobs(api_server), 4
    api_server.faults.append(Fault("GET", "jobs", 410, times=1, asks=lambda query: "continue" in query))

    assert sorted(take_snapshot(cluster, "default", "run", names).jobs) == names
    assert api_server.count("LIST jobs") == 5


def test_a_call_that_takes_too_long_is_a_call_that_failed(api_server: ApiServer) -> None:
    api_server.delay = 0.5
    hasty = Cluster(new_client_from_config(str(api_server.kubeconfig)), 0.05)

    with pytest.raises(CallError) as error:
        hasty.read_job("default", "a")

    assert error.value.is_passing
    api_server.delay = 0.0


def test_a_call_that_waited_since_before_the_end_of_an_outage_makes_no_new_one() -> None:
    now = [0.0]
    outage = Outage(lambda: now[0])
    outage.failed(CallError(0, "no answer within 5 s", waited=5.0))
    assert outage.news() is not None
    now[0] = 10.0
    outage.succeeded()
    assert outage.news() is not None

    now[0] = 12.0
    outage.failed(CallError(0, "no answer within 5 s", waited=5.0), "write")
    assert outage.news() is None
    now[0] = 20.0
    outage.failed(CallError(0, "no answer within 5 s", waited=5.0), "write")
    assert outage.news() is not None
