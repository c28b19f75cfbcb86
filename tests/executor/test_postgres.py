"""Scenarios with the event log in PostgreSQL, as in production: other ids, other locks, other latencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from dagster._core.test_utils import instance_for_test
from postgres import postgres
from scenarios import SCENARIOS
from stand_in import ProxiedRun, StandIn
from step_runs import launcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from api_server import ApiServer


@pytest.fixture(scope="module")
def storage() -> Iterator[dict[str, object]]:
    with postgres() as socket:
        yield {
            "storage": {
                "postgres": {"postgres_url": f"postgresql+psycopg2://postgres@/postgres?host={socket}"}
            }
        }


@pytest.mark.parametrize("name", ["success", "evicted", "cancelled", "resumed"])
def test_scenario(
    name: str,
    storage: dict[str, object],
    running_api_server: ApiServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in = StandIn(running_api_server, tmp_path)
    overrides = {**launcher(stand_in.api, tmp_path), **storage}
    with instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        run = ProxiedRun(instance, stand_in, tmp_path, monkeypatch)
        try:
            SCENARIOS[name](run, stand_in)
        finally:
            run.abandon()
            stand_in.api.close()
