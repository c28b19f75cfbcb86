"""Everything that a reader refuses in one value, where it would stop at the first."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.documents.document import Path, parse_path
from dagster_plus_k8s_helpers.errors import K8sConfigError, QuantityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["IS_ABOVE_LIMIT", "MORE", "Refusal", "refusals", "rounds_for", "with_limit"]

IS_ABOVE_LIMIT = " is above the limit "
"""What the reason says of a request above its limit."""

MORE = "there may be more mistakes in here than are shown; mend these and check again"
"""The reason that stands last where reading stopped before nothing was left to find."""

_MOST_ROUNDS = 100
_MOST_READ = 200_000
_UNKNOWN = re.compile(r"^\w+ has no field '([^']+)'")


class Refusal(NamedTuple):
    """One thing that a reader refuses.

    Attributes:
        path: Keys and indexes from the value inwards, as the value spells them.
        reason: What is wrong, and what to write instead.
        is_unknown_field: Whether the path leads to a field that does not exist.
        is_quantity: Whether it is about a quantity.
    """

    path: Path
    reason: str
    is_unknown_field: bool
    is_quantity: bool


def refusals(read: Callable[[Any], object], value: object) -> list[Refusal]:
    """What ``read`` refuses in ``value``: each refused part is taken out of a copy, which is read again.

    Args:
        read: Raises a K8sConfigError for the first thing it refuses.
        value: Plain data.
    """
    found: list[Refusal] = []
    rest = _Rest(value)
    for _ in range(rounds_for(value, _MOST_ROUNDS)):
        try:
            read(rest.value)
        except K8sConfigError as error:
            unknown = _UNKNOWN.match(error.reason)
            path = parse_path(error.where)
            if unknown and rest.has((*path, unknown[1])):
                path = (*path, unknown[1])
            else:
                unknown = None
            here = rest.as_written(path)
            # An object of which a part was taken out may well be incomplete.
            if not rest.is_damaged(here):
                found.append(
                    Refusal(here, error.reason, unknown is not None, isinstance(error, QuantityError))
                )
            if not rest.take_out(path):
                break
        else:
            break
    else:
        found.append(Refusal((), MORE, is_unknown_field=False, is_quantity=False))
    return found


def rounds_for(value: object, most: int) -> int:
    """How often a value may be read from the start: the larger it is, the less often.

    Args:
        value: Plain data.
        most: How often a small value may be.
    """
    return max(2, min(most, _MOST_READ // _size(value)))


def _size(value: object) -> int:
    """Of how many mappings, lists and scalars a value is made."""
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.values()))
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


class _Rest:
    """What is left of a value, and what its parts were called before others were taken out."""

    def __init__(self, value: object) -> None:
        self.value = copy.deepcopy(value)
        self._taken: list[Path] = []
        self._positions: dict[int, list[int]] = {}

    def has(self, path: Path) -> bool:
        return len(list(self._steps(path))) == len(path)

    def as_written(self, path: Path) -> Path:
        """A path as the value spells it; the innermost part of it that is there."""
        return tuple(shown for _, _, shown in self._steps(path))

    def is_damaged(self, path: Path) -> bool:
        """Whether what stands there, or the limit that a request is held against, was taken out in part."""
        limit = with_limit(path)
        return any(taken[: len(path)] == path or taken == limit for taken in self._taken)

    def take_out(self, path: Path) -> bool:
        steps = list(self._steps(path))
        if not steps:
            return False
        parent, key, _ = steps[-1]
        self._taken.append(tuple(shown for _, _, shown in steps))
        if isinstance(parent, list):
            self._positions.setdefault(id(parent), list(range(len(parent)))).pop(key)
        del parent[key]
        return True

    def _steps(self, path: Path) -> Iterator[tuple[Any, Any, str | int]]:
        """Each container on the way, the key in it, and what that was called in the beginning."""
        node: Any = self.value
        for part in path:
            if isinstance(node, list) and isinstance(part, int) and part < len(node):
                yield node, part, self._positions.get(id(node), range(len(node)))[part]
                node = node[part]
            elif isinstance(node, dict):
                key = part if part in node else next((key for key in node if _same(key, part)), None)
                if key is None:
                    return
                yield node, key, str(key)
                node = node[key]
            else:
                return


def with_limit(path: Path) -> Path | None:
    """Where the limit stands that belongs to the request at ``path``; ``None`` when that is no request."""
    return (*path[:-2], "limits", path[-1]) if path[-2:-1] == ("requests",) else None


def _same(key: object, part: str | int) -> bool:
    return str(key).replace("_", "").lower() == str(part).replace("_", "").lower()
