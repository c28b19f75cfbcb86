"""The stand-in as a scenario sees it, with the proxy in which its API server fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api_proxy import ApiProxy
from plays import Play
from scenarios import pod
from step_runs import StepRun

if TYPE_CHECKING:
    from pathlib import Path

    import dagster as dg
    import pytest
    from api_server import ApiServer


class StandIn:
    """A cluster whose nodes, pods and evictions are played.

    Args:
        server: Its API server.
        folder: Takes in the proxy's kubeconfig.
    """

    start_timeout = 1.0
    outage_seconds = 4.0
    unschedulable = pod(node_selector={"there": "is-none"})

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.api = ApiProxy(str(server.kubeconfig), folder)

    def evict(self, _run: StepRun, step: str) -> None:
        job = self.server.of_step(step)[-1]
        job.stop()
        job.release(Play("evicted-api", runs=False))

    def make_schedulable(self, _run: StepRun, step: str) -> None:
        self.server.of_step(step)[-1].release(Play())

    def jobs(self, _run: StepRun) -> list[str]:
        return self.server.live_jobs()


class ProxiedRun(StepRun):
    """A run whose executor goes through the proxy."""

    def __init__(
        self, instance: dg.DagsterInstance, stand_in: StandIn, folder: Path, environment: pytest.MonkeyPatch
    ) -> None:
        super().__init__(instance, stand_in.server, folder, environment)
        self._api = stand_in.api

    @property
    def kubeconfig(self) -> str:
        return str(self._api.kubeconfig)
