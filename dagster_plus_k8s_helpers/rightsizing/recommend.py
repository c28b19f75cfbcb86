"""`recommended`: the size that a step should ask for, which is what `sized_by_usage` would decide for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.sizing.by_usage import ByUsage
from dagster_plus_k8s_helpers.sizing.facts import StepFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
    from dagster_plus_k8s_helpers.pod.config import K8sConfig
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["LEAST_ATTEMPTS", "Recommended", "quantile", "recommended"]

_DEFAULT = ByUsage(cpu=True)
LEAST_ATTEMPTS = _DEFAULT.at_least
"""Of fewer attempts nothing is recommended."""


@dataclass(frozen=True, slots=True)
class Recommended:
    """What a step should ask for.

    Attributes:
        memory_bytes: Request and limit; ``None`` when too little is known.
        cpu_cores: Request, without a limit; likewise.
        why: What it comes from, or why there is none.
    """

    memory_bytes: int | None
    cpu_cores: float | None
    why: str


def recommended(usages: Sequence[Usage], strategy: ByUsage = _DEFAULT) -> Recommended:
    """The size that a step should ask for: by all of its attempts, and not by the last few runs alone.

    Args:
        usages: What its attempts took, the newest first.
        strategy: With which headroom, floor, ...; ``sized_by_usage()``'s own when left out.
    """
    wide = replace(strategy, runs=max(len(usages), strategy.at_least), cpu=True)
    sized = wide(StepFacts(step_key="", usage=tuple(usages)))
    memory, cpu = _said(sized.config, "memory"), _said(sized.config, "cpu")
    return Recommended(
        None if memory is None else int(memory.value), None if cpu is None else float(cpu.value), sized.why
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least of ordered figures that so large a share of them does not exceed; ``None`` of none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _said(config: K8sConfig | None, name: str) -> Quantity | None:
    """What a size requests: its limit, where that is all it says."""
    resources = None if config is None else config.resources
    return None if resources is None else resources.requests.get(name, resources.limits.get(name))
