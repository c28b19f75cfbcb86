"""`costs_of`: what the steps of a run cost, and what of that is for what they do not use."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.prices import hourly_cost

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.prices import HourlyCost
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, StepPlan
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["StepCost", "costs_of"]

_HOUR = Decimal(3_600)


@dataclass(frozen=True, slots=True)
class StepCost:
    """What a step costs.

    Attributes:
        step: Its key; a mapped one is there once, for each of its steps.
        hourly: What an hour of it costs; ``None`` when no pool with a price takes it.
        seconds: How long half of its attempts took at most; ``None`` when none was measured.
        idle_hourly: What of an hour's cost is for requests that no attempt used; likewise.
    """

    step: str
    hourly: HourlyCost | None
    seconds: float | None
    idle_hourly: Decimal | None

    @property
    def amount(self) -> Decimal | None:
        """What one run of it costs; ``None`` when that is not known."""
        return None if self.hourly is None else self._of(self.hourly.amount)

    @property
    def idle(self) -> Decimal | None:
        """What of it is for requests that no attempt used."""
        return self._of(self.idle_hourly)

    def _of(self, an_hour: Decimal | None) -> Decimal | None:
        if an_hour is None or self.seconds is None:
            return None
        return an_hour * Decimal(str(self.seconds)) / _HOUR


def costs_of(
    plan: RunPlan, pools: Sequence[NodePool], usage: Mapping[str, Sequence[Usage]] | None = None
) -> list[StepCost]:
    """What each step of a run costs that has a pod of its own; that of the run itself is not known.

    Args:
        plan: The plan.
        pools: The nodes, with prices.
        usage: What attempts of the steps took, by step key.
    """
    return [
        _cost(step, step.pod.spec_template, pools, (usage or {}).get(step.key, ()))
        for step in plan.steps.values()
        if step.pod is not None
    ]


def _cost(
    step: StepPlan, spec: Mapping[str, Any], pools: Sequence[NodePool], usage: Sequence[Usage]
) -> StepCost:
    hourly = hourly_cost(spec, pools)
    taken = sorted(item.wall_seconds for item in usage if item.wall_seconds is not None)
    needed = _needed(spec, usage)
    used = None if needed is None else hourly_cost(needed, pools)
    idle = None if hourly is None or used is None else max(hourly.amount - used.amount, Decimal(0))
    return StepCost(step.key, hourly, taken[(len(taken) - 1) // 2] if taken else None, idle)


def _needed(spec: Mapping[str, Any], usage: Sequence[Usage]) -> Mapping[str, Any] | None:
    """The spec, if its first container asked for what was used at most; ``None`` when that is not known."""
    memory = max((item.memory_needed_bytes or 0 for item in usage), default=0)
    cores = max((item.cpu_cores or 0.0 for item in usage), default=0.0)
    if not memory and not cores:
        return None
    changed: dict[str, Any] = copy.deepcopy(dict(spec))
    resources = changed["containers"][0].setdefault("resources", {})
    resources["requests"] = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    resources["requests"] |= {"memory": str(memory)} if memory else {}
    resources["requests"] |= {"cpu": f"{cores:.9f}"} if cores else {}
    return changed
