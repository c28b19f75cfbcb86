"""`Usage`: what one attempt of a step took, beside what it was given, and the event that keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.measuring.message import MOST_CORES, MOST_MEASURED

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["USAGE_OF", "Usage"]

USAGE_OF = "usage_of_job"
"""Metadata: the Job whose usage an event records; it tells such an event from all others."""


@answering
@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one attempt of a step took, and what it was given.

    Whatever could not be read, or was not said, is ``None``.

    Args:
        job: Name of the Kubernetes Job; each attempt has its own.
        attempt: Which attempt of the step it was in its run, from 1.
        partition: Partition key of the run, when it has one.
        memory_peak_bytes: The largest working set that was seen: memory in use less page cache that can be
            dropped.
        memory_max_bytes: The kernel's own peak, page cache included: an upper bound of the working set.
        memory_anonymous_bytes: The most that was not of files.
        memory_request_bytes: What the step's container requested.
        memory_limit_bytes: Its limit.
        cpu_seconds: CPU time.
        cpu_throttled_share: The share, from 0 to 1, of those periods of 0.1 s in which it ran where its CPU
            limit held it back for a while: ``nr_throttled`` of ``nr_periods``. ``None`` without a limit.
        cpu_request_cores: What it requested.
        cpu_limit_cores: Its limit.
        wall_seconds: From the start of the process to the last sample.
        gpu_memory_peak_bytes: The most GPU memory in use, where it can be read.
        oom_killed: Whether it, or a process that it started, was killed for the lack of memory, so that it
            needed more than its limit.
        run: Id of the run it was in, where whoever read it knows that; an event says it by where it stands.

    Source: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
    """

    job: str = ""
    attempt: int = 1
    partition: str | None = None
    memory_peak_bytes: int | None = None
    memory_max_bytes: int | None = None
    memory_anonymous_bytes: int | None = None
    memory_request_bytes: int | None = None
    memory_limit_bytes: int | None = None
    cpu_seconds: float | None = None
    cpu_throttled_share: float | None = None
    cpu_request_cores: float | None = None
    cpu_limit_cores: float | None = None
    wall_seconds: float | None = None
    gpu_memory_peak_bytes: int | None = None
    oom_killed: bool = False
    run: str = field(default="", compare=False)

    @property
    def memory_needed_bytes(self) -> int | None:
        """The least that is known to be needed: what it used, or for an OOM the limit that was too small.

        No container runs in 0 bytes, and no node has a pebibyte: such amounts are not known.
        """
        known = [self.memory_peak_bytes]
        if self.oom_killed:
            known.append(self.memory_limit_bytes)
        return max((amount for amount in known if amount and amount <= _MOST_MEMORY), default=None)

    @property
    def cpu_cores(self) -> float | None:
        """CPUs in use on average; ``None`` when it is not known, or more than any node has."""
        if self.cpu_seconds is None or not self.wall_seconds:
            return None
        cores = self.cpu_seconds / self.wall_seconds
        return cores if 0 <= cores <= MOST_CORES else None

    def to_metadata(self) -> dict[str, int | float | str | bool]:
        """What an event holds of it: `from_metadata` reads it back. Numbers stay numbers, for plots."""
        said = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _ELSEWHERE}
        return {USAGE_OF: self.job, **{name: value for name, value in said.items() if value is not None}}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, object]) -> Usage | None:
        """The usage that an event records; ``None`` for an event that records none, or in another form.

        Args:
            metadata: The values of its metadata by name.
        """
        job = metadata.get(USAGE_OF)
        if not isinstance(job, str):
            return None
        known: dict[str, Any] = {name: metadata[name] for name in _TYPES if name in metadata}
        if not all(_is_of(name, value) for name, value in known.items()):
            return None
        return cls(job=job, **{name: _TYPES[name](value) for name, value in known.items()})


# The one is the mark of such events, the other where they stand.
_ELSEWHERE = frozenset({"job", "run"})
_TYPES: dict[str, type] = {
    "attempt": int,
    "partition": str,
    "oom_killed": bool,
    **dict.fromkeys(
        (
            "memory_peak_bytes",
            "memory_max_bytes",
            "memory_anonymous_bytes",
            "memory_request_bytes",
            "memory_limit_bytes",
            "gpu_memory_peak_bytes",
        ),
        int,
    ),
    **dict.fromkeys(
        (
            "cpu_seconds",
            "cpu_throttled_share",
            "cpu_request_cores",
            "cpu_limit_cores",
            "wall_seconds",
        ),
        float,
    ),
}


def _is_of(name: str, value: object) -> bool:
    kind = _TYPES[name]
    if kind in {bool, str}:
        return isinstance(value, kind)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # Comparing is exact, takes integers that no float can hold, and says no to what is not a number.
    return 0 <= value <= MOST_MEASURED.get(name, _MOST_GIVEN) and (kind is float or value == int(value))


# The largest quantity of Kubernetes: what a container is given may be more than any node has.
_MOST_GIVEN = 2**63 - 1
_MOST_MEMORY = MOST_MEASURED["memory_peak_bytes"]
