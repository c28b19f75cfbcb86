"""When the steps are looked at: at an interval, at once for one that was interrupted, later when asked to wait."""

from __future__ import annotations

from typing import Any

import pytest

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.outage import Outage
from dagster_plus_k8s_helpers.executor.looking.looker import Look
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
