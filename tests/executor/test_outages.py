"""Outages of the API server, in real runs: half-way through launches, and when answers get lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from api_server import Fault
from plays import Play
from scenarios import ends
from step_runs import eventually

from dagster_plus_k8s_helpers import DiagnosisKind
from dagster_plus_k8s_helpers.cluster.outage import Outage
from dagster_plus_k8s_helpers.executor.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable

    from step_runs import StepRun

    from dagster_plus_k8s_helpers.cluster.errors import CallError
    from dagster_plus_k8s_helpers.cluster.outage import CallKind
    from dagster_plus_k8s_helpers.executor.launching.launches import Launched


TRIES = 4
"""Failed calls of each kind: so that each of them has waited for longer than before, several times."""


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often calls of a kind have failed."""
    counted: Counter[str] = Counter()
    failed = Outage.failed

    def count(outage: Outage, error: CallError, kind: CallKind = "read") -> None:
        failed(outage, error, kind)
        counted[kind] += 1

    monkeypatch.setattr(Outage, "failed", count)
    return counted


def refuse(run: StepRun) -> Callable[[], None]:
    """Connections are refused."""
    run.server.stop()
    return run.server.start


def fall_silent(run: StepRun) -> Callable[[], None]:
    """Calls are accepted, and never answered."""
    run.server.delay = 600
    return lambda: setattr(run.server, "delay", 0)


@pytest.mark.parametrize(("begin", "call_timeout"), [(refuse, 30.0), (fall_silent, 3.0)])
def test_a_while_without_api_in_the_middle_of_launches_costs_nothing(
    run: StepRun, begin: Callable[[StepRun], Callable[[], None]], call_timeout: float, tries: Counter[str]
) -> None:
    steps: dict[str, dict[str, Any]] = {f"s{number}": {} for number in range(6)}
    steps["s0"] = {"does": "hold"}
    run.start(steps, {"launch_qps": 0.5, "launch_burst": 1, "call_timeout": call_timeout})
    eventually(lambda: len(run.server.created) == 2, "some are launched")
    launched = len(run.server.created)

    end = begin(run)
    run.go("s0")
    eventually(
        lambda: min(tries["read"], tries["write"]) >= TRIES, "looks and launches fail, again and again"
    )
    eventually(lambda: ends(run, "s0"), "what runs goes on")
    assert ends(run, "s0") == ["STEP_SUCCESS"]
    assert len(run.server.created) <= launched + 1
    assert run.events("STEP_FAILURE") == []
    end()

    assert run.finish(), run.messages()
    assert [ends(run, step) for step in steps] == [["STEP_SUCCESS"]] * len(steps)
    assert len(run.server.created) == len(set(run.server.created)) == len(steps)
    assert run.server.deleted == []
    assert len(run.said("The Kubernetes API cannot be reached: ")) == 1
    assert len(run.said("The Kubernetes API answers again, after ")) == 1


def lose_the_answers(run: StepRun, may_fail: Callable[[], object] = lambda: True) -> None:
    """Jobs are created, but their creation is never confirmed, and fails for the first time when it may."""
    created = run.server.create

    def create(body: dict[str, Any], namespace: str = "default") -> tuple[int, dict[str, Any]]:
        created(body, namespace)
        eventually(may_fail, "what has to come before")
        run.server.faults.append(Fault("POST", "jobs", 503))
        return 504, {"message": "gateway timeout"}

    run.server.create = create  # type: ignore[method-assign]


def test_a_step_that_has_begun_is_not_failed_for_the_answer_to_its_launch(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up: list[DiagnosisKind] = []
    take_launch = Supervisor._take_launch

    def take(supervisor: Supervisor, launched: Launched) -> None:
        take_launch(supervisor, launched)
        assert launched.problem is not None
        given_up.append(launched.problem.kind)

    monkeypatch.setattr(Supervisor, "_take_launch", take)
    lose_the_answers(run, lambda: run.began("a").exists())
    settings = {"api_outage_tolerance": 3.0, "health_check_interval": 60.0, "call_timeout": 60.0}
    run.start({"a": {"does": "hold"}}, settings)
    eventually(lambda: given_up, "its launch is given up")
    assert given_up == [DiagnosisKind.API_UNREACHABLE]
    assert run.server.count("POST jobs") > 2
    run.go("a")

    assert run.finish(), run.messages()
    assert ends(run, "a") == ["STEP_SUCCESS"]
    assert run.server.deleted == []


def test_a_step_that_may_yet_begin_fails_only_without_its_job(run: StepRun) -> None:
    lose_the_answers(run)
    run.server.play("a", Play("unschedulable-cpu", runs=False))

    assert not run.start({"a": {}}, {"api_outage_tolerance": 1.0}).finish()

    assert run.messages("STEP_FAILURE") == [
        'Step "a" failed: ApiUnreachable: The Job could not be created for 1 s: HTTP 503 injected 503. '
        "Raise api_outage_tolerance if the API server can be away for longer."
    ]
    assert run.server.deleted == run.server.created
    assert len(run.server.created) == 1


def test_the_own_limit_of_a_step_keeps_to_its_policy_however_often(run: StepRun) -> None:
    for attempt in range(4):
        run.server.play("full", Play("evicted-emptydir", runs=False), attempt=attempt)

    assert not run.start({"full": {"max_retries": 1}}, {}).finish()

    assert ends(run, "full") == ["STEP_UP_FOR_RETRY", "STEP_FAILURE"]
    assert run.messages("STEP_FAILURE") == [
        'Step "full" failed: Evicted: The node evicted the pod: Usage of EmptyDir volume "s" exceeds the limit '
        '"50Mi". The only retry of its RetryPolicy is used up. Raise the size_limit of the volume, or the '
        "step's ephemeral_storage."
    ]


def test_a_storage_that_cannot_say_what_was_learned_stops_no_step(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any, **_named: Any) -> Any:
        raise OSError("the storage is away")

    monkeypatch.setattr(run.instance, "get_runs", broken)

    assert run.start({"train": {"memory": "300Mi"}}, {"memory_ladder": {"learn": True}}).finish()

    assert run.said("learned") == ["What earlier runs learned cannot be read: OSError: the storage is away"]
