"""Watches over the steps of a run: what was looked at and launched becomes events and decisions.

Everything here runs on the thread of the executor's loop; calls to the API run beside it.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.executor.attempts import decide
from dagster_plus_k8s_helpers.executor.call_errors import CallError
from dagster_plus_k8s_helpers.executor.diagnosis_kind import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.launches import LaunchQueue, RateLimit
from dagster_plus_k8s_helpers.executor.lookout import Look, Lookout, Nodes, Watched
from dagster_plus_k8s_helpers.executor.memory_ladder import Memory, tried_with
from dagster_plus_k8s_helpers.executor.outage import Backoff, Outage
from dagster_plus_k8s_helpers.executor.tracked_step import TrackedStep, end_of_wait

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.executor.cluster import Cluster
    from dagster_plus_k8s_helpers.executor.history import History
    from dagster_plus_k8s_helpers.executor.launches import Launch, Launched
    from dagster_plus_k8s_helpers.executor.lookout import Observation
    from dagster_plus_k8s_helpers.executor.reports import Reports
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings

__all__ = ["Supervisor"]

_LOOKS_WITHOUT_RESULT = 2
_DELETIONS_AT_ONCE = 8


class Supervisor:
    """Watches over the steps of one run.

    Args:
        cluster: Where their Jobs are.
        run_id: Of the run.
        settings: How to.
        history: What the event log says of the steps.
        reports: Where events go.
    """

    def __init__(
        self, cluster: Cluster, run_id: str, settings: ExecutorSettings, history: History, reports: Reports
    ) -> None:
        self.history = history
        self._cluster, self._settings, self._reports = cluster, settings, reports
        self._outage = Outage()
        limit = RateLimit(settings.launch_qps, settings.launch_burst)
        self._launches = LaunchQueue(cluster, self._outage, limit, settings.api_outage_tolerance)
        self._lookout = Lookout(cluster, run_id, wants_nodes=True, log_lines=settings.log_lines)
        self._steps: dict[str, TrackedStep] = {}
        self._looking: Future[Look] | None = None
        self._look_at = time.monotonic() + settings.health_check_interval
        self._backoff = Backoff()
        self._threads: ThreadPoolExecutor | None = None
        self._nodes = Nodes()
        self._said: set[str] = set()
        self._notes: list[str] = []

    def launch(self, step: TrackedStep, launch: Launch) -> None:
        """Create the Job of a step as soon as may be."""
        self._steps[launch.step_key] = step
        self._launches.submit(launch)

    def launch_with_learned(self, step: TrackedStep, memory: Memory, run_id: str) -> None:
        """Tell that a step starts at the size that an earlier run needed."""
        self._reports.learned(step.context, memory, run_id)

    def adopt(self, step_key: str, step: TrackedStep) -> None:
        """Watch over a step whose Job a run worker before this one has created."""
        step.created = True
        self.history.launched(step_key)
        self._steps[step_key] = step

    def could_not_launch(self, step_key: str, step: TrackedStep, diagnosis: Diagnosis) -> None:
        """Fail a step that did not come as far as its launch."""
        self._steps[step_key] = step
        self._end(step_key, step, diagnosis)

    def collect(self) -> tuple[list[Launched], Look | None]:
        """What the calls have brought; to be asked for before the event log is read."""
        look = None
        if self._looking is not None and self._looking.done():
            looking, self._looking = self._looking, None
            interval = self._settings.health_check_interval
            try:
                look = looking.result()
            except CallError as error:
                if not error.is_passing:
                    self.note(_trouble(error))
                else:
                    self._outage.failed(error)
                interval = min(self._backoff.failed(error.retry_after), interval)
            # A look that fails in any other way must not end a run whose steps are well.
            except Exception as error:  # noqa: BLE001
                self.note(_trouble(error))
            else:
                self._outage.succeeded()
                self._backoff.succeeded()
            self._look_at = time.monotonic() + interval
        return self._launches.done(), look

    def act(self, launched: list[Launched], look: Look | None) -> None:
        """Do what follows; called when the event log has been read up to after what was collected."""
        self._steps = {key: step for key, step in self._steps.items() if self.history.is_open(key)}
        for result in launched:
            self._take_launch(result)
        if look is not None:
            self._nodes = look.nodes if look.nodes.known else self._nodes
            for what, said in look.refused.items():
                self._say_once(what, _LIMITATIONS[what].format(said=said))
            for key, step in list(self._steps.items()):
                if step.created and not step.failing and step.ending is None:
                    self._take_observation_safely(key, step, look.observations.get(step.job_name))
        self._finish_endings()
        while self._notes:
            text = self._notes.pop()
            self._say_once(text, text)
        while (news := self._outage.news()) is not None:
            self._reports.outage(news, self._settings.api_outage_tolerance)
        self._look_again()

    def note(self, text: str) -> None:
        """Have the loop tell, once, of something that the executor cannot do here; from any thread."""
        self._notes.append(text)

    def not_deleted(self, step: TrackedStep, why: str) -> None:
        """Tell of a Job that is still there."""
        self._reports.not_deleted(step.context, step.place, why)

    def delete_all(self) -> dict[str, Future[None]]:
        """Delete the Jobs of all steps at once, by step key; those not created yet never will be."""
        deletions = {}
        for key, step in self._steps.items():
            if not self._launches.cancel(step.job_name):
                deletions[key] = self._delete(step)
        return deletions

    def step(self, step_key: str) -> TrackedStep | None:
        """What is known of a step."""
        return self._steps.get(step_key)

    def close(self) -> None:
        """End the threads."""
        self._launches.close()
        if self._threads is not None:
            self._threads.shutdown(wait=True, cancel_futures=True)

    def _take_launch(self, result: Launched) -> None:
        key = result.launch.step_key
        step = self._steps.get(key)
        if step is None or step.job_name != result.launch.job_name or step.failing:
            return
        if result.problem is not None:
            self._end(key, step, result.problem)
            return
        step.created, step.since = True, time.monotonic()

    def _take_observation_safely(self, key: str, step: TrackedStep, seen: Observation | None) -> None:
        """What goes wrong with one step is told, and leaves the others alone."""
        try:
            self._take_observation(key, step, seen)
        except Exception as error:  # noqa: BLE001
            self.note(_trouble(error))

    def _take_observation(self, key: str, step: TrackedStep, seen: Observation | None) -> None:
        if seen is None:
            return
        step.last = seen
        diagnosis, now = seen.diagnosis, time.monotonic()
        if diagnosis is not None and diagnosis.failed:
            if seen.over and seen.lingers:
                # What keeps its pod alive beside it has to go, or the next attempt runs next to it.
                step.ending = diagnosis
            elif seen.over:
                self._end(key, step, diagnosis)
            return
        if seen.succeeded:
            self._take_silence(key, step)
            return
        if seen.started and not step.started:
            step.started = True
            if step.told:
                self._reports.started(step.context, now - step.since)
                step.told = ""
        if diagnosis is not None and (cause := step.cause(diagnosis)) != step.told:
            step.told = cause
            self._reports.waiting(step.context, diagnosis, step.place)
        if not step.started:
            step.ending = end_of_wait(step, diagnosis, self._nodes, self._settings, now)

    def _take_silence(self, key: str, step: TrackedStep) -> None:
        """A Job that is complete while its step has reported nothing: its event may be on its way."""
        step.looks_without_result += 1
        if step.looks_without_result >= _LOOKS_WITHOUT_RESULT:
            self._end(
                key,
                step,
                Diagnosis(
                    DiagnosisKind.NO_RESULT,
                    "The Job is complete, and the step has reported neither success nor failure.",
                    hint="Its process may have refused to start twice, or could not reach the event log.",
                ),
            )

    def _finish_endings(self) -> None:
        """Delete the Jobs of steps that are given up, then fail them."""
        for key, step in self._steps.items():
            if step.ending is None or step.failing:
                continue
            if step.deletion is None:
                step.deletion = self._delete(step)
                continue
            if not step.deletion.done():
                continue
            error = step.deletion.exception()
            if isinstance(error, CallError) and error.is_passing:
                self._outage.failed(error, "write")
                step.deletion = self._delete(step)
                continue
            if error is not None:
                self._reports.not_deleted(step.context, step.place, str(error))
            self._end(key, step, step.ending)

    def _end(self, key: str, step: TrackedStep, diagnosis: Diagnosis) -> None:
        """Write why a step failed, and whether it is launched again."""
        step.failing = True
        attempts = self.history.attempts[key]
        memory = _memory_of(step, diagnosis)
        decision = decide(diagnosis, attempts, step.rules, memory, self._nodes.largest_memory)
        log = step.last.log if step.last else ""
        tried = attempts.sizes
        if diagnosis.kind is DiagnosisKind.OOM_KILLED and step.rules.ladder is not None and memory.limit:
            tried = [*(size for size in tried if size != memory.limit), memory.limit]
        if not decision.retry:
            if diagnosis.kind is not DiagnosisKind.OOM_KILLED:
                sizes = tried_with(attempts.sizes, attempts.memory)
                decision = replace(decision, said=f"{decision.said} {sizes}".strip())
            self._reports.failed(step.context, diagnosis, decision, step.place, log=log, tried=tried)
            return
        # A run worker that was killed between the two has announced the retry already.
        if self.history.announced.get(key) != step.job_name:
            self._reports.announced_retry(step.context, diagnosis, decision, step.place, log=log, tried=tried)
        self._reports.retry(step.context, diagnosis, decision)

    def _look_again(self) -> None:
        if self._looking is not None or time.monotonic() < self._look_at:
            return
        watched = [
            Watched(step.job_name, step.namespace, step.since)
            for step in self._steps.values()
            if step.created and not step.failing
        ]
        if watched:
            self._looking = self._pool().submit(self._lookout.look, watched)

    def _delete(self, step: TrackedStep) -> Future[None]:
        return self._pool().submit(self._delete_patiently, step.namespace, step.job_name)

    def _delete_patiently(self, namespace: str, job_name: str) -> None:
        backoff = Backoff(first=0.2)
        for _ in range(3):
            try:
                self._cluster.delete_job(namespace, job_name)
            except CallError as error:
                if not error.is_passing:
                    raise
                time.sleep(backoff.failed(error.retry_after))
            else:
                return
        self._cluster.delete_job(namespace, job_name)

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_DELETIONS_AT_ONCE, thread_name_prefix="step-supervisor")
        return self._threads

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._reports.limitation(text)


_LIMITATIONS = {
    "jobs": "The run's service account may not list jobs, so they are read one by one, a few a look, and "
    "what becomes of a step is noticed later: {said}",
    "pods": "The run's service account may not list pods, so only what their Jobs say is known of steps: "
    "{said}",
    "events": "The run's service account may not list events, so some causes remain unknown: {said}",
    "logs": "The run's service account may not read pods/log, so failures come without last lines: {said}",
}


def _trouble(error: Exception) -> str:
    return f"A step could not be looked after: {type(error).__name__}: {error}"


def _memory_of(step: TrackedStep, diagnosis: Diagnosis) -> Memory:
    """What the step's container had; the diagnosis knows it best, as after a resize."""
    memory = step.last.memory if step.last else Memory()
    limit = str(diagnosis.details.get("limit", "")) or memory.limit
    return Memory(limit, memory.request)
