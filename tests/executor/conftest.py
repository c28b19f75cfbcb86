"""A run of steps on the stand-in, for the tests of the executor in real runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster._core.test_utils import instance_for_test
from step_runs import StepRun, launcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api_server import ApiServer


@pytest.fixture
def run(running_api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StepRun]:
    overrides = launcher(running_api_server, tmp_path)
    with instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        run = StepRun(instance, running_api_server, tmp_path, monkeypatch)
        yield run
        run.abandon()
        assert run.said("could not be looked after") == [], "the executor itself was in trouble"
