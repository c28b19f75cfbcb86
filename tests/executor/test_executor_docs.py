"""The pages of the executor quote the events that are really written, and list every setting."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from recordings import recording

from dagster_plus_k8s_helpers import MemoryLadder, diagnose, k8s_executor
from dagster_plus_k8s_helpers.cluster.errors import answered, late
from dagster_plus_k8s_helpers.diagnosis.failed_pod import disrupted
from dagster_plus_k8s_helpers.executor.events.attempts import Attempts, Rules, decide
from dagster_plus_k8s_helpers.executor.events.notes import LIMITATIONS
from dagster_plus_k8s_helpers.executor.events.reports import _left_behind_said, _said, _taken_said
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep, unexplained_wait
from dagster_plus_k8s_helpers.executor.launching.owners import OWNER_ELSEWHERE
from dagster_plus_k8s_helpers.executor.looking.run_worker import Owner, Taken, way_out
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers import Diagnosis

DOCS = Path(__file__).parent.parent.parent / "docs"
GUIDE = "".join((DOCS / room / "executor.md").read_text("utf-8") for room in ("explanation", "reference"))


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


def killed(container: str, limit: str = "") -> Diagnosis:
    """An OOM in a container of a pod that failed."""
    spec = {"name": container, "resources": {"limits": {"memory": limit}} if limit else {}}
    status = {"name": container, "state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
    pod = {
        "spec": {"containers": [{"name": "dagster"}, spec] if container != "dagster" else [spec]},
        "status": {"phase": "Failed", "containerStatuses": [status]},
    }
    diagnosis = diagnose({"status": {"failed": 1}}, [pod])
    assert diagnosis is not None
    return diagnosis


@pytest.mark.parametrize("diagnosis", [killed("dagster"), killed("istio-proxy", "64Mi")], ids=str)
def test_the_guide_quotes_ooms_that_no_ladder_helps(diagnosis: Diagnosis) -> None:
    assert told(diagnosis) in GUIDE.splitlines()


def test_the_guide_quotes_what_the_executor_goes_on_without() -> None:
    lines = GUIDE.splitlines()

    assert LIMITATIONS["jobs"].format(said="HTTP 403 jobs.batch is forbidden") in lines
    assert OWNER_ELSEWHERE.format(here="dagster", there="etl") in lines


def test_the_guide_quotes_what_is_told_of_bad_answers_and_late_starts() -> None:
    lines = GUIDE.splitlines()
    errors = [late(20.0), answered(403, "Forbidden", "<html>")]

    for error in errors:
        assert any(line.startswith(f"The Kubernetes API cannot be reached: {error}. ") for line in lines)
    step = TrackedStep(pytest.fail, "job", "default", Rules(None, None, 0), 600.0, 0.0)
    assert f'Step "train" waits: {unexplained_wait(step, 300.0)}' in lines
    assert unexplained_wait(step, 299.0) is None


def test_the_guide_quotes_what_is_said_of_a_run_worker_that_is_taken_away() -> None:
    evicted = disrupted(recording("evicted-api")["pods"][0])
    assert evicted is not None
    deleted = Taken("The pod dagster-run-7c1e-x on the node node1 is being deleted. Its node is cordoned.")
    out = way_out({}, resumes=0, in_dagster_plus=True)
    owner = Owner("batch/v1", "Job", "dagster-run-7c1e", "1", 86400)
    lines = GUIDE.splitlines()

    assert _taken_said(Taken(evicted.summary), owner, out, resumed=True) in lines
    assert _taken_said(deleted, None, out, resumed=False) in lines


def test_the_guide_quotes_what_is_said_of_a_pod_that_is_kept_alive() -> None:
    assert _left_behind_said("train", "dagster-step-3f0a", ["cloud-sql-proxy"]) in GUIDE.splitlines()


def test_the_guide_lists_every_setting() -> None:
    settings = [name for name in inspect.signature(k8s_executor).parameters if name != "name"]

    assert [name for name in settings if f"`{name}`" not in GUIDE] == []
