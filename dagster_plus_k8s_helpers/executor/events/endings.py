"""Writes how an attempt of a step ended, and whether the step is launched again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.events.attempts import Counts, decide
from dagster_plus_k8s_helpers.executor.events.interruption import judge
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory, tried_with

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dagster_plus_k8s_helpers.executor.events.attempts import Decision
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.reports import Reports
    from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
    from dagster_plus_k8s_helpers.executor.looking.observation import Observation

__all__ = ["Endings"]


class Endings:
    """Ends attempts of the steps of a run.

    Args:
        history: What the event log says of the steps.
        reports: Where events go.
        has_ended: Whether the event log has an ending of a step, by its key, that nobody has read yet.
    """

    def __init__(self, history: History, reports: Reports, has_ended: Callable[[str], bool]) -> None:
        self._history, self._reports, self._has_ended = history, reports, has_ended

    def end(self, key: str, step: TrackedStep, diagnosis: Diagnosis, largest_node: str = "") -> None:
        """Write why a step failed, unless it has said so itself.

        Args:
            key: Whose attempt it is.
            step: The attempt.
            diagnosis: Why it failed.
            largest_node: Allocatable memory of the largest node, when known.
        """
        if self._has_ended(key):
            return
        with _failing(step):
            self._end(key, step, diagnosis, largest_node)

    def _end(self, key: str, step: TrackedStep, diagnosis: Diagnosis, largest_node: str) -> None:
        diagnosis = self._with_what_is_known(key, step, diagnosis)
        attempts = self._history.attempts[key]
        memory = _memory_of(step, diagnosis)
        decision = decide(diagnosis, attempts, step.rules, memory, largest_node)
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
        self._announce(key, step, diagnosis, decision, log=log, tried=tried)
        self._reports.retry(step.context, diagnosis, decision)

    def end_interrupted(
        self, key: str, step: TrackedStep, seen: Observation, *, fresh: bool, waited: float
    ) -> None:
        """Settle the end of a step that has reported that it was interrupted, if it is clear by now.

        If the cluster took its pod away it is launched again for free; else its own report is its end.

        Args:
            key: Whose attempt it is.
            step: The attempt.
            seen: What a look found out about its Job.
            fresh: Whether the look began after the report.
            waited: Seconds since the first such look.
        """
        judgement = judge(seen, fresh=fresh, waited=waited)
        if judgement is None:
            return
        if judgement.diagnosis is None:
            self._history.release(key)
        else:
            self._settle(key, step, judgement.diagnosis)

    def end_deleted(self, key: str, step: TrackedStep, diagnosis: Diagnosis, largest_node: str) -> None:
        """The same of a step whose Job has been deleted, whether it has reported an interrupt or not.

        Args:
            key: Whose attempt it is.
            step: The attempt.
            diagnosis: Why it was deleted.
            largest_node: Allocatable memory of the largest node, when known.
        """
        if key in self._history.interrupted:
            self._settle(key, step, diagnosis)
        else:
            self.end(key, step, diagnosis, largest_node)

    def _settle(self, key: str, step: TrackedStep, diagnosis: Diagnosis) -> None:
        """End a step that reported an interrupt whose cause is known."""
        diagnosis = self._with_what_is_known(key, step, diagnosis)
        if self._retry_for_free(key, step, diagnosis):
            return
        self._reports.interrupted(step.context, diagnosis, step.place)
        self._history.release(key)

    def end_lost(self, key: str, step: TrackedStep, diagnosis: Diagnosis) -> None:
        """Settle the end of a step whose process went with a run worker.

        Args:
            key: Whose attempt it is.
            step: The attempt.
            diagnosis: What became of it.
        """
        if key not in self._history.interrupted:
            self.end(key, step, diagnosis)
        elif not self._retry_for_free(key, step, diagnosis):
            self._history.release(key)

    def _with_what_is_known(self, key: str, step: TrackedStep, diagnosis: Diagnosis) -> Diagnosis:
        """The diagnosis, with what the run knows of a deletion and the cluster does not say."""
        begun = step.started or key in self._history.begun
        if diagnosis.kind is DiagnosisKind.POD_DELETED and not begun:
            return diagnosis.disrupted_by("deleted before it started")
        if diagnosis.kind is DiagnosisKind.JOB_DELETED and not step.dated:
            return Diagnosis(
                DiagnosisKind.JOB_DELETED,
                "The Job was gone when this run worker took over: it goes with the pod of the one that "
                "launched it.",
                {"disrupted_by": "the end of a run worker"},
                hint="Write k8s_executor(owner_references=False) if runs are resumed.",
            )
        return diagnosis

    def _retry_for_free(self, key: str, step: TrackedStep, diagnosis: Diagnosis) -> bool:
        decision = decide(diagnosis, self._history.attempts[key], step.rules, Memory())
        if decision.counts is not Counts.DISRUPTION:
            return False
        with _failing(step):
            # Where the step has asked for a retry itself, by its policy, the announcement is all it takes.
            self._announce(key, step, diagnosis, decision)
            if self._history.interrupted[key].is_step_failure:
                self._reports.retry(step.context, diagnosis, decision)
        return True

    def _announce(
        self,
        key: str,
        step: TrackedStep,
        diagnosis: Diagnosis,
        decision: Decision,
        *,
        log: str = "",
        tried: Sequence[str] = (),
    ) -> None:
        # A run worker that was killed before the retry itself has announced it already.
        if self._history.announced.get(key) != step.job_name:
            self._reports.announced_retry(step.context, diagnosis, decision, step.place, log=log, tried=tried)


@contextmanager
def _failing(step: TrackedStep) -> Iterator[None]:
    """While its end is written, and from then on; not when that failed: the next look ends it then."""
    step.failing = True
    try:
        yield
    except Exception:
        step.failing = False
        raise


def _memory_of(step: TrackedStep, diagnosis: Diagnosis) -> Memory:
    """What the step's container had; the diagnosis knows it best, as after a resize."""
    memory = step.last.memory if step.last else Memory()
    limit = str(diagnosis.details.get("limit", "")) or memory.limit
    return Memory(limit, memory.request)
