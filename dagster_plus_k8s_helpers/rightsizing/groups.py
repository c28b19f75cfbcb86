"""Partitions of a step that need sizes of their own, in groups that are alike."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.findings.finding import few
from dagster_plus_k8s_helpers.rightsizing.recommend import LEAST_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.rightsizing.history import Measured

__all__ = ["Group", "groups_of"]

_ALIKE = 2.0


@dataclass(frozen=True, slots=True)
class Group:
    """Partitions that need about as much.

    Attributes:
        keys: Their keys; empty for all that are in no other group.
    """

    keys: tuple[str, ...]

    def __str__(self) -> str:
        return few(self.keys) if self.keys else "others"


def groups_of(measured: Sequence[Measured]) -> list[tuple[Group | None, Sequence[Measured]]]:
    """The attempts of a step, by the group of their partitions.

    A partition counts by itself once enough of its attempts are known; those of a time window, of which each
    comes once, stay together. Groups begin with the partition that needs most, and hold those that need over
    half of that.

    Args:
        measured: Attempts of one step.

    Returns:
        The group that needs most first; ``None`` for the group of all, where they are alike.
    """
    by_partition: dict[str | None, list[Measured]] = defaultdict(list)
    for item in measured:
        by_partition[item.usage.partition].append(item)
    known = {
        key: most
        for key, items in by_partition.items()
        if key is not None and len(items) >= LEAST_ATTEMPTS and (most := _most(items)) > 0
    }
    groups: list[list[str]] = []
    for key in sorted(known, key=lambda key: (-known[key], key)):
        if groups and known[key] * _ALIKE > known[groups[-1][0]]:
            groups[-1].append(key)
        else:
            groups.append([key])
    if len(groups) < 2:
        return [(None, measured)]
    found: list[tuple[Group | None, Sequence[Measured]]] = [
        (Group(tuple(sorted(keys))), [item for key in keys for item in by_partition[key]]) for keys in groups
    ]
    others = [item for key, items in by_partition.items() if key not in known for item in items]
    return [*found, (Group(()), others)] if others else found


def _most(items: Sequence[Measured]) -> int:
    return max((item.usage.memory_needed_bytes or 0 for item in items), default=0)
