"""Behind how many others a Job waits: asked of Kueue where it tells, worked out where it may be, else not told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from kubernetes.config import new_client_from_config
from kueue import admitted, workload
from plays import Play

from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.executor.looking.queue_places import QueuePlaces

if TYPE_CHECKING:
    from api_server import ApiServer

VISIBILITY = "/apis/visibility.kueue.x-k8s.io"
NONE_THERE = {f"{VISIBILITY}/{version}" for version in ("v1beta2", "v1beta1")}
OTHERS = [workload("a", "team-a"), workload("b", "team-b"), workload("c", "team-a")]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(api_server: ApiServer, clock: Clock) -> QueuePlaces:
    return QueuePlaces(Cluster(new_client_from_config(str(api_server.kubeconfig)), 30.0), clock)


def held(server: ApiServer, name: str, queue: str = "team-a") -> dict[str, Any]:
    """A Job that waits in a queue."""
    server.play(name, Play(runs=False, held={}))
    metadata = {"name": name, "labels": {"dagster/op": name, "kueue.x-k8s.io/queue-name": queue}}
    server.create({"metadata": metadata, "spec": {"template": {"spec": {"containers": [{}]}}}})
    return server.played[name].job()


def positions(places: QueuePlaces, job: dict[str, Any]) -> tuple[object, object]:
    place = places.of(job) or {}
    return place.get("positionInClusterQueue"), place.get("positionInLocalQueue")


def asked(server: ApiServer) -> list[str]:
    return [call for call, _query in server.queries]


def test_kueue_is_asked_once_a_queue_and_no_more_for_a_minute(
    api_server: ApiServer, places: QueuePlaces, clock: Clock
) -> None:
    api_server.workloads_of_others = OTHERS
    first, second, other = held(api_server, "x"), held(api_server, "y"), held(api_server, "z", "team-b")

    for _look in range(3):
        places.read("default", [first, second, other])

    assert [positions(places, job) for job in (first, second, other)] == [(3, 2), (4, 3), (5, 1)]
    assert asked(api_server) == ["GET localqueues"] * 2
    api_server.workloads_of_others = []
    clock.now = 61.0
    places.read("default", [first])
    assert positions(places, first) == (0, 0)


def test_a_job_that_comes_later_is_asked_about_at_once(api_server: ApiServer, places: QueuePlaces) -> None:
    first = held(api_server, "x")
    places.read("default", [first])
    second = held(api_server, "y")

    places.read("default", [first, second])

    assert positions(places, second) == (1, 1)
    places.forget_all_but({"y"})
    assert places.of(first) is None


def test_an_older_kueue_is_asked_in_its_own_version(api_server: ApiServer, places: QueuePlaces) -> None:
    api_server.gone.add(f"{VISIBILITY}/v1beta2")
    first = held(api_server, "x")

    places.read("default", [first])
    places.read("default", [first, held(api_server, "y", "team-b")])

    assert positions(places, first) == (0, 0)
    assert (
        api_server.count(f"GET {VISIBILITY}/v1beta2/namespaces/default/localqueues/team-a/pendingworkloads")
        == 1
    )
    assert len(api_server.queries) == 3


def older(name: str, **more: Any) -> dict[str, Any]:
    return workload(name, "team-a", **more)


@pytest.mark.parametrize("refusal", ["none there", "forbidden"])
def test_where_kueue_does_not_tell_the_workloads_of_the_queue_do(
    api_server: ApiServer, places: QueuePlaces, clock: Clock, refusal: str
) -> None:
    if refusal == "forbidden":
        api_server.faults.append(Fault("GET", "localqueues", 403))
    else:
        api_server.gone |= NONE_THERE
    young = older("young")
    young["metadata"]["creationTimestamp"] = "2999-01-01T00:00:00Z"
    urgent = older("urgent", spec={"queueName": "team-a", "priority": 1000})
    urgent["metadata"]["creationTimestamp"] = "2999-01-01T00:00:00Z"
    api_server.workloads_of_others = [
        *OTHERS,
        young,
        urgent,
        older("admitted", status=admitted()),
        older("done", status={"conditions": [{"type": "Finished", "status": "True"}]}),
        older("off", spec={"queueName": "team-a", "active": False}),
    ]
    job = held(api_server, "x")

    for _look in range(3):
        places.read("default", [job])

    assert positions(places, job) == (None, 3)
    assert asked(api_server).count("LIST workloads") == 1
    before = asked(api_server).count("GET localqueues")
    clock.now = 61.0
    places.read("default", [job])
    assert asked(api_server).count("LIST workloads") == 2
    assert asked(api_server).count("GET localqueues") == before


def test_who_may_read_neither_is_told_nothing_and_does_not_go_on_asking(
    api_server: ApiServer, places: QueuePlaces, clock: Clock
) -> None:
    api_server.faults += [Fault("GET", "localqueues", 403), Fault("LIST", "workloads", 403)]
    job = held(api_server, "x")

    for minute in range(3):
        clock.now = 70.0 * minute
        places.read("default", [job])
    places.read("default", [job], may_list=False)

    assert places.of(job) is None
    assert asked(api_server) == ["GET localqueues", "LIST workloads"]


def test_more_workloads_than_one_call_brings_tell_nothing(api_server: ApiServer, places: QueuePlaces) -> None:
    api_server.gone |= NONE_THERE
    api_server.workloads_of_others = [older(str(number)) for number in range(600)]
    job = held(api_server, "x")

    places.read("default", [job])

    assert places.of(job) is None


def test_a_queue_that_is_not_there_hides_the_others_no_place(
    api_server: ApiServer, places: QueuePlaces
) -> None:
    missing = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404}
    api_server.faults.append(Fault("GET", "localqueues", 404, times=1, body=missing))
    lost, job = held(api_server, "x", "nowhere"), held(api_server, "y")

    places.read("default", [lost, job])

    assert places.of(lost) is None
    assert positions(places, job) == (1, 0)


def test_a_server_that_fails_is_asked_again_a_moment_later(
    api_server: ApiServer, places: QueuePlaces, clock: Clock
) -> None:
    api_server.faults.append(Fault("GET", "localqueues", 503, times=1))
    job, other = held(api_server, "x"), held(api_server, "y", "team-b")

    places.read("default", [job, other])
    places.read("default", [job, other])
    assert places.of(job) is places.of(other) is None
    assert asked(api_server) == ["GET localqueues"]
    clock.now += 5.0
    places.read("default", [job])

    assert positions(places, job) == (0, 0)
    assert asked(api_server) == ["GET localqueues"] * 2
