"""Looks at the step Jobs beside the executor's loop, and finds out more about those in trouble."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.executor.api_json import integer, items, mapping, name_of, text
from dagster_plus_k8s_helpers.executor.call_errors import CallError
from dagster_plus_k8s_helpers.executor.diagnosis import diagnose, job_failure, job_succeeded, newest_pod
from dagster_plus_k8s_helpers.executor.diagnosis_kind import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.disruptions import Disruptions
from dagster_plus_k8s_helpers.executor.failed_pod import ENDED
from dagster_plus_k8s_helpers.executor.memory_ladder import Memory
from dagster_plus_k8s_helpers.executor.sweep import Snapshot, sweep
from dagster_plus_k8s_helpers.executor.waiting_pod import has_started
from dagster_plus_k8s_helpers.pod.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.executor.api_json import ApiObject
    from dagster_plus_k8s_helpers.executor.cluster import Cluster

__all__ = ["Look", "Lookout", "Nodes", "Observation", "Watched"]

# What a sweep may ask beyond its two LISTs, so that a thousand waiting steps do not make a thousand calls.
_QUESTIONS = 20
_LOG_LINES = 50
# How long after its grace period a pod may be seen ending before its node is taken for lost.
_ENDING_SECONDS = 30.0
# A pod is created and its images are looked at within seconds; only then is silence worth a question.
_SILENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Watched:
    """A Job to look at.

    Args:
        job_name: Its name.
        namespace: Where it is.
        since: When it was created, by the clock of the lookout.
        interrupted: Whether its step says that it was interrupted: then it matters what took its pod.
    """

    job_name: str
    namespace: str
    since: float
    interrupted: bool = False


@dataclass(frozen=True)
class Observation:
    """What a look found out about one Job.

    Args:
        diagnosis: What is wrong; ``None`` when nothing is.
        over: Whether no process of the step runs any more.
        succeeded: Whether the Job says that it is complete.
        started: Whether the step's container runs or has run.
        pod: Name of its pod.
        memory: What the step's container had.
        log: The last lines it wrote, for a failure.
        disruption: What takes or took the pod away, even if the step's process ended well.
        created: When the Job was created, as the API writes it.
    """

    diagnosis: Diagnosis | None
    over: bool = False
    succeeded: bool = False
    started: bool = False
    pod: str = ""
    memory: Memory = field(default_factory=Memory)
    log: str = ""
    disruption: Diagnosis | None = None
    created: str = ""


@dataclass(frozen=True)
class Nodes:
    """What is known of the nodes; nothing when they may not be listed."""

    largest_memory: str = ""
    resources: frozenset[str] = frozenset()
    known: bool = False


@dataclass(frozen=True)
class Look:
    """One look at all steps: by Job name; and what could not be looked at."""

    observations: dict[str, Observation] = field(default_factory=dict)
    nodes: Nodes = field(default_factory=Nodes)
    refused: dict[str, str] = field(default_factory=dict)


class Lookout:
    """Looks again and again; used by one thread at a time.

    Args:
        cluster: Where the Jobs are.
        run_id: Of which run.
        wants_nodes: Whether it matters what the nodes have.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_id: str,
        *,
        wants_nodes: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._run_id, self._wants_nodes, self._clock = cluster, run_id, wants_nodes, clock
        self._events: dict[str, list[ApiObject]] = {}
        self._asked: dict[str, float] = {}
        self._pod_names: dict[str, str] = {}
        self._ending: dict[str, float] = {}
        self._last_seen: dict[str, Diagnosis] = {}
        self._disruptions = Disruptions(cluster)
        self._logs: dict[str, str] = {}
        self._memory: dict[str, Memory] = {}
        self._nodes: Nodes | None = None
        self._refused: dict[str, str] = {}

    def look(self, watched: Sequence[Watched], *, consistent: bool = False) -> Look:
        """Look at these Jobs.

        Args:
            watched: Which.
            consistent: Whether the API server is asked past its cache.

        Raises:
            CallError: The API could not be asked.
        """
        snapshots = {
            namespace: sweep(
                self._cluster,
                namespace,
                self._run_id,
                {job.job_name for job in watched if job.namespace == namespace},
                consistent=consistent,
            )
            for namespace in {job.namespace for job in watched}
        }
        for snapshot in snapshots.values():
            if snapshot.pods_refused:
                self._refused["pods"] = snapshot.pods_refused
        doubtful = self._look_for_the_missing(watched, snapshots)
        watched = [job for job in watched if job.job_name not in doubtful]
        self._ask_about_the_silent(watched, snapshots)
        found = {job.job_name: self._observe(job, snapshots[job.namespace]) for job in watched}
        return Look(found, self._look_at_nodes(found), dict(self._refused))

    def _observe(self, watched: Watched, snapshot: Snapshot) -> Observation:
        name = watched.job_name
        job, pods = snapshot.jobs.get(name), snapshot.pods.get(name, [])
        pod = newest_pod(pods)
        if pod is not None:
            self._pod_names[name] = name_of(pod)
            self._memory[name] = _memory_of(pod)
        diagnosis = diagnose(job, pods, self._events.get(name, []))
        if diagnosis is not None and diagnosis.failed:
            diagnosis = self._with_what_was_seen_before(name, diagnosis, pod)
        disruption = self._disruptions.see(name, pod, self._events.get(name, []))
        deleted = diagnosis is not None and diagnosis.kind is DiagnosisKind.POD_DELETED
        if disruption is None and pod is None and (deleted or (watched.interrupted and diagnosis is None)):
            disruption = self._disruptions.ask_the_node(name)
        if deleted and disruption is not None:
            diagnosis = disruption
        elif deleted and snapshot.pods_refused:
            # Not gone, only out of sight.
            diagnosis = Diagnosis(DiagnosisKind.JOB_FAILED, "The Job failed; its pod may not be read.")
        over = self._is_over(name, pod, diagnosis)
        return Observation(
            diagnosis,
            over=over,
            succeeded=job is not None and job_succeeded(job) and (pod is None or _phase(pod) in ENDED),
            # A pod that cannot be seen must not be taken for one that does not start.
            started=bool(snapshot.pods_refused)
            or (integer(job, "status", "ready") or 0) > 0
            or (pod is not None and has_started(pod)),
            pod=self._pod_names.get(name, ""),
            memory=self._memory.get(name, Memory()),
            log=self._log_of(watched, diagnosis) if over and diagnosis is not None else "",
            disruption=disruption,
            created=text(job, "metadata", "creationTimestamp"),
        )

    def _with_what_was_seen_before(self, name: str, diagnosis: Diagnosis, pod: ApiObject | None) -> Diagnosis:
        """A pod that is gone took its cause with it; an earlier look may have seen it."""
        if diagnosis.kind in {DiagnosisKind.POD_DELETED, DiagnosisKind.JOB_DELETED, DiagnosisKind.JOB_FAILED}:
            return self._last_seen.get(name, diagnosis)
        if pod is not None:
            main = next((text(container, "name") for container in items(pod, "spec", "containers")), "")
            container = diagnosis.details.get("container", main)
            if main and container != main:
                diagnosis = replace(diagnosis, details={**diagnosis.details, "beside": main})
            self._last_seen[name] = diagnosis
        return diagnosis

    def _is_over(self, name: str, pod: ApiObject | None, diagnosis: Diagnosis | None) -> bool:
        """Whether the step's process has ended, so that all it had to say is in the event log."""
        if diagnosis is None or not diagnosis.failed:
            return False
        if pod is None or _phase(pod) in ENDED:
            return True
        grace = integer(pod, "metadata", "deletionGracePeriodSeconds") or 0
        first = self._ending.setdefault(name, self._clock())
        return self._clock() - first > grace + _ENDING_SECONDS

    def _look_for_the_missing(self, watched: Sequence[Watched], snapshots: dict[str, Snapshot]) -> set[str]:
        """Ask for Jobs that no list had, by name: that one is gone must be certain.

        Returns:
            Those that are left for another look.
        """
        missing = [job for job in watched if job.job_name not in snapshots[job.namespace].jobs]
        for job in missing[:_QUESTIONS]:
            found = self._cluster.read_job(job.namespace, job.job_name)
            if found is not None:
                snapshots[job.namespace].jobs[job.job_name] = found
        return {job.job_name for job in missing[_QUESTIONS:]}

    def _ask_about_the_silent(self, watched: Sequence[Watched], snapshots: dict[str, Snapshot]) -> None:
        """Read the events of what neither runs nor says why not; a few a sweep, in turn."""
        silent = [job for job in watched if self._is_silent(job, snapshots[job.namespace])]
        silent.sort(key=lambda job: self._asked.get(job.job_name, 0.0))
        for job in silent[:_QUESTIONS]:
            if "events" in self._refused:
                return
            self._asked[job.job_name] = self._clock()
            names = [job.job_name, self._pod_names.get(job.job_name, "")]
            try:
                self._events[job.job_name] = [
                    event for name in names if name for event in self._cluster.events(job.namespace, name)
                ]
            except CallError as error:
                if error.is_passing:
                    raise
                self._refused["events"] = str(error)

    def _is_silent(self, watched: Watched, snapshot: Snapshot) -> bool:
        job = snapshot.jobs.get(watched.job_name)
        pod = newest_pod(snapshot.pods.get(watched.job_name, []))
        if watched.interrupted and pod is None:
            return True
        if job is None or job_succeeded(job):
            return False
        if pod is None:
            failed = job_failure(job) is not None and watched.job_name not in self._last_seen
            return failed or self._clock() - watched.since > _SILENCE_SECONDS
        self._pod_names[watched.job_name] = name_of(pod)
        if has_started(pod) or _phase(pod) in ENDED:
            return False
        diagnosis = diagnose(job, [pod])
        if diagnosis is None:
            return self._clock() - watched.since > _SILENCE_SECONDS
        return diagnosis.kind is DiagnosisKind.IMAGE_PULL_BACK_OFF and watched.job_name not in self._events

    def _log_of(self, watched: Watched, diagnosis: Diagnosis) -> str:
        name, container = watched.job_name, str(diagnosis.details.get("container", ""))
        wanted = diagnosis.kind in {DiagnosisKind.ERROR, DiagnosisKind.OOM_KILLED} and container
        if name in self._logs or not wanted or "logs" in self._refused or len(self._logs) >= 10 * _QUESTIONS:
            return self._logs.get(name, "")
        try:
            self._logs[name] = self._cluster.log_tail(
                watched.namespace, self._pod_names.get(name, ""), container, _LOG_LINES
            )
        except CallError as error:
            # A log goes with its pod; that it cannot be read must not hide that the step failed.
            self._logs[name] = ""
            if error.status == 403:
                self._refused["logs"] = str(error)
        return self._logs[name]

    def _look_at_nodes(self, found: dict[str, Observation]) -> Nodes:
        matters = {DiagnosisKind.OOM_KILLED, DiagnosisKind.UNSCHEDULABLE}
        if self._nodes is None and self._wants_nodes:
            if not any(seen.diagnosis and seen.diagnosis.kind in matters for seen in found.values()):
                return Nodes()
            try:
                self._nodes = _nodes(self._cluster.nodes())
            except CallError as error:
                if error.is_passing:
                    return Nodes()
                self._nodes = Nodes()
        return self._nodes or Nodes()


def _phase(pod: ApiObject) -> str:
    return text(pod, "status", "phase")


def _memory_of(pod: ApiObject) -> Memory:
    container = next(items(pod, "spec", "containers"), {})
    return Memory(
        text(container, "resources", "limits", "memory"), text(container, "resources", "requests", "memory")
    )


def _nodes(nodes: Sequence[ApiObject]) -> Nodes:
    amounts = [text(node, "status", "allocatable", "memory") for node in nodes]
    readable: list[Quantity] = []
    for amount in amounts:
        try:
            readable.append(Quantity(amount))
        except K8sConfigError:
            continue
    resources = {
        name
        for node in nodes
        for name, amount in mapping(node, "status", "allocatable").items()
        if str(amount) not in {"", "0"}
    }
    return Nodes(max(readable).canonical if readable else "", frozenset(resources), known=True)
