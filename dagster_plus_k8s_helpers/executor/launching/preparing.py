"""Steps that are ready, and whose Jobs are not built yet: a few at a time, as the API server takes them.

Building a Job and writing its event takes milliseconds. Done for all steps of a large run at once, the loop
would read nothing for minutes, and thousands of built Jobs would wait in memory for their turn.
"""

from __future__ import annotations

import heapq
import itertools
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Preparing"]


class Preparing:
    """Ready steps, by priority; used by the thread of the executor's loop.

    Args:
        waiting: How many Jobs that have been built wait to be created.
        most: How many may.
    """

    def __init__(self, waiting: Callable[[], int], most: int) -> None:
        self._waiting, self._most = waiting, most
        self._ready: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def add(self, priority: int, launch: Callable[[], None]) -> None:
        """Launch a step when its turn comes.

        Args:
            priority: Higher ones go first; among equal ones, the first.
            launch: Launches it.
        """
        heapq.heappush(self._ready, (-priority, next(self._order), launch))

    @property
    def is_due(self) -> bool:
        """Whether one could be launched now."""
        return bool(self._ready) and self._waiting() < self._most

    def launch(self, until: float) -> None:
        """Launch those whose turn it is: one, and others before a time.

        Args:
            until: By `time.monotonic`.
        """
        while self.is_due:
            heapq.heappop(self._ready)[2]()
            if time.monotonic() >= until:
                return

    def clear(self) -> None:
        """Launch none of them."""
        self._ready.clear()
