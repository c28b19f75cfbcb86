"""The watches of one namespace, and how far a look may rely on them instead of on lists."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dagster_plus_k8s_helpers.diagnosis.api_json import name_of
from dagster_plus_k8s_helpers.executor.looking.snapshot import Snapshot, hides_an_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject
    from dagster_plus_k8s_helpers.executor.looking.mirror import Mirror
    from dagster_plus_k8s_helpers.executor.looking.remains import Watched
    from dagster_plus_k8s_helpers.executor.looking.watch import Watch

__all__ = ["WatchedNamespace"]

# All goes by lists once more, and the watches are held against them: soon after they began, as what holds
# them back shows with the first pods that start, and then now and then.
_FIRST_CHECK_SECONDS, _CHECK_SECONDS = 30.0, 300.0
# What a list has shown comes on a watch too, within this.
_LAG_SECONDS = 10.0
# A Job that was created comes on a watch, within this; before, nothing is said of it.
_ARRIVAL_SECONDS = 3.0
# A step whose end is being written is watched by nobody for a moment.
_FORGET_SECONDS = 60.0
_SILENT = "the watch does not bring what lists show: something on the way to the API server holds it back"


class Lists(Protocol):
    """Takes a snapshot by lists."""

    def __call__(self, *, consistent: bool) -> Snapshot:
        """Raises ``CallError`` when the API could not be asked."""


class _Check(NamedTuple):
    """What a list has shown otherwise than a watch: names, with the versions that were kept of them."""

    at: float
    missed: tuple[dict[str, str], ...]


class WatchedNamespace:
    """Takes snapshots of what the watches have brought, where that is sound.

    Args:
        jobs: The watch of the Jobs.
        pods: The watch of their pods.
        clock: Seconds that only go forward.
    """

    def __init__(self, jobs: Watch, pods: Watch, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs, self._pods, self._clock = jobs, pods, clock
        self._watches = (jobs, pods)
        self._mirrors = (jobs.mirror, pods.mirror)
        self._next_check: float | None = None
        self._check: _Check | None = None
        self._looked_at: dict[str, float] = {}

    def take(
        self, wanted: Sequence[str], every: Sequence[Watched], lists: Lists, *, consistent: bool
    ) -> Snapshot:
        """What there is.

        Args:
            wanted: Names of the Jobs that should be there.
            every: All that is looked at, steps that have ended too.
            lists: Takes the snapshot where the watches will not do.
            consistent: Whether the API server is asked past its cache; it answers a watch from there.

        Raises:
            CallError: The API could not be asked.
        """
        self._forget(every)
        self._judge()
        if why := self._jobs.refused or self._pods.refused:
            for watch in self._watches:
                watch.give_up(why)
            snapshot = lists(consistent=consistent)
            return replace(snapshot, refused={**snapshot.refused, "watch": why})
        current = [watch.is_current for watch in self._watches]
        if not all(current):
            # A cache may be older than what a watch has shown already, so only the first list comes from it.
            anew = self._next_check is not None and any(watch.needs_list for watch in self._watches)
            snapshot = lists(consistent=consistent or anew)
            self._follow(snapshot)
            return snapshot
        kept = None if consistent or self._is_check_due() else self._kept(wanted, every)
        return kept or self._checked(every, lists)

    def close(self, *, wait: bool) -> None:
        """End the watches.

        Args:
            wait: Whether to wait for their threads.
        """
        for watch in self._watches:
            watch.close(wait=wait)

    def _kept(self, wanted: Sequence[str], every: Sequence[Watched]) -> Snapshot | None:
        """What the watches have brought; nothing when a list has to say more.

        As with lists, that a Job is gone must be certain, and so must what became of a pod whose Job ended.
        """
        if any(mirror.has_forgotten(job.job_name for job in every) for mirror in self._mirrors):
            return None
        # In this order, so that no Job is newer than its pods.
        jobs, pods = self._jobs.mirror.by_name(), self._pods.mirror.by_job()
        now, since = self._clock(), {job.job_name: job.since for job in every}
        missing = frozenset(name for name in wanted if name not in jobs)
        if any(now - since.get(name, 0.0) > _ARRIVAL_SECONDS for name in missing):
            return None
        if any(hides_an_end(jobs.get(name), pods.get(name, [])) for name in wanted):
            return None
        return Snapshot(jobs, pods, unknown=missing)

    def _checked(self, every: Sequence[Watched], lists: Lists) -> Snapshot:
        """What lists show, past the cache; and note what the watches would have to bring."""
        before = [mirror.versions() for mirror in self._mirrors]
        snapshot = lists(consistent=True)
        self._next_check = self._clock() + _CHECK_SECONDS
        if snapshot.refused:
            return snapshot
        missed = tuple(
            _missed(mirror, shown, earlier)
            for mirror, shown, earlier in zip(self._mirrors, _shown(snapshot), before, strict=True)
        )
        if self._check is None and any(missed):
            self._check = _Check(self._clock(), missed)
        for mirror, shown in zip(self._mirrors, _shown(snapshot), strict=True):
            mirror.remember({job.job_name for job in every}, shown.values())
        return snapshot

    def _is_check_due(self) -> bool:
        return self._next_check is None or self._clock() >= self._next_check

    def _follow(self, snapshot: Snapshot) -> None:
        """Have the watches go on from a list that they need."""
        # Who may not list them has no place to begin from.
        if snapshot.refused:
            return
        now = self._clock()
        for watch, shown, resource in zip(self._watches, _shown(snapshot), ("jobs", "pods"), strict=True):
            if watch.needs_list and (version := snapshot.versions.get(resource, "")):
                watch.follow(shown.values(), version)
                self._check = None
        for name in snapshot.jobs:
            self._looked_at.setdefault(name, now)
        if self._next_check is None:
            self._next_check = now + _FIRST_CHECK_SECONDS

    def _judge(self) -> None:
        """Give up a watch that has not brought what a list has shown."""
        check = self._check
        if check is None or self._clock() - check.at < _LAG_SECONDS:
            return
        self._check = None
        for watch, missed in zip(self._watches, check.missed, strict=True):
            # One that is not there has broken off, and goes on from where it was.
            if watch.is_current and not watch.mirror.has_moved(missed):
                watch.give_up(_SILENT)

    def _forget(self, every: Sequence[Watched]) -> None:
        """A run of thousands of steps keeps those that matter."""
        now = self._clock()
        self._looked_at.update((job.job_name, now) for job in every)
        old = {name for name, when in self._looked_at.items() if now - when > _FORGET_SECONDS}
        if not old:
            return
        self._check = None
        for name in old:
            del self._looked_at[name]
        for mirror in self._mirrors:
            mirror.forget(old)


def _shown(snapshot: Snapshot) -> tuple[dict[str, ApiObject], dict[str, ApiObject]]:
    """The listed Jobs and pods of a snapshot, by name.

    Of a Job that no list has, nothing may ever come on a watch: it is read by name again and again.
    """
    jobs = {name: job for name, job in snapshot.jobs.items() if name not in snapshot.read}
    return jobs, {name_of(pod): pod for pods in snapshot.pods.values() for pod in pods}


def _missed(mirror: Mirror, shown: Mapping[str, ApiObject], before: Mapping[str, str]) -> dict[str, str]:
    """What a list has shown otherwise, of which nothing came while it was asked for."""
    listed, now = mirror.versions(shown), mirror.versions()
    names: Iterable[str] = listed.keys() | now.keys()
    return {
        name: held
        for name in names
        if (held := now.get(name, "")) != listed.get(name, "") and held == before.get(name, "")
    }
