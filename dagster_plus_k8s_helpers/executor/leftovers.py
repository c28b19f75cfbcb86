"""Jobs whose step has ended and whose pod goes on, kept alive by a plain container beside the step's."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.executor.api_json import items, text
from dagster_plus_k8s_helpers.executor.call_errors import CallError
from dagster_plus_k8s_helpers.executor.containers import ended_while_others_run, main_container
from dagster_plus_k8s_helpers.executor.diagnosis import newest_pod
from dagster_plus_k8s_helpers.executor.failed_pod import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dagster_plus_k8s_helpers.executor.api_json import ApiObject
    from dagster_plus_k8s_helpers.executor.deletions import Deletions
    from dagster_plus_k8s_helpers.executor.reports import Reports

__all__ = ["GRACE_SECONDS", "LAST_LOOK_INTERVAL", "LeftJob", "Leftovers", "Remains", "Watched", "remains"]

GRACE_SECONDS = 30.0
"""What a container beside the step's gets to end by itself, as long as a pod that is deleted."""

LAST_LOOK_INTERVAL = 1.0
"""Seconds between two looks when all steps of a run have ended."""

# How long the first of those may take, how soon it is noticed, and how long deletions are waited for.
_LAST_LOOK_SECONDS = 5.0
_PAUSE = 0.05
_DELETION_SECONDS = 10.0


@dataclass(frozen=True)
class Watched:
    """A Job to look at.

    Args:
        job_name: Its name.
        namespace: Where it is.
        since: When it was created, by the clock of the lookout.
        interrupted: Whether its step says that it was interrupted: then it matters what took its pod.
        ended: Whether its step has ended, so that it only matters what goes on in its pod.
    """

    job_name: str
    namespace: str
    since: float
    interrupted: bool = False
    ended: bool = False


@dataclass(frozen=True)
class Remains:
    """What goes on in the pod of a step that has ended.

    Args:
        containers: The plain containers beside the step's.
        lingers: Whether the step's own container has ended, so that the pod is there for them alone.
    """

    containers: tuple[str, ...]
    lingers: bool


@dataclass
class LeftJob:
    """A Job whose step has ended.

    Args:
        step_key: Of the step.
        namespace: Where the Job is.
        remains: What the last look saw; ``None`` before the first.
        since: When it was first seen to linger, by the clock.
        deletion: Its deletion, once that is due.
    """

    step_key: str
    namespace: str
    remains: Remains | None = None
    since: float | None = None
    deletion: Future[None] | None = None


def remains(job: ApiObject | None, pods: Sequence[ApiObject]) -> Remains | None:
    """What goes on in the pod of a step that has ended; ``None`` when it ends, or will, without help.

    Native sidecars end with the step's container, so they do not count.

    Args:
        job: The step's Job; ``None`` when it is gone.
        pods: Its pods, as far as they may be seen.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#jobs-with-sidecar-containers
    """
    pod = newest_pod(pods)
    if job is None or pod is None or text(pod, "status", "phase") in ENDED:
        return None
    if text(pod, "metadata", "deletionTimestamp") or text(job, "metadata", "deletionTimestamp"):
        return None
    main = main_container(job, pod)
    beside = tuple(name for item in items(pod, "spec", "containers") if (name := text(item, "name")) != main)
    return Remains(beside, ended_while_others_run(pod, main) is not None) if beside else None


class Leftovers:
    """Deletes the Jobs that steps which ended leave behind; used by the thread of the executor's loop.

    Args:
        deletions: Delete Jobs.
        reports: Where it is told.
        clock: Seconds that only go forward.

    Attributes:
        jobs: Those whose pods are not known to have ended, by name.
    """

    def __init__(
        self, deletions: Deletions, reports: Reports, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._deletions, self._reports, self._clock = deletions, reports, clock
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
                job.since = self._clock()
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
        began = self._clock()
        while self.watched() and not is_interrupted():
            kept = any(job.remains is not None for job in self.jobs.values())
            if self._clock() - began > _LAST_LOOK_SECONDS + (GRACE_SECONDS if kept else 0.0):
                break
            time.sleep(_PAUSE)
            self.see(look())
        self._delete(0.0)
        wait([job.deletion for job in self.jobs.values() if job.deletion is not None], _DELETION_SECONDS)
        self._delete(0.0)

    def _delete(self, grace: float) -> None:
        for name, job in list(self.jobs.items()):
            if job.deletion is None:
                if job.remains is None or job.since is None or self._clock() - job.since < grace:
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
