"""Writes events beside the executor's loop, which waits for none of them."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers._dagster.late_events import LateEvents

__all__ = ["LateWriter"]

# As many as launches have: both write one event for each step.
_THREADS = 8


class LateWriter:
    """Writes on threads of its own; used by the thread of the executor's loop."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._writing: set[Future[None]] = set()

    def write(self, events: LateEvents) -> None:
        """Write these soon."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="step-events")
        self._writing.add(self._threads.submit(events.write))

    def check(self) -> None:
        """Raise what a write has raised since this was last asked."""
        over = {future for future in self._writing if future.done()}
        self._writing -= over
        for future in over:
            future.result()

    def finish(self, seconds: float) -> None:
        """Wait until all is written.

        Args:
            seconds: How long at most.
        """
        wait(self._writing, max(seconds, 0.0))

    def close(self, *, wait: bool) -> None:
        """Write no more.

        Args:
            wait: Whether what is to be written is waited for.
        """
        if self._threads is not None:
            self._threads.shutdown(wait=wait, cancel_futures=not wait)
