"""What becomes of single steps: by what a look has seen of their Jobs, and by what they have reported.

Everything here runs on the thread of the executor's loop.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.nodes import Nodes
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.events.tracked_step import age_of, end_of_wait, unexplained_wait

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.cluster.deletions import Deletions
    from dagster_plus_k8s_helpers.cluster.outage import Outage
    from dagster_plus_k8s_helpers.executor.events.endings import Endings
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.reports import Reports
    from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
    from dagster_plus_k8s_helpers.executor.looking.observation import Observation
    from dagster_plus_k8s_helpers.executor.looking.rounds import LookRounds
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings

__all__ = ["Outcomes"]

# An event log behind an API may show an event a while after it was written, and looks may come one after
# the other, as others have news.
_RESULT_SECONDS = 10.0


class Outcomes:
    """Decides about the attempts of steps.

    Args:
        history: What the event log says of the steps.
        reports: Where events go.
        endings: Ends attempts.
        settings: How patient it is.
        looks: When the Jobs are looked at.
        deletions: Delete Jobs.
        outage: Is told of deletions that fail.

    Attributes:
        nodes: What the nodes have, as far as a look has said so.
    """

    def __init__(
        self,
        history: History,
        reports: Reports,
        endings: Endings,
        settings: ExecutorSettings,
        *,
        looks: LookRounds,
        deletions: Deletions,
        outage: Outage,
    ) -> None:
        self._history, self._reports, self._endings = history, reports, endings
        self._settings, self._looks = settings, looks
        self._deletions, self._outage = deletions, outage
        self._given_up: dict[str, TrackedStep] = {}
        self.nodes = Nodes()

    def take(self, key: str, step: TrackedStep, seen: Observation | None) -> None:
        """Do what follows from a look for one step, and from what it has reported.

        Args:
            key: Whose.
            step: Its attempt.
            seen: What the look found out; ``None`` without one.
        """
        if step.failing or step.ending is not None:
            return
        if key in self._history.interrupted:
            self._take_interruption(key, step, seen)
        elif step.created and seen is not None:
            self._take_observation(key, step, seen)
        if step.ending is not None:
            self._given_up[key] = step

    def give_up(self, key: str, step: TrackedStep, diagnosis: Diagnosis) -> None:
        """End an attempt once its Job is deleted.

        Args:
            key: Whose.
            step: Its attempt.
            diagnosis: Why.
        """
        step.ending = diagnosis
        self._given_up[key] = step

    def forget(self, key: str) -> None:
        """A step has ended."""
        self._given_up.pop(key, None)

    def finish(self) -> None:
        """Delete the Jobs of steps that are given up, then fail them."""
        for key, step in list(self._given_up.items()):
            if step.ending is None or step.failing:
                continue
            if step.deletion is None:
                step.deletion = self._deletions.submit(step.namespace, step.job_name)
                continue
            if not step.deletion.done():
                continue
            error = step.deletion.exception()
            # Who has waited for the API as long as it may does not wait for it again.
            patient = step.ending.kind is not DiagnosisKind.API_UNREACHABLE
            if isinstance(error, CallError) and error.is_passing and patient:
                self._outage.failed(error, "write")
                step.deletion = self._deletions.submit(step.namespace, step.job_name)
                continue
            if error is not None:
                self._reports.not_deleted(step.context, step.place, str(error))
            self._endings.end_deleted(key, step, step.ending, self.nodes.largest_memory)

    def _take_interruption(self, key: str, step: TrackedStep, seen: Observation | None) -> None:
        """A step that reports that it was interrupted: retried for free if the cluster took its pod."""
        now = time.monotonic()
        if step.interrupted_at is None:
            step.interrupted_at = now
            self._looks.soon()
        if seen is None:
            if step.looked_at is None and now - step.interrupted_at > self._settings.api_outage_tolerance:
                self._history.release(key)
            return
        if seen.lingers and seen.disruption is not None:
            # Whoever took its pod gives its Job another one, unless it is gone.
            step.last, step.ending = seen, seen.disruption if seen.over else None
            return
        step.last, fresh = seen, self._looks.began >= step.interrupted_at
        if fresh and step.looked_at is None:
            step.looked_at = now
        waited = now - step.looked_at if step.looked_at is not None else 0.0
        self._endings.end_interrupted(key, step, seen, fresh=fresh, waited=waited)

    def _take_observation(self, key: str, step: TrackedStep, seen: Observation) -> None:
        step.last = seen
        diagnosis, now = seen.diagnosis, time.monotonic()
        if not step.dated and (age := age_of(seen.created)) is not None:
            step.since, step.dated = now - age, True
        if diagnosis is not None and diagnosis.failed:
            if seen.over and seen.lingers:
                # What keeps its pod alive beside it has to go, or the next attempt runs next to it.
                step.ending = diagnosis
            elif seen.over:
                self._take_failure(key, step, diagnosis)
        elif seen.succeeded:
            self._take_silence(key, step)
        else:
            self._take_wait(step, seen, now)

    def _take_failure(self, key: str, step: TrackedStep, diagnosis: Diagnosis) -> None:
        never_there = diagnosis.kind is DiagnosisKind.JOB_DELETED and key not in self._history.begun
        if never_there and step.relaunch is not None:
            self._reports.launched_again(step.context, step.place)
            # Until its turn comes, further looks miss its Job as this one did.
            step.failing = True
            step.relaunch()
            return
        self._endings.end(key, step, diagnosis, self.nodes.largest_memory)

    def _take_wait(self, step: TrackedStep, seen: Observation, now: float) -> None:
        """A step that runs or has not started yet."""
        diagnosis = seen.diagnosis
        if seen.started and not step.started:
            step.started = True
            if step.told:
                # In a queue `since` was moved on, as that time does not count.
                self._reports.started(step.context, age_of(seen.created) or now - step.since)
                step.told = ""
        told = diagnosis
        if seen.started and diagnosis is not None and diagnosis.kind is DiagnosisKind.JOB_SUSPENDED:
            told = None  # Jobs are listed before pods: its queue let it go in between.
        if told is None and not step.started and not step.told:
            told = unexplained_wait(step, now)
        if told is not None and (cause := step.cause(told)) != step.told:
            step.told = cause
            step.told_at = step.told_at if step.told_at is not None else now
            self._reports.waiting(step.context, told, step.place, cause)
        if not step.started:
            step.ending = end_of_wait(step, diagnosis, self.nodes, self._settings, now)

    def _take_silence(self, key: str, step: TrackedStep) -> None:
        """A Job that is complete while its step has reported nothing: its event may be on its way."""
        now, patience = time.monotonic(), min(_RESULT_SECONDS, self._settings.health_check_interval)
        if step.silent_since is None:
            step.silent_since = now
            self._looks.within(patience)
        elif now - step.silent_since >= patience:
            self._endings.end(
                key,
                step,
                Diagnosis(
                    DiagnosisKind.NO_RESULT,
                    "The Job is complete, and the step has reported neither success nor failure.",
                    hint="Its process may have refused to start twice, or could not reach the event log.",
                ),
            )
