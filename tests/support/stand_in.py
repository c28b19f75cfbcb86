"""The stand-in as a scenario sees it, with the proxy in which its API server fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api_proxy import ApiProxy
from cgroups import V2, Tree
from kueue import NO_CPU
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

    def evict_worker(self, _run: StepRun) -> None:
        self.server.workers()[-1].evict()

    def delete_worker(self, _run: StepRun) -> None:
        job = self.server.workers()[-1]
        job.release(Play(deleting=True))
        job.stop()

    def worker_has_ended(self, _run: StepRun) -> bool:
        process = self.server.workers()[-1].process
        return process is not None and process.poll() is not None

    def make_schedulable(self, _run: StepRun, step: str) -> None:
        self.server.of_step(step)[-1].release(Play())

    def suspend(self, _run: StepRun, step: str) -> None:
        self.server.of_step(step)[-1].suspend({})

    def resume(self, _run: StepRun, step: str) -> None:
        self.server.of_step(step)[-1].admit()

    def refuse_kueue(self) -> None:
        """It does nothing of itself."""

    def full_queue(self) -> str:
        self.server.play("train", Play(held=NO_CPU))
        return "team-a"

    def make_room(self) -> None:
        self.server.of_step("train")[-1].admit()

    def jobs(self, _run: StepRun) -> list[str]:
        workers = {job.name for job in self.server.workers()}
        return [name for name in self.server.live_jobs() if name not in workers]


class ProxiedRun(StepRun):
    """A run whose executor goes through the proxy."""

    def __init__(
        self, instance: dg.DagsterInstance, stand_in: StandIn, folder: Path, environment: pytest.MonkeyPatch
    ) -> None:
        super().__init__(instance, stand_in.server, folder, environment)
        self._api = stand_in.api
        # The machine's own would hold all that runs on it.
        tree = Tree(folder / "cgroup", V2)
        tree.set(used=500, inactive=100, anonymous=350, peak=600, cpu=2.5)
        for name, path in tree.environment.items():
            environment.setenv(name, path)

    @property
    def kubeconfig(self) -> str:
        return str(self._api.kubeconfig)

    def settings(self, executor: dict[str, Any]) -> dict[str, Any]:
        return {**super().settings(executor), "watch": executor.get("watch", True)}
