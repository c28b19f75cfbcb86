"""The heaviest set of steps of which none waits for another: the most that can run at one time.

By Dilworth's theorem in its weighted form: the steps are covered by as few chains as can be, each step by as
many as it weighs, and a minimum cut of the network that joins the chains says which steps are heaviest.

Source: https://en.wikipedia.org/wiki/Dilworth%27s_theorem
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["heaviest_antichain"]

_SOURCE, _SINK = 0, 1


def heaviest_antichain(
    weights: Mapping[str, Decimal], depends_on: Mapping[str, Collection[str]]
) -> list[str]:
    """Keys of the heaviest steps that can all run at one time, in the order given.

    Takes time that grows with the square of the number of steps at the least.

    Args:
        weights: How much each step weighs.
        depends_on: The steps that each waits for; those without a weight are passed over.
    """
    keys = list(weights)
    place = {key: index for index, key in enumerate(keys)}
    network = _Network(2 + 2 * len(keys))
    everything = sum(weights.values(), Decimal(1))
    for key, index in place.items():
        ends, begins = 2 + 2 * index, 3 + 2 * index
        network.join(_SOURCE, ends, weights[key])
        network.join(begins, _SINK, weights[key])
        # A chain may pass a step by: only so does it join steps that wait for each other at a distance.
        network.join(begins, ends, everything)
        for other in depends_on.get(key, ()):
            if other in place:
                network.join(2 + 2 * place[other], begins, everything)
    network.fill()
    reached = network.levels()
    return [key for key, index in place.items() if reached[2 + 2 * index] >= 0 > reached[3 + 2 * index]]


class _Network:
    """A flow network, filled by Dinic's algorithm."""

    def __init__(self, size: int) -> None:
        self._edges: list[list[int]] = [[] for _ in range(size)]
        self._head: list[int] = []
        self._free: list[Decimal] = []

    def join(self, tail: int, head: int, capacity: Decimal) -> None:
        """Adds an edge, and the one back that undoes what flows through it."""
        for start, end, free in ((tail, head, capacity), (head, tail, Decimal(0))):
            self._edges[start].append(len(self._head))
            self._head.append(end)
            self._free.append(free)

    def fill(self) -> None:
        """Lets as much flow from the source to the sink as can."""
        while (level := self.levels())[_SINK] >= 0:
            tried = [0] * len(self._edges)
            while path := self._path(level, tried):
                amount = min(self._free[edge] for edge in path)
                for edge in path:
                    self._free[edge] -= amount
                    self._free[edge ^ 1] += amount

    def _path(self, level: list[int], tried: list[int]) -> list[int]:
        """Edges with room from the source to the sink, each one level on; empty when there are none left.

        Args:
            level: The level of each node.
            tried: How many edges of each node are known to lead nowhere.
        """
        path: list[int] = []
        node = _SOURCE
        while node != _SINK:
            edges = self._edges[node]
            while tried[node] < len(edges):
                edge = edges[tried[node]]
                if self._free[edge] and level[self._head[edge]] == level[node] + 1:
                    path.append(edge)
                    node = self._head[edge]
                    break
                tried[node] += 1
            else:
                if not path:
                    return []
                node = self._head[path.pop() ^ 1]
                tried[node] += 1
        return path

    def levels(self) -> list[int]:
        """How far each node is from the source through edges with room; -1 for one out of reach."""
        level = [-1] * len(self._edges)
        level[_SOURCE] = 0
        waiting = deque([_SOURCE])
        while waiting:
            node = waiting.popleft()
            for edge in self._edges[node]:
                if self._free[edge] and level[self._head[edge]] < 0:
                    level[self._head[edge]] = level[node] + 1
                    waiting.append(self._head[edge])
        return level
