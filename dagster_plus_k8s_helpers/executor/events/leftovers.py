"""Jobs whose step has ended and whose pod goes on, kept alive by a plain container beside the step's."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.executor.looking.remains import Remains, Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dagster_plus_k8s_helpers.cluster.deletions import Deletions
    from dagster_plus_k8s_helpers.executor.events.reports import Reports

__all__ = ["GRACE_SECONDS", "LAST_LOOK_INTERVAL", "LeftJob", "Leftovers"]

GRACE_SECONDS = 30.0
"""What a container beside the step's gets to end by itself, as long as a pod that is deleted."""

LAST_LOOK_INTERVAL = 1.0
"""Seconds between two looks when all steps of a run have ended."""

# How long the first of those may take, how soon it is noticed, and how long deletions are waited for.
_LAST_LOOK_SECONDS = 5.0
_PAUSE = 0.05
_DELETION_SECONDS = 10.0


@dataclass
class LeftJob:
    """A Job whose step has ended.

    Args:
        step_key: Of the step.
        namespace: Where the Job is.
        remains: What the last look saw; ``None`` before the first.
        since: When it was first seen to linger, by `time.monotonic`.
        deletion: Its deletion, once that is due.
    """

    step_key: str
    namespace: str
    remains: Remains | None = None
    since: float | None = None
    deletion: Future[None] | None = None


class Leftovers:
    """Deletes the Jobs that steps which ended leave behind; used by the thread of the executor's loop.

    Args:
        deletions: Delete Jobs.
        reports: Where it is told.

    Attributes:
        jobs: Those whose pods are not known to have ended, by name.
    """

    def __init__(self, deletions: Deletions, reports: Reports) -> None:
        self._deletions, self._reports = deletions, reports
        self._said: set[tuple[str, ...]] = set()
        self.jobs: dict[str, LeftJob] = {}

    def watched(self) -> list[Watched]:
        """What is still to be looked at."""
        return [
            Watched(name, job.namespace, 0.0, ended=True)
            for name, job in self.jobs.items()
            if job.deletion is None
        ]

    def add(self, job_name: str, step_key: str, namespace: str) -> None:
        """Look after the Job of a step that has ended."""
        self.jobs.setdefault(job_name, LeftJob(step_key, namespace))

    def see(self, seen: Mapping[str, Remains | None]) -> None:
        """Take in what a look has seen, by the names of Jobs, and delete those whose grace is over."""
        for name, found in seen.items():
            job = self.jobs.get(name)
            if job is None:
                continue
            job.remains = found
            if found is None and job.deletion is None:
                del self.jobs[name]
            elif found is not None and found.lingers and job.since is None:
                job.since = time.monotonic()
        self._delete(GRACE_SECONDS)

    def settle(
        self, look: Callable[[], Mapping[str, Remains | None]], is_interrupted: Callable[[], bool]
    ) -> None:
        """Have an eye on them when all steps of the run have ended: nobody looks again after that.

        A run whose pods end with their steps waits for one look; one in which something keeps them alive, as
        long as that has to end by itself.

        Args:
            look: What has been seen since it was last asked.
            is_interrupted: Whether the run worker has been told to end.
        """
        began = time.monotonic()
        while self.watched() and not is_interrupted():
            kept = any(job.remains is not None for job in self.jobs.values())
            if time.monotonic() - began > _LAST_LOOK_SECONDS + (GRACE_SECONDS if kept else 0.0):
                break
            time.sleep(_PAUSE)
            self.see(look())
        self._delete(0.0)
        wait([job.deletion for job in self.jobs.values() if job.deletion is not None], _DELETION_SECONDS)
        self._delete(0.0)

    def _delete(self, grace: float) -> None:
        for name, job in list(self.jobs.items()):
            if job.deletion is None:
                if job.remains is None or job.since is None or time.monotonic() - job.since < grace:
                    continue
                if job.remains.containers not in self._said:
                    self._said.add(job.remains.containers)
                    self._reports.left_behind(job.step_key, name, job.remains.containers)
                job.deletion = self._deletions.submit(job.namespace, name)
            elif job.deletion.done():
                error = job.deletion.exception()
                if isinstance(error, CallError):
                    self._reports.still_there(name, job.namespace, str(error))
                del self.jobs[name]
