"""Snapshots from watches: what they cost, what they may not miss, and when lists are taken instead."""

from __future__ import annotations

import itertools
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from api_server import ApiServer, Fault
from broken_answers import answer, dribbles, html, sends
from kubernetes.config import new_client_from_config
from plays import Play
from recordings import recording
from step_runs import eventually
from watched_objects import EXPIRED

from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.diagnosis.api_json import text
from dagster_plus_k8s_helpers.executor.looking import watch as watch_module
from dagster_plus_k8s_helpers.executor.looking.remains import Watched
from dagster_plus_k8s_helpers.executor.looking.snapshot import slim
from dagster_plus_k8s_helpers.executor.looking.snapshots import Snapshots
from dagster_plus_k8s_helpers.executor.looking.trouble import trouble_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from broken_answers import BrokenAnswer

    from dagster_plus_k8s_helpers.executor.looking.mirror import Mirror
    from dagster_plus_k8s_helpers.executor.looking.snapshot import Snapshot

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Looks:
    """Looks at the Jobs of a run, on the stand-in."""

    def __init__(self, server: ApiServer, most: int = 1000) -> None:
        self.server, self.clock, self.news = server, Clock(), threading.Event()
        self.watched: dict[str, float] = {}
        cluster = Cluster(new_client_from_config(str(server.kubeconfig)), 20.0)
        self.snapshots = Snapshots(
            cluster, "run", watch=True, most=lambda: most, on_news=self.news.set, clock=self.clock
        )

    def create(self, name: str, play: str = "running", **env: str) -> None:
        """Create a Job, and look at it from now on."""
        self.server.play(name, Play(play, runs=False))
        self.server.create(job(name, **env))
        self.watched[name] = self.clock.now

    def fail(self, name: str) -> None:
        """Have its container exit."""
        self.server.played[name].release(Play("exit-3", runs=False))

    def sees(self, name: str, play: str) -> None:
        """Have something happen to a Job and its pod, and wait until both have come on the watches."""
        place = self.snapshots._places["default"]
        before = [mirror.versions()[found] for mirror in place._mirrors for found in self._of(mirror, name)]
        self.server.played[name].release(Play(play, runs=False))

        def has_come() -> bool:
            now = [mirror.versions()[found] for mirror in place._mirrors for found in self._of(mirror, name)]
            return len(now) == len(before) and all(map(str.__ne__, now, before))

        eventually(has_come, "it has come")

    def _of(self, mirror: Mirror, name: str) -> list[str]:
        return [text(item, "metadata", "name") for item in mirror.by_job().get(name, [])]

    def look(self, *, consistent: bool = False) -> Snapshot:
        every = [Watched(name, "default", since) for name, since in self.watched.items()]
        return self.snapshots.take("default", list(self.watched), every, consistent=consistent)

    def begin(self) -> None:
        """The first look, and the watches that begin with it; or what brings them back."""

        def are_there() -> bool:
            self.look()
            return self.server.watches.open == 2

        eventually(are_there, "the watches are there")
        eventually(lambda: not self.lists_of_a_look(), "both are read")

    def lists(self) -> list[str]:
        """The calls that were made since, but for watches."""
        return [what for what, _query in self.server.queries if not what.startswith("WATCH")]

    def lists_of_a_look(self) -> list[str]:
        """The calls that one look makes."""
        self.server.queries.clear()
        self.look()
        return self.lists()

    def phase(self, name: str) -> str:
        """What a look says of a pod."""
        (pod,) = self.look().pods[name]
        return str(pod["status"]["phase"])  # type: ignore[index]


def job(name: str, **env: str) -> dict[str, Any]:
    labels = {"dagster/run-id": "run", "dagster/op": name}
    container = {"name": "dagster", "env": [{"name": key, "value": value} for key, value in env.items()]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"template": template}}


@pytest.fixture
def looks(api_server: ApiServer) -> Iterator[Looks]:
    looks = Looks(api_server)
    yield looks
    looks.snapshots.close(wait=True)
    eventually(lambda: not api_server.watches.open, "no connection is left")
    eventually(lambda: not [found for found in threading.enumerate() if found.name.startswith("watch-")])


def test_a_look_costs_no_call_and_shows_what_has_come(looks: Looks) -> None:
    looks.create("a")
    looks.begin()

    assert [looks.phase("a") for _ in range(5)] == ["Running"] * 5
    assert not looks.news.is_set()
    looks.sees("a", "exit-3")
    assert looks.news.is_set(), "a look is asked for"
    assert looks.phase("a") == "Failed"
    assert looks.server.queries == []


def test_what_goes_well_asks_for_no_look(looks: Looks) -> None:
    looks.create("a")
    looks.begin()

    looks.sees("a", "succeeded")
    assert looks.phase("a") == "Succeeded"
    looks.server.delete("a")
    eventually(lambda: not looks.snapshots._places["default"]._jobs.mirror.by_name(), "it is gone")
    assert not looks.news.is_set()


def test_a_job_that_no_list_has_is_read_by_name_as_long_as_it_is_looked_at(looks: Looks) -> None:
    looks.create("a")
    looks.server.play("b", Play("running", runs=False))
    hidden = job("b")
    hidden["metadata"]["labels"] = {}
    looks.server.create(hidden)
    looks.watched["b"] = looks.clock.now
    eventually(lambda: looks.look() and looks.server.watches.open == 2, "the watches are there")
    looks.clock.now += 4.0

    looks.fail("b")

    eventually(lambda: "conditions" in looks.look().jobs["b"]["status"], "its end is seen")
    looks.clock.now += 11.0
    assert "watch" not in looks.look().refused, "the watches are not to blame"


def test_a_watch_is_asked_for_as_kubernetes_has_it(looks: Looks) -> None:
    looks.create("a")
    looks.look()
    eventually(lambda: looks.server.watches.open == 2, "the watches are there")

    version = str(looks.server.versions.version)
    asked = {what: query for what, query in looks.server.queries if what.startswith("WATCH")}
    assert set(asked) == {"WATCH jobs", "WATCH pods"}
    for query in asked.values():
        assert 300 <= int(query.pop("timeoutSeconds")) <= 600
        assert query == {
            "watch": "1",
            "labelSelector": "dagster/run-id=run",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "namespace": "default",
        }


def test_nothing_of_an_environment_is_kept_but_what_must_be_masked(looks: Looks) -> None:
    looks.create("a")
    looks.begin()
    looks.create("b", QUERY="select-1", API_PASSWORD="hunter22")
    eventually(lambda: "b" in looks.look().jobs and "b" in looks.look().pods, "both have come")

    snapshot = looks.look()
    kept = [snapshot.jobs["b"], *snapshot.pods["b"]]

    assert snapshot.jobs["b"]["spec"].pop("hidden") == ("hunter22",)  # type: ignore[attr-defined]
    assert "select-1" not in json.dumps(kept)
    assert "hunter22" not in json.dumps(kept)
    place = looks.snapshots._places["default"]
    assert "hunter22" not in f"{vars(looks.snapshots)} {vars(place)} {vars(place._jobs)} {place._jobs.mirror}"


@pytest.mark.parametrize("told", [True, False], ids=["event", "answer"])
def test_a_version_that_is_too_old_is_begun_anew_from_a_list(looks: Looks, *, told: bool) -> None:
    looks.create("a")
    looks.begin()
    looks.server.tells_expiry = told
    with looks.server.watches.lock:
        looks.server.versions.compact()
        looks.fail("a")
        looks.server.versions.see()
        looks.server.versions.compact()
        looks.server.watches.cut()

    eventually(looks.news.is_set, "a look is asked for")
    looks.begin()

    assert looks.phase("a") == "Failed"
    assert looks.lists() == []


def test_an_event_that_says_so_too(looks: Looks) -> None:
    looks.create("a")
    looks.begin()

    looks.server.watches.cut(json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n")

    eventually(looks.news.is_set, "a look is asked for")
    assert looks.phase("a") == "Running"
    assert [(what, query.get("resourceVersion")) for what, query in looks.server.queries][:2] == [
        ("LIST jobs", None),
        ("LIST pods", None),
    ], "past the cache, which may be older"


def test_a_watch_that_is_cut_in_a_line_goes_on_without_a_list(looks: Looks) -> None:
    looks.create("a")
    looks.begin()

    looks.server.watches.cut(b'{"type":"MODIFIED","object":{"metad')
    looks.sees("a", "exit-3")

    assert looks.phase("a") == "Failed", "nothing was missed"
    assert looks.server.count("WATCH pods") == looks.server.count("WATCH jobs") == 2
    assert looks.lists() == []


@pytest.mark.parametrize(
    "line",
    [
        b"no JSON",
        b"[]",
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"type": "ADDED"}',
        b'{"type": "ADDED", "object": []}',
        b'{"type": "ADDED", "object": {"metadata": {"name": 5, "resourceVersion": "9"}}}',
        b'{"type": "ADDED", "object": {"metadata": {"name": "a"}}}',
        b'{"type": "RENAMED", "object": {"metadata": {"name": "a", "resourceVersion": "9"}}}',
        b'{"type": "BOOKMARK", "object": {"metadata": {}}}',
        b'{"type": "ERROR", "object": {"code": "many"}}',
        b'{"kind": "Status", "status": "Failure", "code": 500}',
        b"<html>Sign in</html>",
    ],
)
def test_what_is_no_change_of_an_object_is_followed_by_a_list(looks: Looks, line: bytes) -> None:
    looks.create("a")
    looks.begin()

    looks.server.watches.cut(line + b"\n")
    eventually(lambda: all(watch.needs_list for watch in looks.snapshots._places["default"]._watches))

    assert looks.phase("a") == "Running"
    assert looks.lists() == ["LIST jobs", "LIST pods"]
    looks.fail("a")
    eventually(lambda: looks.phase("a") == "Failed", "the watches have begun anew")


@pytest.mark.parametrize(
    "written",
    [
        sends(HEAD + b"\r\n" + b"x" * 2**16),
        sends(HEAD + b"Content-Encoding: gzip\r\n\r\n" + b"x" * 100),
        dribbles(HEAD + b"\r\n", lambda: itertools.repeat(b"x")),
        dribbles(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", lambda: itertools.repeat(b"1\r\nx\r\n")),
        dribbles(HEAD, lambda: itertools.repeat(b"x")),
        sends(),
        sends(HEAD + b"Content-Length: 10\r\n\r\n{}"),
        sends(answer(b"{}", "204 No Content")),
        html("200 OK"),
        html("403 Forbidden"),
        html("302 Found", "Location: https://login.example.com"),
        html("502 Bad Gateway"),
    ],
    ids=[
        "huge",
        "gzip",
        "dribbles",
        "chunks",
        "headers",
        "end",
        "cut",
        "empty",
        "page",
        "403",
        "login",
        "502",
    ],
)
def test_whatever_comes_instead_of_a_watch_leaves_looks_with_lists_until_it_heals(
    api_server: ApiServer, written: BrokenAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.cluster.streams._MOST_BYTES", 2**12)
    monkeypatch.setattr(watch_module, "_GAP_SECONDS", 0.0)
    monkeypatch.setattr(watch_module, "_MOST_PAUSE_SECONDS", 0.5)
    looks = Looks(api_server)
    looks.snapshots._cluster._timeout = 0.5
    fault = Fault("WATCH", "pods", writes=written)
    api_server.faults.append(fault)
    looks.create("a")
    looks.look()
    eventually(lambda: api_server.count("WATCH pods") > 1, "it is tried again")
    looks.snapshots._cluster._timeout = 20.0

    looks.fail("a")
    eventually(lambda: looks.phase("a") == "Failed", "it is listed")
    assert "watch" not in looks.look().refused, "a watch may come yet"
    fault.times = 0
    eventually(lambda: not looks.lists_of_a_look(), "it has come")
    looks.snapshots.close(wait=True)


def test_who_may_not_watch_lists_and_is_told_the_verb(looks: Looks) -> None:
    said = 'pods is forbidden: User "dagster" cannot watch resource "pods" in API group ""'
    looks.server.faults.append(Fault("WATCH", "pods", 403, body={"message": said}))
    looks.create("a")
    looks.look()
    eventually(looks.news.is_set, "it is told at once")

    for _ in range(3):
        looks.server.queries.clear()
        assert looks.look().refused == {"watch": f"HTTP 403 {said}"}
        assert looks.lists() == ["LIST jobs", "LIST pods"]
    assert looks.server.count("WATCH pods") == 1, "it is not tried again"
    eventually(lambda: looks.server.watches.open == 0, "one without the other is no use")


@pytest.mark.parametrize("resource", ["jobs", "pods"])
def test_who_may_not_list_has_no_watch(looks: Looks, resource: str) -> None:
    looks.server.faults.append(Fault("LIST", resource, 403, body={"message": "no"}))
    looks.create("a")

    assert [set(looks.look().refused) for _ in range(2)] == [{resource}] * 2
    assert looks.server.count("WATCH pods") == looks.server.count("WATCH jobs") == 0


def test_a_silent_watch_is_found_out_by_a_list_and_not_used_any_more(looks: Looks) -> None:
    looks.create("a")
    looks.begin()
    looks.server.watches.fall_silent()
    looks.fail("a")
    assert looks.phase("a") == "Running"
    looks.clock.now += 31

    assert looks.phase("a") == "Failed", "a list shows it"
    looks.clock.now += 11
    snapshot = looks.look()

    assert "holds it back" in snapshot.refused["watch"]
    looks.server.queries.clear()
    looks.look()
    assert looks.lists() == ["LIST jobs", "LIST pods"]


def test_a_watch_that_brings_what_a_list_shows_stays_in_use(looks: Looks) -> None:
    looks.create("a")
    looks.server.watches.bookmarks = 0.0
    looks.begin()
    looks.server.watches.fall_silent()
    looks.fail("a")
    looks.clock.now += 31
    assert looks.phase("a") == "Failed"
    looks.server.watches.silent = False
    place = looks.snapshots._places["default"]
    eventually(
        lambda: all(any(map(trouble_in, mirror.by_name().values())) for mirror in place._mirrors),
        "it comes late",
    )

    def pass_time(seconds: float) -> list[str]:
        looks.clock.now += seconds
        eventually(lambda: all(watch._heard == looks.clock.now for watch in place._watches), "bookmarks")
        assert "watch" not in looks.look().refused
        return looks.lists_of_a_look()

    assert [pass_time(seconds) for seconds in (11, 280)] == [[], []], "the next comparison is later"
    looks.clock.now += 10
    assert looks.lists_of_a_look() == ["LIST jobs", "LIST pods"]


def test_of_a_job_that_has_just_been_created_nothing_is_said_before_it_has_come(looks: Looks) -> None:
    looks.create("a")
    looks.begin()
    looks.server.watches.fall_silent()
    looks.create("b")

    assert looks.look().unknown == {"b"}
    assert looks.lists() == []
    looks.clock.now += 4
    snapshot = looks.look()
    assert "b" in snapshot.jobs
    assert snapshot.unknown == frozenset()
    looks.clock.now += 11
    assert "holds it back" in looks.look().refused["watch"], "each launch tells whether a watch works"


def test_that_a_job_is_gone_is_certain(looks: Looks) -> None:
    looks.create("a")
    looks.create("b")
    looks.begin()
    looks.clock.now += 5

    looks.server.delete("a")
    eventually(looks.news.is_set, "a look is asked for")
    snapshot = looks.look()

    assert set(snapshot.jobs) == {"b"}
    assert snapshot.read == {"a"}
    assert looks.lists() == ["LIST jobs", "LIST pods", "GET jobs"]


def test_a_consistent_look_passes_by_what_a_watch_has_brought(looks: Looks) -> None:
    looks.create("a")
    looks.begin()

    looks.look(consistent=True)

    assert looks.lists() == ["LIST jobs", "LIST pods"]


def test_the_end_of_a_pod_whose_job_has_ended_is_looked_for(looks: Looks) -> None:
    looks.create("a")
    looks.begin()
    looks.server.played["a"].release(Play("exit-3", runs=False, pods_vanish=True))
    eventually(lambda: not looks.snapshots._places["default"]._pods.mirror.by_name(), "it is gone")
    eventually(looks.news.is_set, "a look is asked for")

    looks.look()

    assert looks.lists()[:2] == ["LIST jobs", "LIST pods"]


def test_a_run_of_many_steps_keeps_those_that_matter(looks: Looks) -> None:
    looks.create("a")
    looks.create("b")
    looks.begin()
    since = looks.watched.pop("a")
    looks.look()
    place = looks.snapshots._places["default"]
    assert set(place._pods.mirror.by_job()) == {"a", "b"}, "its end may be on its way"
    looks.clock.now += 29
    looks.look()
    looks.clock.now += 61
    looks.look()

    assert [set(mirror.by_job()) for mirror in place._mirrors] == [{"b"}] * 2
    looks.fail("a")
    looks.create("c")
    eventually(lambda: "c" in looks.look().jobs, "it has come")
    assert set(place._jobs.mirror.by_name()) == {"b", "c"}
    looks.watched["a"] = since
    assert looks.phase("a") == "Failed", "a list knows it"
    looks.server.queries.clear()
    assert looks.phase("a") == "Failed"
    assert looks.lists() == [], "and it is kept again"


def test_more_objects_than_there_can_be_end_a_watch(api_server: ApiServer) -> None:
    looks = Looks(api_server, most=1)
    looks.create("a")
    looks.begin()

    looks.create("b")

    eventually(lambda: "the watch does not end: 2 objects" in looks.look().refused.get("watch", ""))
    looks.snapshots.close(wait=True)


def test_objects_that_only_go_end_a_watch_too(api_server: ApiServer) -> None:
    looks = Looks(api_server, most=10)
    looks.create("a")
    looks.begin()

    gone = [{"name": f"nobodys-{number}", "resourceVersion": str(10_000 + number)} for number in range(11)]
    events = [{"type": "DELETED", "object": {"metadata": metadata}} for metadata in gone]
    api_server.watches.cut(b"".join(json.dumps(event).encode() + b"\n" for event in events))

    eventually(lambda: "the watch does not end: 11 objects" in looks.look().refused.get("watch", ""))
    looks.snapshots.close(wait=True)


def test_a_connection_that_says_nothing_is_opened_again_without_a_list(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "_SILENCE_SECONDS", 0.2)
    looks.create("a")
    looks.look()
    looks.server.queries.clear()
    eventually(lambda: looks.server.count("WATCH pods") > 2, "it is opened again")

    assert looks.lists() == []


def test_a_thread_that_hears_nothing_for_too_long_is_not_relied_on(looks: Looks) -> None:
    looks.create("a")
    looks.begin()
    looks.clock.now += 20
    assert looks.look().refused == {}
    looks.clock.now += 200

    looks.look()

    assert looks.lists() == ["LIST jobs", "LIST pods"]
    eventually(lambda: looks.server.count("WATCH pods") == 2, "it is opened again")


def test_a_bookmark_moves_the_version_on(looks: Looks) -> None:
    looks.create("a")
    looks.server.watches.bookmarks = 0.0
    looks.begin()
    with looks.server.watches.lock:
        looks.server.versions.compact()
    eventually(
        lambda: all(
            int(watch._version) >= looks.server.versions.compacted
            for watch in looks.snapshots._places["default"]._watches
        ),
        "it is told",
    )

    looks.server.watches.cut()

    looks.sees("a", "exit-3")
    assert looks.phase("a") == "Failed", "it goes on from there"
    assert looks.server.count("WATCH pods") == 2
    assert looks.lists() == []


def test_an_answer_without_chunks_is_a_watch_as_well(looks: Looks) -> None:
    looks.server.watches.bare = True
    looks.create("a")
    looks.begin()
    looks.sees("a", "exit-3")

    assert looks.phase("a") == "Failed", "it is read as it comes"
    assert looks.lists() == []


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("running", "pods", set()),
        ("succeeded", "pods", set()),
        ("succeeded", "job", set()),
        ("exit-3", "job", {("failed", "")}),
        ("exit-3", "pods", {("failed", ""), ("ended", "dagster", "3", "Error")}),
        ("oom-killed", "pods", {("failed", ""), ("ended", "dagster", "137", "OOMKilled")}),
        ("image-pull", "pods", {("waits", "dagster", "ImagePullBackOff")}),
        ("unschedulable-cpu", "pods", {("PodScheduled", "Unschedulable")}),
    ],
)
def test_what_is_worth_a_look_at_once(name: str, of: str, expected: set[tuple[str, ...]]) -> None:
    found = recording(name)[of]
    (item,) = found if of == "pods" else (found,)

    assert trouble_in(slim(item)) == expected


@pytest.mark.parametrize(
    "item", [{}, {"status": []}, {"status": {"conditions": {}, "containerStatuses": [5]}}]
)
def test_an_object_of_another_shape_has_no_trouble(item: Any) -> None:
    assert trouble_in(slim(item)) == frozenset()
