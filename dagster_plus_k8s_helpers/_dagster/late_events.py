"""Events that Dagster's code logs on one thread, and that are written on another one, later.

A write to the event log is a call to a database, or to Dagster+: 5 to 50 ms. The loop of a run that launches
50 steps a second has no time for them, and Dagster's own handler of events takes one at a time, under a lock.
There is nothing public to write an event of another kind than an asset's without `DagsterEvent`, which writes
at once. `tests/executor/test_late_events.py` fails when one of these moves.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from dagster._core.execution.context.system import StepOrchestrationContext
from dagster._core.instance.types import _EventListenerLogHandler
from dagster._core.log_manager import DagsterLogHandler, DagsterLogManager

if TYPE_CHECKING:
    from dagster._core.execution.context.system import IStepContext

__all__ = ["LateEvents"]


class LateEvents:
    """Keeps events that are logged with its contexts."""

    def __init__(self) -> None:
        self._kept: list[tuple[logging.Handler, logging.LogRecord]] = []

    def context(self, step_context: IStepContext) -> IStepContext:
        """The context of a step, of which the events are kept.

        Args:
            step_context: The context.
        """
        assert isinstance(step_context, StepOrchestrationContext)  # noqa: S101 - the executor has no other
        handler = step_context.log._dagster_handler
        handlers = [
            _Keeping(other, self) if isinstance(other, _EventListenerLogHandler) else other
            for other in handler._handlers
        ]
        kept = DagsterLogHandler(handler.metadata, loggers=handler._loggers, handlers=handlers)
        return StepOrchestrationContext(
            plan_data=step_context.plan_data,
            log_manager=DagsterLogManager(kept, level=step_context.log.level),
            executor=step_context.executor,
            step=step_context.step,
            output_capture=step_context.output_capture,
        )

    def keep(self, handler: logging.Handler, record: logging.LogRecord) -> None:
        """Take in what a handler was to write."""
        self._kept.append((handler, record))

    def write(self) -> None:
        """Write what was kept, each event once; on any thread."""
        while self._kept:
            handler, record = self._kept[0]
            record.created = time.time()
            # Past its lock: it holds nothing but the instance, which many threads write with.
            handler.emit(record)
            del self._kept[0]


class _Keeping(logging.Handler):
    def __init__(self, writes: logging.Handler, events: LateEvents) -> None:
        super().__init__(writes.level)
        self._writes, self._events = writes, events

    def emit(self, record: logging.LogRecord) -> None:
        self._events.keep(self._writes, record)
