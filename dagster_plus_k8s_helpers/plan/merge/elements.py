"""Which element of a list in one manifest is which in another: lists that are merged have no keys."""

from __future__ import annotations

import json
from collections import deque
from typing import Any, TypeAlias

__all__ = ["ABSENT", "Elements", "Path"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices that lead to a field of a manifest."""

ABSENT: Any = type("_Absent", (), {"__repr__": lambda _self: "absent"})()


class Elements:
    """Which element of a list is which of another.

    Each list is gone through once: whoever asks for every element of a list of thousands would else wait for
    the square of its length. The lists are those of stages, and live as long as this does.
    """

    def __init__(self) -> None:
        self._pairs: dict[tuple[int, int], list[int | None]] = {}
        self._places: dict[int, dict[str, list[int]]] = {}

    def earlier(self, now: Any, before: Any, path: Path) -> Path | None:
        """Where a field of one manifest is in the manifest before it."""
        found: list[str | int] = []
        for key in path:
            if isinstance(now, list):
                if not isinstance(before, list):
                    return None
                index = self._pairs_of(now, before)[int(key)]
                if index is None:
                    return None
                found.append(index)
                now, before = now[int(key)], before[index]
            else:
                if not isinstance(before, dict) or key not in before:
                    return None
                found.append(key)
                now, before = now[key], before[key]
        return tuple(found)

    def in_alone(self, final: Any, alone: Any, path: Path) -> Any:
        """A field of the final manifest, in that of one layer."""
        for depth, key in enumerate(path):
            if isinstance(final, list):
                if not isinstance(alone, list):
                    return ABSENT
                wanted = final[int(key)]
                index = next(iter(self._places_in(alone).get(_as_text(wanted), ())), None)
                # The step's own container is the first one whatever the layers put into it.
                if index is None and key == 0 and path[depth - 1] == "containers":
                    index = 0
                if index is None or index >= len(alone):
                    return ABSENT
                final, alone = wanted, alone[index]
            else:
                if not isinstance(alone, dict) or key not in alone:
                    return ABSENT
                final, alone = final[key], alone[key]
        return alone

    def _pairs_of(self, now: list[Any], before: list[Any]) -> list[int | None]:
        """For each element of a list the one it was before: an equal one, else one left over at its place."""
        key = id(now), id(before)
        if key not in self._pairs:
            free = {text: deque(places) for text, places in self._places_in(before).items()}
            found = [places.popleft() if (places := free.get(_as_text(value))) else None for value in now]
            left = {place for places in free.values() for place in places}
            self._pairs[key] = [
                index if pair is None and index in left else pair for index, pair in enumerate(found)
            ]
        return self._pairs[key]

    def _places_in(self, items: list[Any]) -> dict[str, list[int]]:
        if id(items) not in self._places:
            found: dict[str, list[int]] = {}
            for index, value in enumerate(items):
                found.setdefault(_as_text(value), []).append(index)
            self._places[id(items)] = found
        return self._places[id(items)]


def _as_text(value: Any) -> str:
    """A value by which equal ones are found."""
    return json.dumps(value, sort_keys=True, default=repr)
