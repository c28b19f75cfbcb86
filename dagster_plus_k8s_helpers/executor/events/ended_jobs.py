"""The Jobs of steps that have ended: what they took is written, and what keeps their pods is deleted."""

from __future__ import annotations

import time
from functools import cache, partial
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.executor.events.usage_events import LAST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.leftovers import Leftovers
    from dagster_plus_k8s_helpers.executor.events.notes import Notes
    from dagster_plus_k8s_helpers.executor.events.usage_events import UsageEvents
    from dagster_plus_k8s_helpers.executor.looking.observation import Look
    from dagster_plus_k8s_helpers.executor.looking.remains import Remains, Watched

__all__ = ["EndedJobs"]

_USAGE = "What a step took could not be written"


class EndedJobs:
    """Looks after them until their containers have ended; used by the thread of the executor's loop.

    Args:
        history: What the event log says of the steps.
        usage: Writes what they took.
        leftovers: Deletes what goes on beside them.
        namespace: Says where the Jobs of steps are.
        notes: Where it is told what goes wrong.
    """

    def __init__(
        self,
        history: History,
        usage: UsageEvents,
        leftovers: Leftovers,
        namespace: Callable[[], str],
        notes: Notes,
    ) -> None:
        self._history, self._usage, self._leftovers, self._notes = history, usage, leftovers, notes
        # It is asked for each step that ends, and is the same for all of a run.
        self._namespace = cache(namespace)

    def take_in(self) -> None:
        """Take in those that have ended since the last time."""
        while self._history.ended_jobs:
            job_name, key = self._history.ended_jobs.popitem()
            self._leftovers.add(job_name, key, self._namespace())
            self._usage.add(job_name, self._namespace())

    def watched(self) -> list[Watched]:
        """What is still to be looked at."""
        both = (*self._usage.watched(), *self._leftovers.watched())
        return list({watch.job_name: watch for watch in both}.values())

    def is_measured(self, step_key: str) -> bool:
        """Whether nobody waits for what the last attempt of a step took."""
        return self._usage.awaited_of(step_key) is None

    def measuring(self, look: Look) -> Iterator[object]:
        """Write what a look has found out of what they took, in parts."""
        try:
            yield from self._usage.taking(look)
        except Exception as error:  # noqa: BLE001 - it leaves what follows alone
            self._notes.failed(error, _USAGE)

    def clear_away(self, look: Look) -> None:
        """Delete those that a look has seen to go on for too long."""
        self._notes.safely(partial(self._leftovers.see, look.remains))

    def settle(
        self, look: Callable[[], Look | None], is_interrupted: Callable[[], bool], began: float
    ) -> None:
        """Look after them when all steps of the run have ended: nobody will look again.

        A run whose pods end with their steps waits until they have, for 5 seconds at most.

        Args:
            look: What a look has brought since it was last asked.
            is_interrupted: Whether the run worker has been told to end.
            began: When the end of the run began, by `time.monotonic`.
        """

        def remains() -> Mapping[str, Remains | None]:
            found = look()
            if found is None:
                return {}
            self._notes.safely(partial(self._usage.see, found), _USAGE)
            return found.remains

        self._leftovers.settle(remains, is_interrupted)
        left = LAST_SECONDS - (time.monotonic() - began)
        see = partial(self._usage.settle, lambda: self._leftovers.see(remains()), is_interrupted, left)
        self._notes.safely(see, _USAGE)

    def close(self, *, wait: bool) -> None:
        """Write no more.

        Args:
            wait: Whether what is being written is waited for.
        """
        self._usage.close(wait=wait)
