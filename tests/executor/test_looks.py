"""When the steps are looked at: at an interval, at once for one that was interrupted, later when asked to wait."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.outage import Outage
from dagster_plus_k8s_helpers.executor.looking.observation import Look
from dagster_plus_k8s_helpers.executor.looking.remains import Watched
from dagster_plus_k8s_helpers.executor.looking.rounds import LookRounds


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class FailingLookout:
    """Gets these answers, one a look."""

    def __init__(self, *answers: CallError | None) -> None:
        self.answers, self.asked = list(answers), []  # type: ignore[var-annotated]

    def close(self, *, wait: bool) -> None: ...

    def look(self, watched: Any, *, consistent: bool) -> Look:
        self.asked.append(consistent)
        if (answer := self.answers.pop(0)) is not None:
            raise answer
        return Look()


@pytest.mark.parametrize(
    ("answer", "interrupted", "wait"),
    [
        (None, False, 10.0),
        (None, True, 1.0),
        (CallError(503, ""), False, 0.5),
        (CallError(503, ""), True, 0.5),
        (CallError(429, "", retry_after=30.0), False, 30.0),
        (CallError(429, "", retry_after=30.0), True, 30.0),
    ],
)
def test_when_the_next_look_is(answer: CallError | None, *, interrupted: bool, wait: float) -> None:
    clock, looker = Clock(), FailingLookout(answer, None)
    looks = LookRounds(looker, Outage(clock), 10.0, clock=clock)  # type: ignore[arg-type]
    watched = [Watched("a", "default", 0.0, interrupted=interrupted)]
    looks.soon()
    looks.begin(watched)
    looks._thread.shutdown()  # type: ignore[union-attr]
    looks._thread = None
    looks.collect()

    clock.now += wait - 0.01
    looks.begin(watched)
    assert len(looker.asked) == 1
    clock.now += 0.02
    looks.begin(watched)
    looks.close(wait=True)
    assert looker.asked == [interrupted] * 2


def test_news_is_looked_at_soon_and_however_much_of_it_at_once() -> None:
    clock, looker = Clock(), FailingLookout(*[None] * 3)
    looks = LookRounds(looker, Outage(clock), 3600.0, clock=clock)  # type: ignore[arg-type]
    for _ in range(1000):
        looks.wake()
    assert looked(looks, looker) == 1
    for _ in range(1000):
        looks.wake()

    clock.now += 0.4
    assert looked(looks, looker) == 1, "it has just looked"
    clock.now += 0.2
    assert looked(looks, looker) == 2
    clock.now += 60
    assert looked(looks, looker) == 2, "all of it has been looked at"
    looks.close(wait=True)


def test_a_look_that_took_long_is_not_repeated_for_as_long() -> None:
    clock, looker = Clock(), FailingLookout(None, None)
    looks = LookRounds(looker, Outage(clock), 3600.0, clock=clock)  # type: ignore[arg-type]
    looks.wake()
    assert looked(looks, looker, takes=7.0) == 1
    looks.wake()

    clock.now += 6.9
    assert looked(looks, looker) == 1
    clock.now += 0.2
    assert looked(looks, looker) == 2
    looks.close(wait=True)


def test_news_does_not_shorten_the_pause_after_a_look_that_failed() -> None:
    clock, looker = Clock(), FailingLookout(CallError(503, "", retry_after=30.0), None)
    looks = LookRounds(looker, Outage(clock), 3600.0, clock=clock)  # type: ignore[arg-type]
    looks.wake()
    assert looked(looks, looker) == 1
    looks.wake()

    clock.now += 29
    assert looked(looks, looker) == 1
    clock.now += 2
    assert looked(looks, looker) == 2
    looks.close(wait=True)


def test_the_first_look_need_not_be_waited_for() -> None:
    clock, looker = Clock(), FailingLookout(None)
    looks = LookRounds(looker, Outage(clock), 3600.0, at_once=True, clock=clock)  # type: ignore[arg-type]

    assert looked(looks, looker) == 1
    clock.now += 60
    assert looked(looks, looker) == 1
    looks.close(wait=True)


def looked(looks: LookRounds, looker: FailingLookout, *, takes: float = 0.0) -> int:
    """How often it has looked, after one round of the loop."""
    looks.begin([Watched("a", "default", 0.0)])
    if looks._thread is not None:
        looks._thread.shutdown()
        looks._thread = None
    looks._clock.now += takes  # type: ignore[attr-defined]
    looks.collect()
    return len(looker.asked)
