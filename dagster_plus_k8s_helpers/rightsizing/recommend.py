"""`recommended`: the size that a step should ask for, by what its attempts took."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["LEAST_ATTEMPTS", "Recommended", "quantile", "recommended"]

LEAST_ATTEMPTS = 3
"""Of fewer attempts nothing is recommended."""

_HEADROOM = 1.15
_AFTER_OOM = 1.25
_CPU_QUANTILE = 0.95
_MI = 2**20
_LEAST_CPU = 0.01


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


def recommended(
    usages: Sequence[Usage], *, headroom: float = _HEADROOM, at_least: int = LEAST_ATTEMPTS
) -> Recommended:
    """The size that a step should ask for.

    Memory: the most that an attempt took, times the headroom, and at least a quarter above what an attempt
    was OOMKilled with; rounded up to a whole Mi. CPU: what 19 of 20 attempts needed on average, times the
    headroom.

    Args:
        usages: What its attempts took.
        headroom: How many times as much; at least 1.
        at_least: How many attempts have to be known.
    """
    if len(usages) < at_least:
        return Recommended(None, None, f"{len(usages)} measured of {at_least} that it takes")
    memory = max((_needed(usage, headroom) for usage in usages), default=0)
    cores = sorted(usage.cpu_cores for usage in usages if usage.cpu_cores is not None)
    cpu = quantile(cores, _CPU_QUANTILE)
    killed = sum(usage.oom_killed for usage in usages)
    why = f"the most of {len(usages)} attempts and {headroom - 1:.0%}"
    return Recommended(
        math.ceil(memory / _MI) * _MI if memory else None,
        None if cpu is None else max(_LEAST_CPU, math.ceil(cpu * headroom * 100) / 100),
        f"{why}; {killed} OOMKilled" if killed else why,
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least of ordered figures that so large a share of them does not exceed; ``None`` of none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _needed(usage: Usage, headroom: float) -> float:
    needed = (usage.memory_peak_bytes or 0) * headroom
    if usage.oom_killed and usage.memory_limit_bytes:
        needed = max(needed, usage.memory_limit_bytes * _AFTER_OOM)
    return needed
