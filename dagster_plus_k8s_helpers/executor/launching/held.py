"""Retries that are not launched yet: their size is decided by what the last attempt took, which is not known.

A step that fails by itself, since a process of it was killed for memory, is retried before anybody has looked
at its pod.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.executor.events.usage_events import LAST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Held"]


class Held:
    """Holds them back, for a few seconds at most; used by the thread of the executor's loop.

    Args:
        is_measured: Whether nobody waits for what the last attempt of a step took, by its key.
    """

    def __init__(self, is_measured: Callable[[str], bool]) -> None:
        self._is_measured = is_measured
        self._steps: dict[str, tuple[float, Callable[[], None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._steps)

    def hold(self, step_key: str, launch: Callable[[], None]) -> bool:
        """Hold a step back, if there is something to wait for.

        Args:
            step_key: Whose.
            launch: Launches it.

        Returns:
            Whether it is held.
        """
        if self._is_measured(step_key):
            return False
        self._steps[step_key] = time.monotonic() + LAST_SECONDS, launch
        return True

    def let_go(self) -> None:
        """Launch those of which there is nothing to wait for any more."""
        for key, (until, launch) in list(self._steps.items()):
            if self._is_measured(key) or time.monotonic() > until:
                del self._steps[key]
                launch()

    def clear(self) -> None:
        """Launch none of them."""
        self._steps.clear()
