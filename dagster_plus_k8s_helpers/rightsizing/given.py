"""Attempts beside what each of them was given, for a step whose size is decided anew at each launch."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.rightsizing.history import Measured
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["NEAR", "Least", "least_wasteful", "near_their_limit"]

NEAR = 0.9
"""Over this share of a memory limit is near it."""


class Least(NamedTuple):
    """Of one resource, in bytes or cores, the attempt that came nearest to using what it requested.

    Attributes:
        requested: What it requested.
        used: What it used; above 0.
    """

    requested: float
    used: float


def near_their_limit(measured: Sequence[Measured]) -> list[Measured]:
    """The attempts that used nearly all of their own memory limit, or were OOMKilled with it.

    One is over when a later run gave the same partition more, and that was enough. A later attempt in the
    same run says nothing: the next run begins with the smaller size again.

    Args:
        measured: Attempts of one step.
    """
    found = []
    enough: dict[str | None, dict[str, int]] = defaultdict(dict)
    for item in sorted(measured, key=lambda item: (item.at, item.usage.attempt), reverse=True):
        limit, by_run = item.usage.memory_limit_bytes or 0, enough[item.usage.partition]
        if not _is_near(item.usage):
            by_run[item.run_id] = max(limit, by_run.get(item.run_id, 0))
        elif not any(given > limit for run_id, given in by_run.items() if run_id != item.run_id):
            found.append(item)
    return found


def least_wasteful(measured: Sequence[Measured], name: str) -> Least | None:
    """The attempt that used the largest share of its own request; ``None`` where none is known.

    Args:
        measured: Attempts of one step.
        name: ``memory`` or ``cpu``.
    """
    known = [
        Least(requested, used)
        for item in measured
        for requested, used in [_of(item.usage, name)]
        if requested and used
    ]
    return min(known, key=lambda least: least.requested / least.used, default=None)


def _is_near(usage: Usage) -> bool:
    used, limit = usage.memory_needed_bytes, usage.memory_limit_bytes
    return usage.oom_killed or (used is not None and limit is not None and used > NEAR * limit)


def _of(usage: Usage, name: str) -> tuple[float | None, float | None]:
    if name == "memory":
        return usage.memory_request_bytes, usage.memory_needed_bytes
    return usage.cpu_request_cores, usage.cpu_cores
