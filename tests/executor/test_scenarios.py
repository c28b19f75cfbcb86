"""The scenarios of tests/cluster, on the stand-in, with the causes a real cluster was recorded with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from api_proxy import ApiProxy
from api_server import ApiServer, Fault
from dagster._core.test_utils import instance_for_test
from plays import Play
from recordings import FOLDER
from scenarios import SCENARIOS, pod
from step_runs import StepRun, launcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StandIn:
    """The stand-in as a scenario sees it."""

    start_timeout = 1.0
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

    api: ApiProxy

    @property
    def kubeconfig(self) -> str:
        return str(self.api.kubeconfig)


def nothing(_server: ApiServer, _folder: Path) -> None: ...


def ooms(server: ApiServer, folder: Path) -> None:
    """The first two processes are killed when they have taken their memory."""
    for attempt in range(2):
        (folder / f"train.doomed.{attempt}").touch()
        play = Play("oom-killed", killed_at=folder / f"train.allocated.{attempt}")
        server.play("train", play, attempt=attempt)


def playing(recorded: str) -> Any:
    return lambda server, _folder: server.play("train", Play(recorded, runs=False))


def refusing(server: ApiServer, _folder: Path) -> None:
    body = json.loads((FOLDER / "rejected-requests-over-limits.json").read_text())
    server.faults.append(
        Fault(
            "POST",
            "jobs",
            422,
            body=body,
            matches=lambda job: job["metadata"]["labels"]["dagster/op"] == "s3",
        )
    )


PREPARED = {
    "oom_then_success": ooms,
    "oom_at_the_cap": ooms,
    "unschedulable": playing("unschedulable-cpu"),
    "scheduled_after_all": playing("unschedulable-selector"),
    "missing_secret": playing("missing-secret"),
    "missing_service_account": playing("missing-sa"),
    "misnamed_image": playing("image-name"),
    "one_refused_of_ten": refusing,
}


@pytest.fixture
def stand_in(running_api_server: ApiServer, tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(running_api_server, tmp_path)
    yield stand_in
    stand_in.api.close()


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario(name: str, stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    PREPARED.get(name, nothing)(stand_in.server, tmp_path)
    overrides = launcher(stand_in.api, tmp_path)
    with instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        run = ProxiedRun(instance, stand_in.server, tmp_path, monkeypatch)
        run.api = stand_in.api
        try:
            SCENARIOS[name](run, stand_in)
        finally:
            run.abandon()
