"""A run on the stand-in, in which the executor itself must not get into trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from instances import instance_in
from step_runs import StepRun, launcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api_server import ApiServer


@pytest.fixture
def run(running_api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StepRun]:
    overrides = launcher(running_api_server, tmp_path)
    with instance_in(tmp_path, overrides) as instance:
        run = StepRun(instance, running_api_server, tmp_path, monkeypatch)
        yield run
        run.abandon()
        assert run.said("could not be looked after") == [], "the executor itself was in trouble"
