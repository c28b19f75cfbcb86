"""Bad networks, in real runs: whatever comes in place of an answer is told in time, costs no step, and heals."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from api_server import Fault
from broken_answers import BROKEN, BrokenAnswer, html, says
from kubernetes.config import new_client_from_config
from plays import Play
from scenarios import ends
from step_runs import eventually

from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.cluster.deletions import Deletions
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.outage import Outage
from dagster_plus_k8s_helpers.executor.launching.launches import Launch, LaunchQueue, RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from api_server import ApiServer
    from step_runs import StepRun

# A call that is answered in the end must not be late for a busy machine; one that never is costs its timeout.
SETTINGS = {"call_timeout": 30.0, "health_check_interval": 0.1, "owner_references": False}
HASTY = {**SETTINGS, "call_timeout": 1.0}
LATE = "no answer within 1 s"
WITHOUT_END = [name for name, (_written, reason) in BROKEN.items() if "within 1 s" in reason]
EMPTY_LIST = {"kind": "JobList", "metadata": {}, "items": []}


@pytest.fixture(autouse=True)
def _small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.cluster.timed_http._MOST_BYTES", 2**20)


def threads_of_calls() -> int:
    return sum(thread.name == "secrets-call" for thread in threading.enumerate())


def outages(run: StepRun) -> list[str]:
    return [said.partition(": ")[2].partition(". Steps that")[0] for said in run.said("cannot be reached: ")]


def told_of_a_look_at(run: StepRun, name: str) -> list[str]:
    """What is told while looks get this, which then heals."""
    before = len(outages(run))
    run.server.faults.append(Fault("GET", "jobs", writes=BROKEN[name][0]))
    eventually(lambda: len(outages(run)) > before, name)
    run.server.faults.clear()
    eventually(lambda: len(run.said("answers again")) == len(outages(run)), f"the end of {name}")
    return outages(run)[before:]


def test_whatever_a_look_gets_is_told_and_heals(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}}, SETTINGS)
    eventually(lambda: run.began("a").exists(), "a begins")

    for name, (_written, reason) in BROKEN.items():
        if name not in WITHOUT_END:
            assert told_of_a_look_at(run, name) == [reason], name
    run.go("a")

    assert run.finish(), run.messages()
    assert ends(run, "a") == ["STEP_SUCCESS"]
    assert run.server.deleted == []
    eventually(lambda: not threads_of_calls(), "no call is left behind")


def test_a_look_whose_answer_never_ends_is_cut_off_and_heals(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}}, HASTY)
    eventually(lambda: run.began("a").exists(), "a begins")

    for name in WITHOUT_END:
        reason, told = BROKEN[name][1], set()
        # A busy machine may not even begin an answer in this second, or be late with a good one.
        for _try in range(5):
            told.update(told_of_a_look_at(run, name))
            if reason in told:
                break
        assert {reason} <= told <= {reason, LATE}, name
    run.go("a")

    assert run.finish(), run.messages()
    assert ends(run, "a") == ["STEP_SUCCESS"]
    assert run.server.deleted == []
    eventually(lambda: not threads_of_calls(), "no call is left behind")


@pytest.mark.parametrize(
    "name",
    [
        "a body that dribbles",
        "headers that dribble",
        "the end of the connection",
        "a page",
        "a page that says 403",
        "a login",
        "no body",
        "deep JSON",
        "a failure that says 200",
    ],
)
def test_whatever_a_launch_gets_is_told_and_the_step_runs_once(run: StepRun, name: str) -> None:
    written, reason = BROKEN[name]
    run.server.faults.append(Fault("POST", "jobs", writes=written))
    run.start({"a": {}}, {**SETTINGS, "call_timeout": 3.0} if name in WITHOUT_END else SETTINGS)
    eventually(lambda: outages(run), name)
    run.server.faults.clear()

    assert run.finish(), run.messages()
    assert outages(run) == [reason.replace("within 1 s", "within 3 s")]
    assert ends(run, "a") == ["STEP_SUCCESS"]
    assert len(run.server.created) == 1
    assert run.server.deleted == []


def test_a_launch_that_dribbles_for_longer_than_is_tolerated_fails_its_step(run: StepRun) -> None:
    run.server.faults.append(Fault("POST", "jobs", writes=BROKEN["a body that dribbles"][0]))

    assert not run.start({"a": {}}, {**SETTINGS, "call_timeout": 3.0, "api_outage_tolerance": 1.0}).finish()

    assert run.messages("STEP_FAILURE") == [
        'Step "a" failed: ApiUnreachable: The Job could not be created for 1 s: the answer has not ended within '
        "3 s. Raise api_outage_tolerance if the API server can be away for longer."
    ]


def endless(page: list[dict[str, Any]], *tokens: str) -> BrokenAnswer:
    """Pages after which there is always another."""
    following = itertools.cycle(tokens) if tokens else (str(number) for number in itertools.count())

    def write(connection: Any, closing: threading.Event) -> None:
        says({"metadata": {"continue": next(following)}, "items": page})(connection, closing)

    return write


def growing() -> BrokenAnswer:
    """Pages that hold what the run never launched."""
    numbers = itertools.count()

    def write(connection: Any, closing: threading.Event) -> None:
        page = [{"metadata": {"name": f"never-launched-{next(numbers)}"}} for _ in range(5_000)]
        says({"metadata": {"continue": str(next(numbers))}, "items": page})(connection, closing)

    return write


@pytest.mark.parametrize(
    ("pages", "calls", "objects"),
    [(endless([], "a", "b"), 3, 0), (endless([]), 11, 0), (growing(), 3, 15_000)],
    ids=["a circle", "empty pages", "objects of nobody"],
)
def test_pages_without_end_are_left(run: StepRun, pages: BrokenAnswer, calls: int, objects: int) -> None:
    run.start({"a": {"does": "hold"}}, SETTINGS)
    eventually(lambda: run.began("a").exists(), "a begins")
    run.server.faults += [
        Fault(
            "GET", "jobs", writes=says(EMPTY_LIST), asks=lambda query: query.get("resourceVersion") == ["0"]
        ),
        Fault("GET", "jobs", writes=pages),
    ]
    asked = run.server.count("LIST jobs")
    eventually(lambda: outages(run), "it is told")
    assert outages(run) == [f"the pages of the list do not end: {objects} objects so far"]
    assert run.server.count("LIST jobs") - asked < 10 * calls, "they are asked for once a look"
    run.server.faults.clear()
    run.go("a")

    assert run.finish(), run.messages()
    assert ends(run, "a") == ["STEP_SUCCESS"]


def test_what_a_step_launches_itself_is_no_list_without_end(run: StepRun) -> None:
    """As `k8s_job_op` does, and `PipesK8sClient`: with the label of the run."""
    run.start({"a": {"does": "hold"}}, SETTINGS)
    eventually(lambda: run.began("a").exists(), "a begins")
    for number in range(600):
        name, labels = f"fanned-out-{number}", {"dagster/run-id": run.run_id, "dagster/op": "fanned-out"}
        run.server.play("fanned-out", Play(runs=False), attempt=number)
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main"}]}}
        run.server.create({"metadata": {"name": name, "labels": labels}, "spec": {"template": template}})
    run.server.page = 500
    run.server.faults.append(
        Fault(
            "GET", "jobs", writes=says(EMPTY_LIST), asks=lambda query: query.get("resourceVersion") == ["0"]
        )
    )
    eventually(lambda: sum("continue" in query for _, query in run.server.queries) > 2, "second pages")
    run.go("a")

    assert run.finish(), run.messages()
    assert outages(run) == []


@pytest.mark.parametrize(
    "written", [html("404 Not Found"), says({"message": "no such page"}, "404 Not Found"), says({})]
)
def test_a_404_of_a_proxy_is_no_job_that_is_gone(run: StepRun, written: BrokenAnswer) -> None:
    run.start({"a": {"does": "hold"}}, SETTINGS)
    eventually(lambda: run.began("a").exists(), "a begins")
    run.server.faults += [
        Fault("LIST", "jobs", writes=says(EMPTY_LIST)),
        Fault("GET", "jobs", writes=written),
    ]
    asked = run.server.count("GET jobs")
    eventually(lambda: run.server.count("GET jobs") > asked + 2, "it is asked for by name")
    run.server.faults.clear()
    run.go("a")

    assert run.finish(), run.messages()
    assert ends(run, "a") == ["STEP_SUCCESS"]


def test_a_pause_of_days_is_one_of_a_minute(api_server: ApiServer) -> None:
    cluster = Cluster(new_client_from_config(str(api_server.kubeconfig)), 30.0)
    for written in ("1e9", "inf", "nan", "Wed, 21 Oct 2065 07:28:00 GMT"):
        api_server.faults = [
            Fault("GET", "jobs", writes=html("429 Too Many Requests", f"Retry-After: {written}"))
        ]
        with pytest.raises(CallError) as error:
            cluster.read_job("default", "a")
        assert (error.value.is_throttling, 0 <= error.value.retry_after <= 60) == (True, True), written


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        ("https://127.0.0.1:{port}", "[SSL"),
        ("http://no-such-host.invalid:{port}", "Failed to resolve 'no-such-host.invalid'"),
        ("http://127.0.0.1:1", "[Errno 111] Connection refused"),
    ],
)
def test_what_cannot_be_connected_to_fails_the_step_when_the_tolerance_is_over(
    run: StepRun, server: str, reason: str
) -> None:
    config = yaml.safe_load(run.server.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = server.format(port=run.server.url.rpartition(":")[2])
    run.server.kubeconfig.write_text(yaml.safe_dump(config))

    assert not run.start({"a": {}}, {**SETTINGS, "api_outage_tolerance": 1.0}).finish()

    (said,) = outages(run)
    assert said.startswith(reason)
    assert ends(run, "a") == ["STEP_FAILURE"]


def held_in_name_resolution(go_on: threading.Event, _cluster: Cluster, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(socket, "getaddrinfo", once_after(go_on, socket.getaddrinfo))


def held_in_a_credential_plugin(go_on: threading.Event, cluster: Cluster, _patch: pytest.MonkeyPatch) -> None:
    configuration = cluster._client.configuration
    configuration.api_key = {"authorization": "Bearer x"}
    configuration.refresh_api_key_hook = once_after(go_on, lambda _configuration: None)


def once_after(go_on: threading.Event, call: Callable[..., Any]) -> Callable[..., Any]:
    """A call of which the first waits."""
    calls = itertools.count()

    def wrapped(*arguments: Any, **named: Any) -> Any:
        if next(calls) == 0:
            go_on.wait()
        return call(*arguments, **named)

    return wrapped


@pytest.mark.parametrize("hold", [held_in_name_resolution, held_in_a_credential_plugin])
def test_what_was_given_up_is_not_sent_later(
    api_server: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
    hold: Callable[[threading.Event, Cluster, pytest.MonkeyPatch], None],
) -> None:
    """Or a Job comes into being that a cancel has just found absent."""
    cluster, go_on = Cluster(new_client_from_config(str(api_server.kubeconfig)), 30.0), threading.Event()
    queue = LaunchQueue(cluster.hastier(0.5), Outage(), RateLimit(50, 100), 600)
    deletions = Deletions(cluster)
    hold(go_on, cluster, monkeypatch)
    queue.submit(Launch("a", "default", "a", lambda: {"metadata": {"name": "a", "labels": {}}}))
    eventually(threads_of_calls, "it is on its way")

    deletions.submit("default", "a", before=lambda: queue.cancel("a")).result()
    assert api_server.count("DELETE jobs") == 1
    go_on.set()
    eventually(lambda: not threads_of_calls(), "no call is left behind")
    assert api_server.count("POST jobs") == 0
    queue.close()
    deletions.close(wait=True)


def test_a_proxy_whose_tunnel_does_not_begin_is_cut_off(api_server: ApiServer) -> None:
    closing = threading.Event()
    client = new_client_from_config(str(api_server.kubeconfig))
    client.configuration.host = "https://kubernetes.invalid"
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        client.configuration.proxy = f"http://127.0.0.1:{proxy.getsockname()[1]}"

        def answer() -> None:
            connection, _ = proxy.accept()
            with connection, contextlib.suppress(OSError):
                BROKEN["headers that dribble"][0](connection, closing)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(CallError, match=r"no answer within 0\.5 s"):
            Cluster(client, 0.5).read_job("default", "a")
        eventually(lambda: not threads_of_calls(), "no call is left behind")
        closing.set()
        thread.join()


def test_a_token_that_is_no_text_for_http_is_not_shown(api_server: ApiServer) -> None:
    client = new_client_from_config(str(api_server.kubeconfig))
    client.configuration.api_key["authorization"] = "Bearer s3cr3t\nx"

    with pytest.raises(CallError) as error:
        Cluster(client, 30.0).read_job("default", "a")

    assert "s3cr3t" not in str(error.value)
    assert error.value.is_passing
