"""The workflows of GitHub are no programs that run here; what they call is there, and they may do no more than they need."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([\w./$()-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)) | {
    ".venv/.ready"
}


def read(workflow: Path) -> Any:
    return yaml.safe_load(workflow.read_text("utf-8"))


def steps(workflow: Path) -> list[Any]:
    return [step for job in read(workflow)["jobs"].values() for step in job.get("steps", [])]


def name(workflow: Path) -> str:
    return workflow.stem


def test_there_are_workflows_for_all_that_a_release_wants() -> None:
    assert {name(workflow) for workflow in WORKFLOWS} == {"ci", "cluster", "docs", "release"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_a_workflow_calls_what_is_there(workflow: Path) -> None:
    called = [line for step in steps(workflow) for line in step.get("run", "").splitlines()]
    made = {target for line in called for target in re.findall(r"\bmake ([\w./-]+)", line)}

    assert made <= TARGETS
    for line in called:
        for path in re.findall(r"(?<![\w/.$-])(?:tests|scripts|\.ci)/[\w./-]+", line):
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_a_workflow_may_only_read_but_for_jobs_that_say_otherwise(workflow: Path) -> None:
    assert read(workflow)["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_nothing_that_others_write_is_put_into_a_script(workflow: Path) -> None:
    assert [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_every_action_says_its_release(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]

    assert [action for action in used if not re.search(r"@(v\d+|release/v\d+)$", action)] == []


def test_no_job_that_can_publish_runs_code_of_the_project() -> None:
    jobs = read(ROOT / ".github" / "workflows" / "release.yml")["jobs"]
    able = [job for job in jobs.values() if job.get("permissions")]

    assert len(able) == 2
    for job in able:
        assert not any("actions/checkout" in step.get("uses", "") for step in job["steps"])
