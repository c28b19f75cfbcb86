"""The graph of a run's steps, laid out in columns: each step to the right of all it waits for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

__all__ = ["NODE_HEIGHT", "NODE_WIDTH", "Graph", "Place", "layered", "waves"]

NODE_WIDTH = 208
NODE_HEIGHT = 64
_GAP_X = 72
_GAP_Y = 18
_MARGIN = 12
_SWEEPS = 6
_MOST_EDGES = 20_000
"""A browser draws so many curves in a second; of more, nobody could follow one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a step is drawn: its upper left corner, in CSS pixels."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Graph:
    """A drawing of steps and of what they wait for.

    Attributes:
        width: In CSS pixels.
        height: In CSS pixels.
        places: Where each step is, by key.
        edges: For each step that waits for others the path of its curves, in SVG's notation.
        hidden_edges: How many dependencies are not drawn because there are too many.
    """

    width: int
    height: int
    places: Mapping[str, Place]
    edges: tuple[str, ...]
    hidden_edges: int


def waves(depends_on: Mapping[str, AbstractSet[str]]) -> list[list[str]]:
    """Steps by how many others they wait for in a row.

    Args:
        depends_on: For each step, in an order they can run in, the steps it waits for.
    """
    depth: dict[str, int] = {}
    for key, others in depends_on.items():
        depth[key] = 1 + max((depth[other] for other in others if other in depth), default=-1)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for key, column in depth.items():
        columns[column].append(key)
    return columns


def layered(depends_on: Mapping[str, AbstractSet[str]]) -> Graph:
    """Lays steps out in columns, neighbours at like heights so that few curves cross.

    Each column is ordered by where the neighbours of its steps are, from left to right and back a few
    times (the barycentre method of Sugiyama and others), in time linear in steps and dependencies but for
    the sorting.

    Args:
        depends_on: As for `waves`.
    """
    columns = waves(depends_on)
    known = {key: sorted(others & depends_on.keys()) for key, others in depends_on.items()}
    followers: dict[str, list[str]] = {key: [] for key in depends_on}
    for key, others in known.items():
        for other in others:
            followers[other].append(key)
    row = {key: float(index) for column in columns for index, key in enumerate(column)}
    for sweep in range(_SWEEPS):
        neighbours, order = (known, columns) if sweep % 2 == 0 else (followers, columns[::-1])
        for column in order:
            _order(column, neighbours, row)
    return _drawn(columns, known)


def _order(column: list[str], neighbours: Mapping[str, Sequence[str]], row: dict[str, float]) -> None:
    """Sorts a column by the mean height of the neighbours; one without stays where it is."""

    def height(key: str) -> float:
        near = neighbours[key]
        return sum(row[other] for other in near) / len(near) if near else row[key]

    column.sort(key=height)
    # Heights are counted from the middle, where each column is drawn.
    for index, key in enumerate(column):
        row[key] = index - (len(column) - 1) / 2


def _drawn(columns: Sequence[Sequence[str]], known: Mapping[str, Sequence[str]]) -> Graph:
    tallest = max((len(column) for column in columns), default=0)
    height = tallest * (NODE_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN if tallest else 0
    width = len(columns) * (NODE_WIDTH + _GAP_X) - _GAP_X + 2 * _MARGIN if columns else 0
    places = {}
    for number, column in enumerate(columns):
        top = (height - len(column) * (NODE_HEIGHT + _GAP_Y) + _GAP_Y) // 2
        for index, key in enumerate(column):
            places[key] = Place(
                _MARGIN + number * (NODE_WIDTH + _GAP_X), top + index * (NODE_HEIGHT + _GAP_Y)
            )
    count = sum(map(len, known.values()))
    if count > _MOST_EDGES:
        return Graph(width, height, places, (), count)
    paths = tuple(
        "".join(_curve(places[other], places[key]) for other in others)
        for key, others in known.items()
        if others
    )
    return Graph(width, height, places, paths, 0)


def _curve(start: Place, end: Place) -> str:
    x, y = start.x + NODE_WIDTH, start.y + NODE_HEIGHT // 2
    right, down = end.x - x, end.y + NODE_HEIGHT // 2 - y
    bend = min(right // 2, _GAP_X)
    return f"M{x} {y}c{bend} 0 {right - bend} {down} {right} {down}"
