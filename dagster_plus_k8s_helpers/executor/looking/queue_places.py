"""How many others are in front of the Jobs that Kueue holds back.

Only Kueue knows the order of a queue, and tells it in its visibility API. Where that is not there, or may not
be read, the Workloads of the namespace tell about the queue of the Job alone: by priority, then by age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.kueue import VERSIONS, pending_workloads, workloads_of_queues
from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, name_of, text
from dagster_plus_k8s_helpers.diagnosis.queued import is_pending, queue_of
from dagster_plus_k8s_helpers.executor.looking.questions import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["QueuePlaces"]

# A place is told with the wait, once; it need not be newer.
_FRESH_SECONDS = 60.0
# Looks may come every half second, and wait for each answer: who fails is left alone for a moment.
_PAUSE_SECONDS = 5.0


class QueuePlaces:
    """Reads where Jobs stand in their queues: one call a queue and look at most, and none in most looks.

    A call more finds out which version of the API there is, once.

    Args:
        cluster: Where they are.
        clock: Seconds that only go forward.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster, self._clock = cluster, clock
        self._versions = list(VERSIONS)
        self._hidden, self._unlisted = Refusal(clock), Refusal(clock)
        self._paused_until = float("-inf")
        self._places: dict[str, ApiObject] = {}
        self._fresh_until: dict[tuple[str, str], float] = {}

    def of(self, job: ApiObject | None) -> ApiObject | None:
        """Where a Job stands, as Kueue's visibility API says it; ``None`` when that is not known."""
        return self._places.get(name_of(job))

    def read(self, namespace: str, jobs: Iterable[ApiObject], *, may_list: bool = True) -> None:
        """Ask about Jobs that their queues hold back. What cannot be read is not known, and not told.

        Args:
            namespace: Where they are.
            jobs: Which.
            may_list: Whether Workloads may be listed, as far as that is known.
        """
        by_queue: dict[str, list[ApiObject]] = {}
        for job in jobs:
            by_queue.setdefault(queue_of(job), []).append(job)
        for queue, held in by_queue.items():
            self._ask_queue(namespace, queue, held)
        if not by_queue or not may_list or not self._hidden.said or self._unlisted.said:
            return
        if self._is_stale(namespace, ""):
            self._list(namespace, [job for held in by_queue.values() for job in held])

    def forget_all_but(self, job_names: set[str]) -> None:
        """Keep no more than these Jobs need."""
        self._places = {name: place for name, place in self._places.items() if name in job_names}

    def _ask_queue(self, namespace: str, queue: str, held: Sequence[ApiObject]) -> None:
        is_stale = self._is_stale(namespace, queue)
        is_paused = self._hidden.said or self._clock() < self._paused_until
        if is_paused or not (is_stale or any(self.of(job) is None for job in held)):
            return
        self._fresh_until[namespace, queue] = self._clock() + _FRESH_SECONDS
        places = {_owner(item): item for item in self._pending(namespace, queue)}
        for job in held:
            place = places.get(text(job, "metadata", "uid"))
            if place is None:
                self._places.pop(name_of(job), None)
            else:
                self._places[name_of(job)] = place

    def _pending(self, namespace: str, queue: str) -> list[ApiObject]:
        """Those that wait in a queue: none when that is not known, or there is no such queue."""
        for version in list(self._versions):
            try:
                return pending_workloads(self._cluster, namespace, queue, version)
            except CallError as error:
                if error.is_of_no_api and len(self._versions) > 1:
                    self._versions.remove(version)
                    continue
                if error.is_of_no_api or not (error.is_passing or error.is_absent):
                    self._hidden.take(error)
                if error.is_passing:
                    self._paused_until = self._clock() + _PAUSE_SECONDS
                break
        return []

    def _list(self, namespace: str, held: Sequence[ApiObject]) -> None:
        self._fresh_until[namespace, ""] = self._clock() + _FRESH_SECONDS
        try:
            found = workloads_of_queues(self._cluster, namespace)
        except CallError as error:
            if not error.is_passing:
                self._unlisted.take(error)
            return
        order = sorted(filter(is_pending, found or ()), key=_turn)
        for job in held:
            before = [item for item in order if text(item, "spec", "queueName") == queue_of(job)]
            uids = [_owner(item) for item in before]
            uid = text(job, "metadata", "uid")
            if uid in uids:
                self._places[name_of(job)] = {"positionInLocalQueue": uids.index(uid)}
            else:
                self._places.pop(name_of(job), None)

    def _is_stale(self, namespace: str, queue: str) -> bool:
        return self._clock() >= self._fresh_until.get((namespace, queue), 0.0)


def _owner(workload: ApiObject) -> str:
    """The uid of the Job that a Workload is of."""
    owners = items(workload, "metadata", "ownerReferences")
    return next((text(owner, "uid") for owner in owners if text(owner, "kind") == "Job"), "")


def _turn(workload: ApiObject) -> tuple[int, str]:
    """What Kueue orders a queue by.

    Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/#queueing-strategy
    """
    return -(integer(workload, "spec", "priority") or 0), text(workload, "metadata", "creationTimestamp")
