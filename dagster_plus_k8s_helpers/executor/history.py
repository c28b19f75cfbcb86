"""Folds the event log into what was tried for each step, and keeps a second ending of a step away."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.execution import DagsterEvent, DagsterEventType, without_delay
from dagster_plus_k8s_helpers.executor.attempts import Attempts
from dagster_plus_k8s_helpers.executor.memory_ladder import Memory
from dagster_plus_k8s_helpers.executor.reports import (
    MEMORY_NEXT,
    MEMORY_TRIED,
    MEMORY_WORKED,
    RETRY_OF_JOB,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["History", "memory_from"]

_ENDS = frozenset(
    {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY}
)
_BEGINNINGS = frozenset(
    {
        DagsterEventType.STEP_WORKER_STARTING,
        DagsterEventType.STEP_WORKER_STARTED,
        DagsterEventType.STEP_START,
        DagsterEventType.STEP_RESTARTED,
    }
)
_BEGUN = frozenset({DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED})


class History:
    """What the event log of a run says of its steps.

    Attributes:
        attempts: By step key.
        announced: The Job whose failure was last answered with a retry, by step key.
        begun: Steps whose current attempt reported that it began.
    """

    def __init__(self) -> None:
        self.attempts: defaultdict[str, Attempts] = defaultdict(Attempts)
        self.announced: dict[str, str] = {}
        self.begun: set[str] = set()
        self._open: set[str] = set()
        self._worked: set[str] = set()
        self._to_report: list[str] = []

    def launched(self, step_key: str) -> None:
        """A step is on its way; from now on it can end."""
        self._open.add(step_key)

    def is_open(self, step_key: str) -> bool:
        """Whether the current attempt of a step has not ended."""
        return step_key in self._open

    def fold(self, events: Sequence[DagsterEvent], *, resuming: bool) -> list[DagsterEvent]:
        """Take in events, and hand on those that the executor's loop is to see.

        A step can end twice: a node that was given up for lost may come back and report success. The loop
        would take the second ending for a broken invariant and end the run.

        Args:
            events: In the order of the log.
            resuming: Whether these are the events of a run worker before this one. Two kinds would break the
                loop: a skip, which it writes again itself, and a wait that is over.
        """
        kept = []
        for index, event in enumerate(events):
            key = event.step_key
            if key is None:
                kept.append(event)
                continue
            if event.event_type in _ENDS and not self._ends(event, key):
                continue
            if resuming and event.is_step_skipped:
                continue
            self._note(event, key)
            waited = resuming and event.is_step_up_for_retry and _goes_on(events[index + 1 :], key)
            kept.append(without_delay(event) if waited else event)
        return kept

    def successes_to_report(self) -> list[str]:
        """Steps that succeeded after their memory was raised, and of which that was not written yet."""
        found = [key for key in self._to_report if key not in self._worked]
        self._to_report.clear()
        self._worked.update(found)
        return found

    def _ends(self, event: DagsterEvent, key: str) -> bool:
        if key not in self._open:
            return False
        self._open.discard(key)
        self.begun.discard(key)
        if event.is_step_success and self.attempts[key].memory is not None:
            self._to_report.append(key)
        if event.is_step_up_for_retry:
            error = event.step_retry_data.error
            self.attempts[key].retried(error.cls_name, error.message)
        return True

    def _note(self, event: DagsterEvent, key: str) -> None:
        # Only a launch opens an attempt: a node that comes back may still report the beginning of an old one.
        if event.event_type is DagsterEventType.STEP_WORKER_STARTING:
            self._open.add(key)
        if event.event_type in _BEGUN:
            self.begun.add(key)
        if event.event_type is not DagsterEventType.ENGINE_EVENT:
            return
        said = {name: item.value for name, item in event.engine_event_data.metadata.items()}
        if isinstance(job := said.get(RETRY_OF_JOB), str):
            self.announced[key] = job
        if isinstance(tried := said.get(MEMORY_TRIED), str):
            self.attempts[key].sizes = tried.split(", ")
        if (memory := memory_from(said, MEMORY_NEXT)) is not None:
            self.attempts[key].memory = memory
        if MEMORY_WORKED in said:
            self._worked.add(key)


def memory_from(metadata: Mapping[str, object], name: str) -> Memory | None:
    """A size that an event carries."""
    try:
        found = json.loads(str(metadata[name]))
        return Memory(str(found["limit"]), str(found["request"]))
    except (KeyError, TypeError, ValueError):
        return None


def _goes_on(events: Sequence[DagsterEvent], key: str) -> bool:
    return any(event.step_key == key and event.event_type in _BEGINNINGS for event in events)
