"""The scenarios of tests/cluster, on the stand-in, with the causes a real cluster was recorded with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from api_server import ApiServer, Fault
from instances import instance_in
from permissions import allowed_by
from plays import Play
from recordings import FOLDER
from scenarios import SCENARIOS
from stand_in import ProxiedRun, StandIn
from step_runs import launcher

from dagster_plus_k8s_helpers.files.values.manifests import (
    LIST_NODES,
    OWNER_REFERENCES,
    READ_QUEUES,
    START_STEPS,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


ALLOWED = allowed_by([*START_STEPS, *OWNER_REFERENCES, *LIST_NODES, *READ_QUEUES])

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
    with instance_in(tmp_path, overrides) as instance:
        run = ProxiedRun(instance, stand_in, tmp_path, monkeypatch)
        try:
            SCENARIOS[name](run, stand_in)
            assert stand_in.server.rights <= ALLOWED
        finally:
            run.abandon()
