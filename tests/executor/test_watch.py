"""A watch tells what becomes of steps as it happens: real runs, in which looks make no call and miss nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from plays import Play
from scenarios import ends
from step_runs import eventually

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
