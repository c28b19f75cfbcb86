"""docs/executor.md quotes the events that are really written, and lists every setting."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from recordings import recording

from dagster_plus_k8s_helpers import MemoryLadder, diagnose, k8s_executor
from dagster_plus_k8s_helpers.executor.attempts import Attempts, Rules, decide
from dagster_plus_k8s_helpers.executor.memory_ladder import Memory
from dagster_plus_k8s_helpers.executor.reports import _said

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers import Diagnosis

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "executor.md").read_text()


def told(diagnosis: Diagnosis, ladder: MemoryLadder | None = None) -> str:
    """The message of the event, as the executor writes it."""
    if not diagnosis.failed:
        return f'Step "train" waits: {diagnosis}'
    decision = decide(diagnosis, Attempts(), Rules(None, ladder, 2), Memory("64Mi"))
    return f'Step "train" failed: {_said(diagnosis, decision)}'


EVENTS: list[tuple[str, Any]] = [
    ("oom-killed", MemoryLadder()),
    ("oom-killed", None),
    ("exit-3", None),
    ("evicted-api", None),
    ("tainted-node", None),
    ("evicted-emptydir", None),
    ("deleted-pod", None),
    ("deadline", None),
    ("run-container-error", None),
    ("unschedulable-gpu", None),
    ("unschedulable-selector", None),
    ("missing-pvc", None),
    ("image-pull", None),
    ("image-name", None),
    ("missing-secret", None),
    ("missing-sa", None),
    ("over-quota", None),
]


@pytest.mark.parametrize(("name", "ladder"), EVENTS)
def test_the_guide_quotes_the_event_of(name: str, ladder: MemoryLadder | None) -> None:
    found = recording(name)
    diagnosis = diagnose(found["job"], found["pods"], found["events"])

    assert diagnosis is not None
    assert told(diagnosis, ladder) in GUIDE.splitlines()


def test_the_guide_lists_every_setting() -> None:
    settings = [name for name in inspect.signature(k8s_executor).parameters if name != "name"]

    assert [name for name in settings if f"`{name}`" not in GUIDE] == []
