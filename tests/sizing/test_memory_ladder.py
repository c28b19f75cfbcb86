"""MemoryLadder, and what follows from a failure: sizes, budgets and what is said of them."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers import Diagnosis, DiagnosisKind, K8sConfigError, MemoryLadder, Quantity
from dagster_plus_k8s_helpers.executor.events.attempts import Attempts, Counts, Decision, Rules, decide
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory, ladder_of_step


@pytest.mark.parametrize(
    ("ladder", "memory", "largest_node", "following"),
    [
        (MemoryLadder(), Memory("300Mi", "300Mi"), "", Memory("600Mi", "600Mi")),
        (MemoryLadder(), Memory("4Gi", "1Gi"), "", Memory("8Gi", "2Gi")),
        (MemoryLadder(factor=1.1), Memory("1Gi"), "", Memory("1127Mi")),
        (MemoryLadder(factor=1.5), Memory("1G", "500M"), "", Memory("1431Mi", "716Mi")),
        (MemoryLadder(maximum="10Gi"), Memory("8Gi", "8Gi"), "", Memory("10Gi", "10Gi")),
        (MemoryLadder(maximum="10Gi"), Memory("10Gi", "10Gi"), "", None),
        (MemoryLadder(), Memory("8Gi"), "12000000Ki", Memory("10546Mi")),
        (MemoryLadder(), Memory("8Gi"), "4Gi", None),
        (MemoryLadder(), Memory(request="1Gi"), "", None),
    ],
)
def test_the_next_size(
    ladder: MemoryLadder, memory: Memory, largest_node: str, following: Memory | None
) -> None:
    assert ladder.next(memory, largest_node) == following


@given(
    start=st.integers(min_value=1, max_value=2**16),
    factor=st.floats(min_value=1.01, max_value=10).map(lambda number: round(number, 2)),
)
def test_a_ladder_rises_to_its_maximum_and_ends_there(start: int, factor: float) -> None:
    ladder = MemoryLadder(factor=factor, maximum="64Gi")
    memory, sizes = Memory(f"{start}Mi", f"{start}Mi"), [Quantity(f"{start}Mi")]

    while (following := ladder.next(memory)) is not None:
        memory = following
        sizes.append(Quantity(memory.limit))

    assert sizes == sorted(set(sizes))
    assert all(size.is_multiple_of(Quantity("1Mi")) for size in sizes)
    assert sizes[-1] == Quantity("64Gi")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"factor": 1}, "factor: 1 gives no more memory; write a number above 1"),
        ({"factor": "2"}, "factor: must be a number, not '2'"),
        ({"factor": float("nan")}, "factor: nan gives no more memory; write a number above 1"),
        ({"maximum": "64"}, "maximum: 64 is less than 1Mi; did you mean '64Gi'?"),
        ({"maximum": "64GB"}, "maximum: '64GB'"),
        ({"retries": -1}, "retries: must be a whole number, not -1"),
        ({"retries": True}, "retries: must be a whole number, not True"),
        ({"on": ["Evicted"]}, "on: must be a list, not ['Evicted']; write ['OOMKilled']"),
        ({"on": "OOMKilled"}, "on: must be a list, not 'OOMKilled'; write ['OOMKilled']"),
        ({"learn": 1}, "learn: must be True or False, not 1"),
    ],
)
def test_what_makes_no_ladder_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        MemoryLadder(**fields)

    assert str(refusal.value).startswith(message)


def test_a_ladder_goes_through_a_tag_and_back() -> None:
    ladder = MemoryLadder(factor=1.5, maximum="8Gi", retries=1, learn=True)

    assert ladder_of_step(ladder.tags, MemoryLadder()) == ladder
    assert ladder_of_step({}, ladder) == ladder
    assert ladder_of_step({"dagster-plus-k8s/memory-ladder": "off"}, ladder) is None
    assert ladder_of_step({"dagster-plus-k8s/memory-ladder": "on"}, None) == MemoryLadder()


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("yes", "tag dagster-plus-k8s/memory-ladder: 'yes' must be 'on', 'off' or MemoryLadder(...).tags"),
        ("[]", "tag dagster-plus-k8s/memory-ladder: '[]' must be 'on', 'off' or MemoryLadder(...).tags"),
        ("[" * 100_000, f"tag dagster-plus-k8s/memory-ladder: '{'[' * 60}' must be 'on', 'off' or MemoryLadder(...).tags"),
        ('{"facter": 2}', "tag dagster-plus-k8s/memory-ladder: MemoryLadder has no field 'facter'; did you mean 'factor'?"),
        ('{"factor": 0}', "tag dagster-plus-k8s/memory-ladder.factor: 0 gives no more memory; write a number above 1"),
    ],
)  # fmt: skip
def test_a_tag_that_is_no_ladder_is_refused(tag: str, message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        ladder_of_step({"dagster-plus-k8s/memory-ladder": tag}, None)

    assert str(refusal.value) == message


OOM = Diagnosis(DiagnosisKind.OOM_KILLED, "It was killed.", {"container": "dagster"})
BESIDE = Diagnosis(DiagnosisKind.OOM_KILLED, "It was killed.", {"container": "proxy", "beside": "dagster"})
EVICTED = Diagnosis(DiagnosisKind.EVICTED, "It was evicted.")
DELETED = Diagnosis(DiagnosisKind.POD_DELETED, "It was deleted.")
ERROR = Diagnosis(DiagnosisKind.ERROR, "It ended.")
REFUSED = Diagnosis(DiagnosisKind.JOB_REFUSED, "It was refused.", retryable=False)
LADDER, POLICY = MemoryLadder(maximum="1Gi", retries=2), dg.RetryPolicy(max_retries=2, delay=5)
SMALL, LARGE = Memory("300Mi", "300Mi"), Memory("600Mi", "600Mi")

DECISIONS: list[tuple[str, Diagnosis, Attempts, Rules, Decision]] = [
    ("nothing is retried without a policy", ERROR, Attempts(), Rules(None, None, 2), Decision(retry=False)),
    ("a policy is kept to", ERROR, Attempts(made=1), Rules(POLICY, None, 2), Decision(retry=True, said="It starts again (retry 2 of 2 of its RetryPolicy).", delay=5)),
    ("and has an end", ERROR, Attempts(made=2), Rules(POLICY, None, 2), Decision(retry=False, said="The 2 retries of its RetryPolicy are used up.")),
    ("disruptions are free", EVICTED, Attempts(made=2), Rules(POLICY, None, 2), Decision(retry=True, said="It was not the step's fault: it starts again (disruption retry 1 of 2).", counts=Counts.DISRUPTION)),
    ("and leave the policy what it had", ERROR, Attempts(made=3, disruptions=2), Rules(POLICY, None, 2), Decision(retry=True, said="It starts again (retry 2 of 2 of its RetryPolicy).", delay=5)),
    ("more of them count", EVICTED, Attempts(made=2, disruptions=2), Rules(POLICY, None, 2), Decision(retry=True, said="It starts again (retry 1 of 2 of its RetryPolicy).", delay=5)),
    ("and fail without a policy", EVICTED, Attempts(made=2, disruptions=2), Rules(None, None, 2), Decision(retry=False)),
    ("a disrupted attempt keeps its size", EVICTED, Attempts(memory=LARGE), Rules(None, LADDER, 2), Decision(retry=True, said="It was not the step's fault: it starts again (disruption retry 1 of 2).", memory=LARGE, counts=Counts.DISRUPTION)),
    ("a refused Job is not tried again", REFUSED, Attempts(), Rules(POLICY, LADDER, 2), Decision(retry=False, said="Another attempt would end the same way.")),
    ("retries may be off", EVICTED, Attempts(), Rules(None, LADDER, 2, allowed=False), Decision(retry=False, said="Retries are disabled.")),
    ("an OOM climbs", OOM, Attempts(), Rules(None, LADDER, 2), Decision(retry=True, said="It gets 600Mi next (memory retry 1 of 2).", memory=LARGE, counts=Counts.MEMORY)),
    ("on its own budget", OOM, Attempts(made=2, out_of_memory=2), Rules(None, LADDER, 2), Decision(retry=False, said="Tried with 300Mi; the 2 retries of its memory ladder are used up.")),
    ("within the policy, if there is one", OOM, Attempts(made=1), Rules(POLICY, LADDER, 2), Decision(retry=True, said="It gets 600Mi next (retry 2 of 2 of its RetryPolicy).", delay=5, memory=LARGE)),
    ("and no further", OOM, Attempts(made=2), Rules(POLICY, LADDER, 2), Decision(retry=False, said="Tried with 300Mi. The 2 retries of its RetryPolicy are used up.")),
    ("one retry is one", ERROR, Attempts(made=1), Rules(dg.RetryPolicy(max_retries=1), None, 2), Decision(retry=False, said="The only retry of its RetryPolicy is used up.")),
    ("none is none", ERROR, Attempts(), Rules(dg.RetryPolicy(max_retries=0), None, 2), Decision(retry=False, said="Its RetryPolicy has no retries.")),
    ("a ladder of one rung", OOM, Attempts(made=1, out_of_memory=1), Rules(None, MemoryLadder(retries=1), 2), Decision(retry=False, said="Tried with 300Mi; the only retry of its memory ladder is used up.")),
    ("a deleted pod is no disruption by itself", DELETED, Attempts(), Rules(POLICY, None, 2), Decision(retry=True, said="It starts again (retry 1 of 2 of its RetryPolicy).", delay=5)),
    ("but one when a node was behind it", DELETED.disrupted_by("is cordoned"), Attempts(), Rules(POLICY, None, 2), Decision(retry=True, said="It was not the step's fault: it starts again (disruption retry 1 of 2).", counts=Counts.DISRUPTION)),
    ("without a ladder it is any failure", OOM, Attempts(), Rules(POLICY, None, 2), Decision(retry=True, said="It starts again (retry 1 of 2 of its RetryPolicy).", delay=5)),
    ("an OOM beside the step does not climb", BESIDE, Attempts(), Rules(None, LADDER, 2), Decision(retry=False)),
    ("other failures keep the size", ERROR, Attempts(made=1, memory=LARGE), Rules(POLICY, LADDER, 2), Decision(retry=True, said="It starts again (retry 2 of 2 of its RetryPolicy).", delay=5, memory=LARGE)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("diagnosis", "attempts", "rules", "decision"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS]
)  # fmt: skip
def test_what_follows_from_a_failure(
    diagnosis: Diagnosis, attempts: Attempts, rules: Rules, decision: Decision
) -> None:
    assert decide(diagnosis, attempts, rules, SMALL) == decision


def test_a_step_without_a_limit_has_nothing_to_raise() -> None:
    decision = decide(OOM, Attempts(), Rules(None, LADDER, 2), Memory())

    assert decision == Decision(retry=False, said="It has no memory limit that could be raised.")


def test_the_largest_node_is_a_cap_that_is_named() -> None:
    decision = decide(OOM, Attempts(sizes=["150Mi"]), Rules(None, LADDER, 2), SMALL, "300Mi")

    assert decision.said == (
        "Tried with 150Mi and 300Mi; the cap is 1Gi (the largest node has 300Mi, a tenth for daemonsets), so it fails."
    )
