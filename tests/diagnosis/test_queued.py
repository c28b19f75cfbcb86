"""Why a Job waits in its queue, and what took its pod, from what Kueue writes into a Workload."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kueue import (
    NO_CPU,
    NO_MEMORY,
    NO_QUEUE,
    STOPPED,
    TAKEN,
    TOO_LARGE,
    admitted,
    pending,
    preempted,
    readmitted,
)

from dagster_plus_k8s_helpers import Diagnosis, DiagnosisKind, diagnose
from dagster_plus_k8s_helpers.diagnosis.queued import evicted, is_pending, was_evicted
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep

SINCE = "2026-01-01T00:00:00Z"
JOB: dict[str, Any] = {
    "metadata": {"name": "step", "labels": {"kueue.x-k8s.io/queue-name": "team-a"}},
    "spec": {"suspend": True},
    "status": {"conditions": [{"type": "Suspended", "status": "True", "lastTransitionTime": SINCE}]},
}
CHECKS = {
    "conditions": admitted()["conditions"][:1],
    "admissionChecks": [
        {"name": "quota", "state": "Ready"},
        {"name": "nodes", "state": "Pending", "message": "Waiting for a node."},
    ],
}


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (None, "Kueue starts it when there is room."),
        ({}, "Kueue has not come to it yet."),
        (NO_QUEUE, "there is no LocalQueue 'team-a' in its namespace. Create the LocalQueue in the namespace of the step, or correct queue."),
        (STOPPED, "ClusterQueue shared is inactive."),
        (NO_MEMORY, "the flavor 'default' has 2Gi of memory too little unused. Wait until other workloads of the queue end, raise its quota, or request less."),
        (TOO_LARGE, "it asks for 16 of nvidia.com/gpu, and the flavor 'a100' has 8 at most. Wait until other workloads of the queue end, raise its quota, or request less."),
        (pending("couldn't assign flavors to pod set main: insufficient quota for cpu in flavor a, request > maximum capacity (8)", "Pending"), "it asks for more of cpu, and the flavor 'a' has 8 at most. Wait until other workloads of the queue end, raise its quota, or request less."),
        (pending("", "PendingEvaluation"), "Kueue has not come to it yet."),
        (pending("flavor a doesn't match node affinity", "NoMatchingFlavor"), "flavor a doesn't match node affinity."),
        (CHECKS, "it has its quota, and waits for the admission check nodes (Waiting for a node)."),
        (admitted(), "it is about to start."),
        (preempted(), f"{TAKEN}; before, its pod was taken away (Preempted: {TAKEN})."),
    ],
)  # fmt: skip
def test_why_a_job_waits(status: dict[str, Any] | None, why: str) -> None:
    diagnosis = diagnose(JOB, [], workload=None if status is None else {"status": status})

    assert str(diagnosis) == f"JobSuspended: The Job waits in the queue 'team-a' since {SINCE}: {why}"
    assert diagnosis is not None
    assert not diagnosis.failed
    assert diagnosis.retryable


@pytest.mark.parametrize(
    ("of_all", "of_queue", "said"),
    [
        (7, 3, "behind 7 others, 3 of them of this queue"),
        (2, 2, "behind 2 others"),
        (1, 0, "behind 1 other, none of them of this queue"),
        (0, 0, "the first in line"),
        (None, 0, "the first of this queue"),
        (None, 1, "behind 1 other of this queue"),
        (5, None, "behind 5 others"),
    ],
)
def test_behind_how_many_a_job_waits(of_all: int | None, of_queue: int | None, said: str) -> None:
    diagnosis = diagnose(
        JOB, [], pending={"positionInClusterQueue": of_all, "positionInLocalQueue": of_queue}
    )

    assert diagnosis is not None
    assert diagnosis.summary == (
        f"The Job waits in the queue 'team-a' since {SINCE}, {said}: Kueue starts it when there is room."
    )
    counts = {"in_front": of_all, "in_front_of_queue": of_queue}
    assert {name: diagnosis.details.get(name) for name in counts} == counts


@pytest.mark.parametrize("pending", [{}, {"positionInClusterQueue": -1}, {"positionInLocalQueue": "2"}, None])
def test_a_place_that_makes_no_sense_is_not_told(pending: dict[str, Any] | None) -> None:
    assert diagnose(JOB, [], pending=pending) == diagnose(JOB, [])


def test_a_workload_that_was_deactivated_says_so() -> None:
    workload = {"spec": {"active": False}, "status": preempted()}

    assert f"its Workload has been deactivated (Preempted: {TAKEN})." in str(
        diagnose(JOB, [], workload=workload)
    )


def test_the_pods_of_a_suspended_job_are_those_it_loses() -> None:
    leaving = {"metadata": {"deletionTimestamp": SINCE}, "status": {"phase": "Failed"}}

    diagnosis = diagnose(JOB, [leaving])

    assert diagnosis is not None
    assert diagnosis.kind is DiagnosisKind.JOB_SUSPENDED


def test_an_eviction_is_a_disruption_in_kueues_words() -> None:
    found = evicted(JOB, {"status": preempted()})

    assert found.is_disruption
    assert found.summary == f"Kueue took the pod away from the queue 'team-a': Preempted: {TAKEN}."
    assert evicted(JOB, None).summary == "Kueue took the pod away from the queue 'team-a'."


def test_an_eviction_is_remembered_after_the_next_admission() -> None:
    assert not any(was_evicted(status and {"status": status}) for status in (None, {}, admitted()))
    assert all(was_evicted({"status": status}) for status in (preempted(), readmitted()))


def test_what_changes_all_the_time_is_not_told_again() -> None:
    def cause(message: dict[str, Any]) -> str:
        found = diagnose(JOB, [], workload={"status": message})
        assert isinstance(found, Diagnosis)
        return TrackedStep.cause(None, found)  # type: ignore[arg-type]

    less = pending("insufficient unused quota for memory in flavor default, 1Gi more needed")
    assert cause(NO_MEMORY) == cause(less)
    assert len({cause(NO_MEMORY), cause(NO_CPU), cause(TOO_LARGE), cause(NO_QUEUE)}) == 4


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["status", "conditions", "type", "message", "reason", "spec", "active"]), inner)))  # fmt: skip
def test_whatever_a_workload_is_it_raises_nothing(workload: Any) -> None:
    assert diagnose(JOB, [], workload=workload, pending=workload) is not None
    is_pending(workload)
    was_evicted(workload)
