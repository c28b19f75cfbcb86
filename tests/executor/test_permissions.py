"""The rules that are given for the executor are what it asks for: each call is allowed, each rule is needed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from permissions import Right, allowed_by, right_for
from plays import Play
from step_runs import eventually

from dagster_plus_k8s_helpers.files.values.manifests import (
    LIST_NODES,
    OWNER_REFERENCES,
    READ_QUEUES,
    START_STEPS,
)

if TYPE_CHECKING:
    from step_runs import StepRun

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "executor.md").read_text()


@pytest.mark.parametrize(
    ("method", "path", "right"),
    [
        ("GET", "/apis/batch/v1/namespaces/n/jobs?labelSelector=a", Right("batch", "jobs", "list")),
        ("GET", "/apis/batch/v1/namespaces/n/jobs?watch=1&labelSelector=a", Right("batch", "jobs", "watch")),
        ("GET", "/apis/batch/v1/namespaces/n/jobs/a/status", Right("batch", "jobs/status", "get")),
        ("GET", "/api/v1/namespaces/n/pods/p/log?tailLines=5", Right("", "pods/log", "get")),
        ("DELETE", "/apis/batch/v1/namespaces/n/jobs/a", Right("batch", "jobs", "delete")),
        ("GET", "/api/v1/nodes", Right("", "nodes", "list")),
    ],
)
def test_what_a_call_needs(method: str, path: str, right: Right) -> None:
    assert right_for(method, path) == right


def test_a_run_with_every_trouble_asks_for_what_the_rules_allow_and_for_all_of_it(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTNAME", "the-run-pod")
    run.server.play("fails", Play("exit-3", runs=False))
    run.server.play("grows", Play("oom-killed", runs=False))
    run.server.play("waits", Play("image-pull", runs=False))
    run.server.play("vanishes", Play("running", runs=False))
    steps = {"fails": {}, "grows": {"memory": "300Mi"}, "waits": {}, "vanishes": {}}
    run.start(steps, {"watch": True, "memory_ladder": {}, "start_timeout": 5.0, "disruption_retries": 0})
    eventually(lambda: run.server.of_step("vanishes"), "it is launched")
    run.server.delete(run.server.of_step("vanishes")[0].name)

    assert not run.finish(), run.messages()
    assert run.server.rights == allowed_by([*START_STEPS, *OWNER_REFERENCES, *LIST_NODES])


def test_without_owner_references_no_pod_is_read(run: StepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTNAME", "the-run-pod")

    assert run.start({"a": {}}, {"owner_references": False}).finish()

    assert run.server.rights <= allowed_by(START_STEPS)


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("dagster-steps", START_STEPS),
        ("dagster-owners", OWNER_REFERENCES),
        ("dagster-nodes", LIST_NODES),
        ("dagster-queues", READ_QUEUES),
    ],
)
def test_the_guide_gives_the_same_rules(name: str, rules: object) -> None:
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    (block,) = [block for block in blocks if block["metadata"]["name"] == name]

    assert allowed_by(block["rules"]) == allowed_by(rules)  # type: ignore[arg-type]
