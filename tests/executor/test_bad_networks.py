"""Bad networks, in real runs: whatever comes in place of an answer is told in time, costs no step, and heals."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from api_server import Fault
from broken_answers import BROKEN, BrokenAnswer, html, says
from kubernetes.config import new_client_from_config
from scenarios import ends
from step_runs import eventually

from dagster_plus_k8s_helpers.executor.call_errors import CallError
from dagster_plus_k8s_helpers.executor.cluster import Cluster

if TYPE_CHECKING:
    from api_server import ApiServer
    from step_runs import StepRun

SETTINGS = {"call_timeout": 1.0, "health_check_interval": 0.1, "owner_references": False}
EMPTY_LIST = {"kind": "JobList", "metadata": {}, "items": []}


@pytest.fixture(autouse=True)
def _small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagster_plus_k8s_helpers.executor.timed_http._MOST_BYTES", 2**20)


def threads_of_calls() -> int:
    return sum(thread.name == "secrets-call" for thread in threading.enumerate())


def outages(run: StepRun) -> list[str]:
    return [said.partition(": ")[2].partition(". Steps that")[0] for said in run.said("cannot be reached: ")]


def test_whatever_a_look_gets_is_told_and_heals(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}}, SETTINGS)
    eventually(lambda: run.began("a").exists(), "a begins")

    for number, (name, (written, reason)) in enumerate(BROKEN.items()):
        run.server.faults.append(Fault("GET", "jobs", writes=written))
        eventually(lambda n=number: len(outages(run)) > n, name)
        assert outages(run)[-1] == reason, name
        run.server.faults.clear()
        eventually(lambda n=number: len(run.said("answers again")) > n, f"the end of {name}")
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
    run.start({"a": {}}, SETTINGS)
    eventually(lambda: outages(run), name)
    run.server.faults.clear()

    assert run.finish(), run.messages()
    assert outages(run) == [reason]
    assert ends(run, "a") == ["STEP_SUCCESS"]
    assert len(run.server.created) == 1
    assert run.server.deleted == []


def test_a_launch_that_dribbles_for_longer_than_is_tolerated_fails_its_step(run: StepRun) -> None:
    run.server.faults.append(Fault("POST", "jobs", writes=BROKEN["a body that dribbles"][0]))

    assert not run.start({"a": {}}, {**SETTINGS, "api_outage_tolerance": 1.0}).finish()

    assert run.messages("STEP_FAILURE") == [
        'Step "a" failed: ApiUnreachable: The Job could not be created for 1 s: the answer has not ended within '
        "1 s. Raise api_outage_tolerance if the API server can be away for longer."
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
        page = [{"metadata": {"name": f"never-launched-{next(numbers)}"}} for _ in range(50)]
        says({"metadata": {"continue": str(next(numbers))}, "items": page})(connection, closing)

    return write


@pytest.mark.parametrize(
    ("pages", "calls", "objects"),
    [(endless([], "a", "b"), 3, 0), (endless([]), 11, 0), (growing(), 3, 150)],
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
    cluster = Cluster(new_client_from_config(str(api_server.kubeconfig)), 5.0)
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


def test_a_token_that_is_no_text_for_http_is_not_shown(api_server: ApiServer) -> None:
    client = new_client_from_config(str(api_server.kubeconfig))
    client.configuration.api_key["authorization"] = "Bearer s3cr3t\nx"

    with pytest.raises(CallError) as error:
        Cluster(client, 5.0).read_job("default", "a")

    assert "s3cr3t" not in str(error.value)
    assert error.value.is_passing
