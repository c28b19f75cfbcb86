"""What a memory ladder makes of the pods of a plan."""

from __future__ import annotations

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import MemoryLadder, PlanError, k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.capacity.nodes import NodePool
from dagster_plus_k8s_helpers.plan import RunPlan, plan
from dagster_plus_k8s_helpers.plan.show.table import fit_lines, summary_lines
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

POOLS = [NodePool("large", {"cpu": Quantity("8"), "memory": Quantity("32Gi")})]


@dg.asset(op_tags=k8s_tags(cpu=1, memory="16Gi"))
def grows() -> None: ...


@dg.asset(op_tags=k8s_tags(cpu=1, memory=("4Gi", "6Gi")), retry_policy=dg.RetryPolicy(max_retries=1))
def grows_once() -> None: ...


@dg.asset(op_tags=k8s_tags(cpu=1, memory="1Gi") | {"dagster-plus-k8s/memory-ladder": "off"})
def stays() -> None: ...


@dg.asset(op_tags=k8s_tags(cpu=1))
def without_a_limit() -> None: ...


def planned(ladder: MemoryLadder | None, **settings: str) -> RunPlan:
    executor = k8s_executor(memory_ladder=ladder, **settings)  # type: ignore[arg-type] # any setting
    return plan(dg.Definitions(assets=[grows, grows_once, stays, without_a_limit], executor=executor))


LADDER = MemoryLadder(factor=2, maximum="64Gi")


def test_the_last_attempt_of_each_step() -> None:
    steps = planned(LADDER).steps

    assert {key: (step.last_memory.limit, step.last_memory.request) for key, step in steps.items() if step.last_memory} == {
        "grows": ("64Gi", ""),
        "grows_once": ("12Gi", "8Gi"),
    }  # fmt: skip
    assert steps["grows"].container.limits["memory"] == "16Gi"


def test_a_ladder_is_in_the_peak_and_in_the_fit_of_last_attempts() -> None:
    found = planned(LADDER)

    assert found.peak.at_least.memory == 21 * 2**30
    assert found.last_peak.at_least.memory == (64 + 8 + 1) * 2**30
    assert all(found.fit(POOLS).values())
    assert {key: fit.message for key, fit in found.last_fit(POOLS).items()} == {
        "grows": "0/1 nodes are available: 1 Insufficient memory",
        "grows_once": "",
    }
    assert "and 4 CPU, 73Gi memory with each memory ladder at its last rung" in list(summary_lines(found))
    assert list(fit_lines(found, POOLS)) == [
        "every pod fits the nodes given",
        "grows: with its memory ladder at 64Gi: 0/1 nodes are available: 1 Insufficient memory",
    ]


@pytest.mark.parametrize(
    ("ladder", "settings"), [(None, {}), (LADDER, {"retries": "disabled"}), (MemoryLadder(maximum="1Mi"), {})]
)
def test_without_rungs_nothing_is_said(ladder: MemoryLadder | None, settings: dict[str, str]) -> None:
    found = planned(ladder, **settings)

    assert not any(step.last_memory for step in found.steps.values())
    assert found.last_peak == found.peak
    assert found.last_fit(POOLS) == {}
    assert not any("ladder" in line for line in summary_lines(found))


def test_a_ladder_that_is_none_is_named() -> None:
    @dg.asset(op_tags={"dagster-plus-k8s/memory-ladder": "up"})
    def wrong() -> None: ...

    with pytest.raises(PlanError) as refusal:
        plan(dg.Definitions(assets=[wrong], executor=k8s_executor()))

    assert str(refusal.value) == (
        "step 'wrong': tag dagster-plus-k8s/memory-ladder: 'up' must be 'on', 'off' or MemoryLadder(...).tags"
    )
