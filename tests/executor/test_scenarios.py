"""The scenarios of tests/cluster, on the stand-in, with the causes a real cluster was recorded with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from api_server import ApiServer, Fault
from dagster._core.test_utils import instance_for_test
from plays import Play
from recordings import FOLDER
from scenarios import SCENARIOS
from step_runs import StepRun, launcher

if TYPE_CHECKING:
    from pathlib import Path


def nothing(_server: ApiServer, _folder: Path) -> None: ...


def ooms(server: ApiServer, folder: Path) -> None:
    """The first two processes are killed when they have taken their memory."""
    for attempt in range(2):
        (folder / f"train.doomed.{attempt}").touch()
        play = Play("oom-killed", killed_at=folder / f"train.allocated.{attempt}")
        server.play("train", play, attempt=attempt)


def playing(recorded: str) -> object:
    return lambda server, _folder: server.play("train", Play(recorded, runs=False))


def refusing(server: ApiServer, _folder: Path) -> None:
    body = json.loads((FOLDER / "rejected-requests-over-limits.json").read_text())
    server.faults.append(
        Fault(
            "POST", "jobs", 422, body=body, matches=lambda job: job["metadata"]["labels"]["dagster/op"] == "c"
        )
    )


PREPARED = {
    "success": nothing,
    "oom_then_success": ooms,
    "oom_at_the_cap": ooms,
    "exit_code": nothing,
    "unschedulable": playing("unschedulable-cpu"),
    "missing_secret": playing("missing-secret"),
    "missing_service_account": playing("missing-sa"),
    "misnamed_image": playing("image-name"),
    "one_refused_of_three": refusing,
}


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_scenario(
    name: str, running_api_server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PREPARED[name](running_api_server, tmp_path)  # type: ignore[operator]
    overrides = launcher(running_api_server, tmp_path)
    with instance_for_test(temp_dir=str(tmp_path), overrides=overrides) as instance:
        SCENARIOS[name](StepRun(instance, running_api_server, tmp_path, monkeypatch))
