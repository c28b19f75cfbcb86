"""Dagster's step delegating executor, which reads the event log of its run in pages, and only forward.

Its loop asks ``_pop_events`` for what is new, and nothing public says how much of it comes at once, how far
the cursor has come, or which rows it has passed. `tests/executor/test_execution_internals.py` fails when that
moves.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dagster._core.executor.step_delegating import StepDelegatingExecutor

from dagster_plus_k8s_helpers._dagster.endings import endings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import dagster as dg
    from dagster._core.events import DagsterEvent

__all__ = ["PagedExecutor"]

# The stock loop asks for the health of step after step; here it never does, except when a run resumes.
_NEVER = 10**9
# Reading an event takes a tenth of a millisecond. Where Dagster reads some of them again, as events may show
# late there (Dagster+), smaller pages would be read again more often.
_PAGE, _PAGE_VARIABLE = 100, "DAGSTER_EXECUTOR_POP_EVENTS_LIMIT"


class PagedExecutor(StepDelegatingExecutor):
    """The stock executor, with its event log read a page at a time.

    It takes over a stock executor, so that whatever that one was configured with stays.

    Args:
        stock: That executor.

    Attributes:
        stock_step_handler: Its step handler.
        usual_sleep: Seconds that its loop sleeps between two rounds.
    """

    def __init__(self, stock: StepDelegatingExecutor) -> None:
        self.__dict__.update(stock.__dict__)
        self._check_step_health_interval_seconds = _NEVER
        self.stock_step_handler: Any = self._step_handler
        self.usual_sleep = float(self.__dict__["_sleep_seconds"])
        self._seen_storage_ids: set[int] = set()

    def read_page(
        self, instance: dg.DagsterInstance, run_id: str, seen: set[int], *, waits: bool
    ) -> tuple[Sequence[DagsterEvent], bool]:
        """Read a page of the event log.

        Args:
            instance: Whose.
            run_id: Of the run.
            seen: Storage ids of what was read before; those of the page are added.
            waits: Whether something waits for the log to be read to its end.

        Returns:
            What is new, and whether there may be another page.
        """
        offset = self._get_pop_events_offset(instance)
        if not offset and os.environ.get(_PAGE_VARIABLE) is None:
            self._pop_events_limit = _PAGE
        known, cursor = len(seen), self._event_cursor
        events = super()._pop_events(instance, run_id, seen)
        new = len(seen) - known
        self._seen_storage_ids = seen
        # Where Dagster reads events again, a page without new ones moves on by half of it.
        moves_on = new > 0 if waits else not new and cursor != self._event_cursor
        return events, new >= self._pop_events_limit or (bool(offset) and moves_on)

    def read_all(self, instance: dg.DagsterInstance, run_id: str, seen: set[int]) -> Sequence[DagsterEvent]:
        """Read the event log to its end, in the pages that Dagster reads.

        Args:
            instance: Whose.
            run_id: Of the run.
            seen: Storage ids of what was read before; those of the pages are added.
        """
        events: list[DagsterEvent] = []
        while more := super()._pop_events(instance, run_id, seen):
            events.extend(more)
        self._seen_storage_ids = seen
        return events

    def read_missed(
        self,
        instance: dg.DagsterInstance,
        run_id: str,
        step_key: str,
        is_wanted: Callable[[DagsterEvent], bool] = lambda _event: True,
    ) -> list[DagsterEvent]:
        """Read what the log has of the endings of a step that nobody has read: the cursor has passed it.

        Args:
            instance: Whose log.
            run_id: Of the run.
            step_key: Key of the step.
            is_wanted: Says which of them; the others stay unread.
        """
        found = {
            storage_id: event
            for storage_id, event in endings_of(instance, run_id, step_key)
            if storage_id not in self._seen_storage_ids and is_wanted(event)
        }
        self._seen_storage_ids.update(found)
        return list(found.values())
