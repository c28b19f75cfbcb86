"""Looks at the step Jobs beside the executor's loop, and finds out more about those in trouble."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.calls import MOST
from dagster_plus_k8s_helpers.cluster.nodes import NodeReader, Nodes
from dagster_plus_k8s_helpers.diagnosis.api_json import integer, name_of, text, value
from dagster_plus_k8s_helpers.diagnosis.containers import (
    ended_while_others_run,
    has_started,
    main_container,
    memory_of,
)
from dagster_plus_k8s_helpers.diagnosis.diagnose import diagnose, job_failure, job_succeeded, newest_pod
from dagster_plus_k8s_helpers.diagnosis.failed_pod import ENDED
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.looking.disruptions import Disruptions
from dagster_plus_k8s_helpers.executor.looking.observation import Look, Observation
from dagster_plus_k8s_helpers.executor.looking.questions import (
    EventReader,
    LogReader,
    WantedLog,
    without_credentials,
)
from dagster_plus_k8s_helpers.executor.looking.queues import Queues
from dagster_plus_k8s_helpers.executor.looking.remains import remains
from dagster_plus_k8s_helpers.executor.looking.seen import Seen
from dagster_plus_k8s_helpers.executor.looking.snapshots import Snapshots
from dagster_plus_k8s_helpers.executor.looking.used import usage_in

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject
    from dagster_plus_k8s_helpers.executor.looking.remains import Watched
    from dagster_plus_k8s_helpers.executor.looking.snapshot import Snapshot

__all__ = ["Looker"]

# How long after its grace period a pod may be seen ending before its node is taken for lost.
_ENDING_SECONDS = 30.0
_LAST_CODE_OF_ITS_OWN = 127
# A pod is created and its images are looked at within seconds; only then is silence worth a question.
_SILENCE_SECONDS = 5.0


class Looker:
    """Looks again and again; used by one thread at a time.

    Args:
        cluster: Where the Jobs are.
        run_id: Of which run.
        log_lines: How many of the last lines of a failed container are read.
        most: How many Jobs or pods the run can have by now.
        watch: Whether watches bring what becomes of the Jobs, where they may.
        pause: Seconds between two looks that ask why steps wait: others may come as often as there is news.
        clock: Seconds that only go forward.

    Attributes:
        on_news: Called, from any thread, when a watch has brought what is worth a look at once.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_id: str,
        *,
        log_lines: int = 50,
        most: Callable[[], int] = lambda: MOST,
        watch: bool = False,
        pause: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.on_news: Callable[[], None] = lambda: None
        self._snapshots = Snapshots(
            cluster, run_id, watch=watch, most=most, on_news=self._has_news, clock=clock
        )
        self._clock = clock
        self._events, self._logs = EventReader(cluster, clock), LogReader(cluster, log_lines, clock)
        self._queues = Queues(cluster, clock)
        self._nodes, self._disruptions = NodeReader(cluster, clock), Disruptions(cluster)
        self._seen: dict[str, Seen] = {}
        self._pause, self._asked = pause, float("-inf")

    def look(self, watched: Sequence[Watched], *, consistent: bool = False) -> Look:
        """Look at these Jobs.

        Args:
            watched: Which.
            consistent: Whether the API server is asked past its cache.

        Raises:
            CallError: The API could not be asked.
        """
        namespaces, ended, every = _namespaces(watched), [job for job in watched if job.ended], watched
        watched = [job for job in watched if not job.ended]
        self._keep_only({job.job_name for job in watched})
        snapshots = {
            namespace: self._snapshot(namespace, every, consistent=consistent) for namespace in namespaces
        }
        refused = {what: said for snapshot in snapshots.values() for what, said in snapshot.refused.items()}
        watched = [job for job in watched if job.job_name not in snapshots[job.namespace].unknown]
        # Most steps of a large run go on as the look before has seen them.
        found = {
            job.job_name: seen
            for job in watched
            if (seen := self._seen[job.job_name].as_before(job, snapshots[job.namespace])) is not None
        }
        watched = [job for job in watched if job.job_name not in found]
        asks = self._clock() - self._asked >= self._pause
        silent = [job for job in watched if self._is_silent(job, snapshots[job.namespace], asks=asks)]
        self._asked = self._clock() if asks and silent else self._asked
        self._events.read((job.namespace, job.job_name, self._seen[job.job_name].pod) for job in silent)
        self._queues.read(
            (job, held)
            for job in watched
            if (held := snapshots[job.namespace].jobs.get(job.job_name)) is not None
        )
        wanted = []
        for job in watched:
            snapshot, name = snapshots[job.namespace], job.job_name
            seen = found[name] = self._observe(job, snapshot)
            self._seen[name].keep(seen, snapshot.versions_of(name))
            if (log := self._log(job, seen, snapshot)) is not None:
                wanted.append(log)
        self._logs.read(wanted)
        for log in wanted:
            found[log.job_name] = replace(found[log.job_name], log=self._logs.of(log.job_name))
        for what, reader in (("events", self._events), ("logs", self._logs), ("workloads", self._queues)):
            if reader.refused:
                refused[what] = reader.refused
        left = {
            job.job_name: remains(
                snapshots[job.namespace].jobs.get(job.job_name),
                snapshots[job.namespace].pods.get(job.job_name, []),
            )
            for job in ended
        }
        usage, running = usage_in(snapshots, [*watched, *ended])
        return Look(found, left, self._look_at_nodes(found), refused, usage, running)

    def close(self, *, wait: bool) -> None:
        """End the watches; there are no more looks.

        Args:
            wait: Whether to wait for their threads.
        """
        self._snapshots.close(wait=wait)

    def _has_news(self) -> None:
        self.on_news()

    def _snapshot(self, namespace: str, every: Sequence[Watched], *, consistent: bool) -> Snapshot:
        here = [job for job in every if job.namespace == namespace]
        names = [job.job_name for job in here if not job.ended]
        names.sort(key=lambda name: self._seen[name].read_at)
        snapshot = self._snapshots.take(namespace, names, here, consistent=consistent)
        for name in snapshot.read:
            self._seen[name].read_at = self._clock()
        return snapshot

    def _observe(self, watched: Watched, snapshot: Snapshot) -> Observation:
        name, seen = watched.job_name, self._seen[watched.job_name]
        job, pods = snapshot.jobs.get(name), snapshot.pods.get(name, [])
        pod, blind = newest_pod(pods), "pods" in snapshot.refused
        main = main_container(job, pod)
        ended = None
        if pod is not None:
            seen.pod, seen.memory = name_of(pod), memory_of(pod, main)
            ended = ended_while_others_run(pod, main)
        if (taken := self._queues.taken(watched, job, pods, blind=blind)) is not None:
            return Observation(
                taken.diagnosis,
                over=taken.over,
                lingers=True,
                started=True,
                pod=seen.pod,
                memory=seen.memory,
                disruption=taken.diagnosis,
                created=text(job, "metadata", "creationTimestamp"),
            )
        workload, place = self._queues.workload_of(job), self._queues.place_of(job)
        diagnosis = diagnose(job, pods, self._events.of(name) or (), workload=workload, pending=place)
        if diagnosis is not None and diagnosis.failed:
            if diagnosis.kind is DiagnosisKind.ERROR:
                # A container's message may be the end of its log.
                said = without_credentials(diagnosis.summary, _hidden(job))
                diagnosis = replace(diagnosis, summary=said)
            diagnosis = seen.cause_of(diagnosis)
        disruption = self._disruptions.see(name, pod, self._events.of(name) or ())
        deleted = diagnosis is not None and diagnosis.kind is DiagnosisKind.POD_DELETED
        if disruption is None and pod is None and (deleted or (watched.interrupted and diagnosis is None)):
            disruption = self._disruptions.ask_the_node(name)
        if deleted and disruption is not None:
            diagnosis = disruption
        elif deleted and blind:
            # Not gone, only out of sight.
            diagnosis = Diagnosis(DiagnosisKind.JOB_FAILED, "The Job failed; its pod may not be read.")
        complete = job is not None and job_succeeded(job) and (pod is None or _phase(pod) in ENDED)
        return Observation(
            diagnosis,
            over=self._is_over(seen, pod, diagnosis, ended),
            lingers=ended is not None and not text(pod, "metadata", "deletionTimestamp"),
            succeeded=complete or ended == 0,
            # A pod that cannot be seen must not be taken for one that does not start.
            started=blind
            or (integer(job, "status", "ready") or 0) > 0
            or (pod is not None and has_started(pod, main)),
            pod=seen.pod,
            memory=seen.memory,
            disruption=disruption,
            created=text(job, "metadata", "creationTimestamp"),
        )

    def _is_over(
        self, seen: Seen, pod: ApiObject | None, diagnosis: Diagnosis | None, ended: int | None
    ) -> bool:
        """Whether the step's process has ended, so that all it had to say is in the event log."""
        if diagnosis is None or not diagnosis.failed:
            return False
        if pod is None or _phase(pod) in ENDED:
            return True
        # A pod that is evicted says so only when its last container has ended: a signal may mean that.
        by_itself = ended is not None and ended <= _LAST_CODE_OF_ITS_OWN
        if by_itself or (ended is not None and diagnosis.kind is DiagnosisKind.OOM_KILLED):
            return True
        grace = integer(pod, "metadata", "deletionGracePeriodSeconds") or 0
        if seen.ending_since is None:
            seen.ending_since = self._clock()
        return self._clock() - seen.ending_since > grace + _ENDING_SECONDS

    def _is_silent(self, watched: Watched, snapshot: Snapshot, *, asks: bool) -> bool:
        """Whether a Job neither runs nor says why not, so that its events are worth a question."""
        job, seen = snapshot.jobs.get(watched.job_name), self._seen[watched.job_name]
        pod = newest_pod(snapshot.pods.get(watched.job_name, []))
        if watched.interrupted and pod is None:
            return True
        if job is None or job_succeeded(job):
            return False
        waits_for_long = asks and self._clock() - watched.since > _SILENCE_SECONDS
        if pod is None:
            return (job_failure(job) is not None and seen.failure is None) or waits_for_long
        seen.pod = name_of(pod)
        if has_started(pod, main_container(job, pod)) or _phase(pod) in ENDED:
            return False
        diagnosis = diagnose(job, [pod])
        if diagnosis is None:
            return waits_for_long
        is_pull = diagnosis.kind is DiagnosisKind.IMAGE_PULL_BACK_OFF
        return is_pull and self._events.of(watched.job_name) is None

    def _log(self, watched: Watched, seen: Observation, snapshot: Snapshot) -> WantedLog | None:
        if not seen.over or seen.diagnosis is None or seen.diagnosis.kind not in _LEAVE_A_LOG:
            return None
        container = str(seen.diagnosis.details.get("container", ""))
        if not container:
            return None
        hidden = _hidden(snapshot.jobs.get(watched.job_name))
        return WantedLog(watched.namespace, watched.job_name, seen.pod, container, hidden)

    def _look_at_nodes(self, found: dict[str, Observation]) -> Nodes:
        matters = any(seen.diagnosis and seen.diagnosis.kind in _NODES_MATTER for seen in found.values())
        return self._nodes.read() if matters else Nodes()

    def _keep_only(self, job_names: set[str]) -> None:
        """Forget what is no longer watched: each attempt of a step has a Job of its own."""
        self._seen = {name: self._seen.get(name) or Seen() for name in job_names}
        self._events.forget_all_but(job_names)
        self._queues.forget_all_but(job_names)
        self._logs.forget_all_but(job_names)


_LEAVE_A_LOG = frozenset({DiagnosisKind.ERROR, DiagnosisKind.OOM_KILLED})
_NODES_MATTER = frozenset({DiagnosisKind.OOM_KILLED, DiagnosisKind.UNSCHEDULABLE})


def _namespaces(watched: Sequence[Watched]) -> set[str]:
    return {job.namespace for job in watched}


def _hidden(job: ApiObject | None) -> tuple[str, ...]:
    found = value(job, "spec", "hidden")
    return found if isinstance(found, tuple) else ()


def _phase(pod: ApiObject) -> str:
    return text(pod, "status", "phase")
