"""A watch tells what becomes of steps as it happens: real runs, in which looks make no call and miss nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from plays import Play
from scenarios import ends
from step_runs import eventually

from dagster_plus_k8s_helpers.executor.events.notes import LIMITATIONS
from dagster_plus_k8s_helpers.executor.looking.looker import Looker

if TYPE_CHECKING:
    from step_runs import StepRun

# No look comes by itself, so what is told was told by a watch.
WATCHED = {"watch": True, "health_check_interval": 3600.0}


@pytest.mark.parametrize("recorded", ["exit-3", "oom-killed", "image-name"])
def test_a_failure_is_told_without_waiting_for_a_look(run: StepRun, recorded: str) -> None:
    run.server.play("a", Play(runs=False, pends=True))
    run.start({"a": {}}, WATCHED)
    eventually(lambda: run.server.watches.open == 2, "the watches are there")

    run.server.of_step("a")[0].release(Play(recorded, runs=False))

    assert not run.finish()
    assert ends(run, "a") == ["STEP_FAILURE"]
    eventually(lambda: run.server.watches.open == 0, "the connections are closed")


def test_looks_at_steps_that_run_cost_no_call(run: StepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = counted(monkeypatch)
    run.start({"a": {"does": "hold"}}, {**WATCHED, "health_check_interval": 0.02})
    eventually(lambda: run.began("a").exists() and run.server.watches.open == 2, "a is watched")
    eventually(lambda: looks_without_a_call(run, looks, 20), "many looks that cost nothing")

    run.go("a")
    assert run.finish(), run.messages()
    assert ends(run, "a") == ["STEP_SUCCESS"]
    assert run.said("has no watch") == []


def test_a_watch_that_has_expired_costs_no_step(run: StepRun) -> None:
    run.server.play("a", Play(runs=False, pends=True))
    run.start({"a": {}}, WATCHED)
    eventually(lambda: run.server.watches.open == 2, "the watches are there")
    with run.server.watches.lock:
        run.server.versions.compact()
        run.server.watches.cut()
        run.server.of_step("a")[0].release(Play("exit-3", runs=False))

    assert not run.finish()
    assert ends(run, "a") == ["STEP_FAILURE"]
    assert run.said("has no watch") == run.said("cannot be reached") == []


def test_who_may_not_watch_is_told_once_and_goes_by_lists(run: StepRun) -> None:
    said = 'pods is forbidden: User "dagster" cannot watch resource "pods"'
    run.server.faults.append(Fault("WATCH", "pods", 403, body={"message": said}))
    run.server.play("a", Play(runs=False, pends=True))
    run.start({"a": {}}, {**WATCHED, "health_check_interval": 0.1})
    eventually(lambda: run.said("has no watch"), "it is told")
    run.server.of_step("a")[0].release(Play("exit-3", runs=False))

    assert not run.finish()
    assert run.said("has no watch") == [
        "The run has no watch of its jobs and pods, so what becomes of a step is noticed when they are listed "
        f"next: HTTP 403 {said}"
    ]
    assert run.server.count("WATCH pods") == 1


def test_an_api_server_that_comes_back_is_watched_again(run: StepRun) -> None:
    run.start({"a": {"does": "hold"}, "b": {"does": "wait, exit"}}, {**WATCHED, "health_check_interval": 5.0})
    eventually(lambda: run.began("a").exists() and run.begun("b") and run.server.watches.open == 2)
    run.server.stop()
    eventually(lambda: run.said("The Kubernetes API cannot be reached"), "the outage is told")
    run.server.start()
    eventually(lambda: run.server.watches.open == 2, "it is watched again")
    run.release("b")
    eventually(lambda: ends(run, "b"), "b fails")
    run.go("a")

    assert not run.finish()
    assert (ends(run, "a"), ends(run, "b")) == (["STEP_SUCCESS"], ["STEP_FAILURE"])
    assert len(run.said("cannot be reached")) == len(run.said("answers again")) == 1


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets an item with each look."""
    looks: list[int] = []
    look = Looker.look

    def counting(*arguments: Any, **named: Any) -> Any:
        looks.append(1)
        return look(*arguments, **named)

    monkeypatch.setattr(Looker, "look", counting)
    return looks


def looks_without_a_call(run: StepRun, looks: list[int], count: int) -> bool:
    """Whether some looks in a row make no call."""
    asked, looked = sum(run.server.calls.values()), len(looks)
    eventually(lambda: len(looks) >= looked + count, "more looks")
    return sum(run.server.calls.values()) == asked


def test_the_page_quotes_what_is_told() -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "watch.md").read_text("utf-8")
    said = (
        'HTTP 403 pods is forbidden: User "system:serviceaccount:etl:runs" cannot watch resource "pods" in API '
        'group "" in the namespace "etl"'
    )

    assert f"```text\n{LIMITATIONS['watch'].format(said=said)}\n```" in page
