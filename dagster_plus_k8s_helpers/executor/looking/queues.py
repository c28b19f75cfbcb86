"""What a queue does with the Jobs of a run: why they wait in it, and whether it took a step's pod away.

Kueue suspends the Job of a step again when it needs its room; its pod goes, and once the queue has room the
same Job gets another one. The step's process would refuse to start one attempt twice, so such a Job is of no
use any more, whatever state it is in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.kueue import workloads
from dagster_plus_k8s_helpers.diagnosis.api_json import integer, mapping, name_of, text
from dagster_plus_k8s_helpers.diagnosis.containers import ended_while_others_run, has_started, main_container
from dagster_plus_k8s_helpers.diagnosis.diagnose import job_failure, job_succeeded, newest_pod
from dagster_plus_k8s_helpers.diagnosis.failed_pod import ENDED
from dagster_plus_k8s_helpers.diagnosis.queued import evicted, is_suspended, queue_of, was_evicted
from dagster_plus_k8s_helpers.executor.looking.questions import Refusal
from dagster_plus_k8s_helpers.executor.looking.queue_places import QueuePlaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject
    from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis
    from dagster_plus_k8s_helpers.executor.looking.remains import Watched

__all__ = ["Queues", "Taken"]

# Their uids stand in the address of one call.
_JOBS_A_LOOK = 100
# What a pod may take beyond its grace period before its node is taken for lost.
_ENDING_SECONDS = 30.0
_DEFAULT_GRACE = 30


class Taken(NamedTuple):
    """The pod of a step that has begun is gone, or on its way, by its queue's doing.

    Attributes:
        diagnosis: Why.
        over: Whether no pod of the Job runs the step: one that was started again may do so, where the step's
            process was told to count fewer attempts than there were, and then it may as well end it.
    """

    diagnosis: Diagnosis
    over: bool


class Queues:
    """Knows of each Job in a queue in which pod its step began, and what Kueue says of it.

    Args:
        cluster: Where they are.
        clock: Seconds that only go forward.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster, self._clock = cluster, clock
        self._refusal, self._absent = Refusal(clock), Refusal(clock)
        self._places = QueuePlaces(cluster, clock)
        self._workloads: dict[str, ApiObject] = {}
        self._asked: dict[str, float] = {}
        self._began_in: dict[str, str] = {}
        self._taken_since: dict[str, float] = {}

    @property
    def refused(self) -> str:
        """What the API said when it would not list Workloads; empty when it does, or has none."""
        return self._refusal.said

    def read(self, jobs: Iterable[tuple[Watched, ApiObject]]) -> None:
        """Ask about the Jobs that a queue holds back, or may have: a LIST a namespace, a call a queue.

        What fails leaves what was read before as it is.

        Args:
            jobs: What is watched, and the Jobs as they are.
        """
        wanted: dict[str, list[ApiObject]] = {}
        for watched, job in jobs:
            done = watched.begun and job_succeeded(job)
            if queue_of(job) and (is_suspended(job) or watched.interrupted or done):
                wanted.setdefault(watched.namespace, []).append(job)
        for namespace, held in wanted.items():
            if self._absent.said:
                return
            if self._refusal.said:
                self._places.read(namespace, filter(is_suspended, held), may_list=False)
                continue
            held.sort(key=lambda job: self._asked.get(name_of(job), 0.0))
            self._ask(namespace, {_uid(job): name_of(job) for job in held[:_JOBS_A_LOOK]})
            if not self._absent.said:
                self._places.read(namespace, filter(is_suspended, held))

    def workload_of(self, job: ApiObject | None) -> ApiObject | None:
        """What Kueue keeps of a Job, as far as that is known."""
        return self._workloads.get(name_of(job))

    def place_of(self, job: ApiObject | None) -> ApiObject | None:
        """Where a Job stands in its queue, as far as that is known."""
        return self._places.of(job)

    def taken(
        self, watched: Watched, job: ApiObject | None, pods: Sequence[ApiObject], *, blind: bool
    ) -> Taken | None:
        """Whether a queue took the pod away in which a step had begun; ``None`` when it did not.

        Args:
            watched: The Job that is looked at.
            job: As it is.
            pods: Its pods.
            blind: Whether they cannot be seen.
        """
        name = watched.job_name
        if job is None or not watched.begun or not queue_of(job) or job_failure(job) is not None:
            return None
        workload = self.workload_of(job)
        if not self._is_taken(watched, job, pods, workload):
            self._taken_since.pop(name, None)
            return None
        since = self._taken_since.setdefault(name, self._clock())
        left = [
            pod
            for pod in pods
            if text(pod, "status", "phase") not in ENDED
            and (is_suspended(job) or text(pod, "metadata", "deletionTimestamp"))
        ]
        grace = max((integer(pod, "metadata", "deletionGracePeriodSeconds") or 0 for pod in left), default=0)
        patience = (_DEFAULT_GRACE if blind else grace) + _ENDING_SECONDS
        over = self._clock() - since > patience if left or blind else True
        over = over and not any(_runs_again(job, pod) for pod in pods if pod not in left)
        return Taken(evicted(job, workload), over)

    def forget_all_but(self, job_names: set[str]) -> None:
        """Keep no more than these Jobs need."""
        self._places.forget_all_but(job_names)
        for known in (self._workloads, self._asked, self._began_in, self._taken_since):
            for name in known.keys() - job_names:
                del known[name]

    def _is_taken(
        self, watched: Watched, job: ApiObject, pods: Sequence[ApiObject], workload: ApiObject | None
    ) -> bool:
        if is_suspended(job):
            return True
        pod, name = newest_pod(pods), watched.job_name
        began_in = self._began_in.get(name, "")
        if began_in and pod is not None and name_of(pod) != began_in:
            return True
        if not began_in and pod is not None and has_started(pod, main_container(job, pod)):
            self._began_in[name] = name_of(pod)
        # Admitted again between two looks, none of which saw its first pod.
        return (watched.interrupted or job_succeeded(job)) and was_evicted(workload)

    def _ask(self, namespace: str, names: dict[str, str]) -> None:
        self._asked.update(dict.fromkeys(names.values(), self._clock()))
        try:
            found = workloads(self._cluster, namespace, list(names))
        except CallError as error:
            if error.is_absent:
                self._absent.take(error)
            elif not error.is_passing:
                self._refusal.take(error)
            return
        for workload in found:
            uid = text(mapping(workload, "metadata", "labels"), _JOB_UID)
            if uid in names:
                self._workloads[names[uid]] = workload


def _runs_again(job: ApiObject, pod: ApiObject) -> bool:
    """Whether the step's process runs in a pod: one that refuses to start twice ends by itself."""
    main = main_container(job, pod)
    ended = text(pod, "status", "phase") in ENDED or ended_while_others_run(pod, main) is not None
    return has_started(pod, main) and not ended and not text(pod, "metadata", "deletionTimestamp")


_JOB_UID = "kueue.x-k8s.io/job-uid"


def _uid(job: ApiObject) -> str:
    return text(job, "metadata", "uid")
