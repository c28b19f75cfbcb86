"""Folds the event log into what was tried for each step, and holds back what may not be a step's end."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.execution import (
    DagsterEvent,
    DagsterEventType,
    was_interrupted,
    without_delay,
)
from dagster_plus_k8s_helpers._dagster.step_facts import output_of
from dagster_plus_k8s_helpers.executor.events.attempts import Attempts, Counts
from dagster_plus_k8s_helpers.executor.events.reports import (
    MEMORY_NEXT,
    MEMORY_TRIED,
    MEMORY_WORKED,
    RETRY_COUNTS,
    RETRY_IN,
    RETRY_OF_JOB,
    WAIT_CAUSE,
)
from dagster_plus_k8s_helpers.executor.events.usage_log import UsageLog
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory
from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from dagster_plus_k8s_helpers._dagster.step_facts import StepOutputHandle

__all__ = ["RUNS_IN", "RUN_POD", "History", "ends_step", "memory_from"]

_ENDS = frozenset(
    {DagsterEventType.STEP_SUCCESS, DagsterEventType.STEP_FAILURE, DagsterEventType.STEP_UP_FOR_RETRY}
)
_BEGINNINGS = frozenset(
    {
        DagsterEventType.STEP_WORKER_STARTING,
        DagsterEventType.STEP_WORKER_STARTED,
        DagsterEventType.STEP_START,
        DagsterEventType.STEP_RESTARTED,
    }
)
# Metadata of the event that dagster_k8s writes before it creates a Job.
_JOB_NAME = "Kubernetes Job name"
RUNS_IN, RUN_POD = "Runs in", "run pod"
"""Metadata of the event of a launch, and what it says of a step in the run's pod."""
_BEGUN = frozenset({DagsterEventType.STEP_START, DagsterEventType.STEP_RESTARTED})

# A Job gives a pod that was evicted before it began another one, and another attempt may be on its way. What
# steps launch themselves has the run's label too (k8s_job_op, PipesK8sClient), and may be thousands of Jobs.
_SPARE_OBJECTS, _OBJECTS_OF_AN_ATTEMPT = 10_000, 10


class History:
    """What the event log of a run says of its steps.

    Attributes:
        attempts: By step key.
        announced: The Job whose failure was last answered with a retry, by step key.
        begun: Steps whose current attempt reported that it began.
        in_run_pod: Steps whose current attempt was launched in the run's pod.
        told: The cause of waiting that was reported last and is not over, by step key.
        attempt_of: By the name of a Job, the step and which attempt of it that is, from 1.
        measured: The Jobs whose usage has been written.
        usage: What attempts took.
        outputs: Metadata of outputs that steps have made.
        ended_jobs: The Jobs of attempts that have ended, with their step keys; whoever looks after them takes
            them out.
        succeeded: The keys of steps that have succeeded.
        ended_steps: The keys of steps of which an attempt has ended; whoever forgets them takes them out.
        interrupted: Endings of open steps that wait for a look at their pods, by step key: a step that the
            cluster takes away reports a failure of its own on its way out.
    """

    def __init__(self, run_id: str = "") -> None:
        self.attempts: defaultdict[str, Attempts] = defaultdict(Attempts)
        self.announced: dict[str, str] = {}
        self.begun: set[str] = set()
        self.in_run_pod: set[str] = set()
        self.told: dict[str, str] = {}
        self.usage = UsageLog(run_id)
        self.outputs: dict[StepOutputHandle, Mapping[str, Any]] = {}
        self.interrupted: dict[str, DagsterEvent] = {}
        self.attempt_of: dict[str, tuple[str, int]] = {}
        self.measured: set[str] = set()
        self.ended_jobs: dict[str, str] = {}
        self.succeeded: set[str] = set()
        self.ended_steps: list[str] = []
        self._jobs: dict[str, str] = {}
        self._counts: dict[str, Counts] = {}
        self._released: list[DagsterEvent] = []
        self._open: set[str] = set()
        self._ended: set[str] = set()
        self._worked: set[str] = set()
        self._to_report: list[str] = []
        self._retries = 0

    def launched(self, step_key: str) -> None:
        """A step is on its way; from now on it can end."""
        self._open.add(step_key)

    def launched_in(self, step_key: str, job_name: str) -> None:
        """A step is on its way to a Job: what the event of its launch says, which is written beside the loop.

        A cursor may pass that event, where others that began to be written after it are there before it.

        Args:
            step_key: Whose attempt it is.
            job_name: The Job.
        """
        self._open.add(step_key)
        self.in_run_pod.discard(step_key)
        self.told.pop(step_key, None)
        self._jobs[step_key] = job_name
        self.attempt_of[job_name] = (step_key, self.attempts[step_key].made + 1)

    def is_open(self, step_key: str) -> bool:
        """Whether the current attempt of a step has not ended."""
        return step_key in self._open

    def is_announced(self, step_key: str) -> bool:
        """Whether the launch of a step's attempt is in the event log, where it is before its Job is there."""
        return step_key in self._jobs or step_key in self.in_run_pod

    def most_objects(self) -> int:
        """How many Jobs, or pods, the run can have by now: of each attempt some, and what its steps launch.

        May be asked for on any thread.
        """
        return _SPARE_OBJECTS + _OBJECTS_OF_AN_ATTEMPT * (len(self.attempts) + self._retries)

    def fold(self, events: Sequence[DagsterEvent], *, resuming: bool) -> list[DagsterEvent]:
        """Take in events, and hand on those that the executor's loop is to see.

        A step can end twice: a node that was given up for lost may come back and report success. The loop
        would take the second ending for a broken invariant and end the run. Of an interrupted step it sees
        the retry that follows, if one does, and the failure or retry that the step reported, if none does.

        Args:
            events: In the order of the log.
            resuming: Whether these are the events of a run worker before this one. Two kinds would break the
                loop: a skip, which it writes again itself, and a wait that is over.
        """
        kept, self._released = self._released, []
        for index, event in enumerate(events):
            key = event.step_key
            if key is None:
                kept.append(event)
                continue
            if resuming and event.is_step_skipped:
                continue
            if event.event_type in _ENDS:
                # A launch that failed before it was announced has an ending and no beginning.
                if resuming and key not in self._ended:
                    self._open.add(key)
                if key not in self._open:
                    continue
                if key not in self.interrupted and was_interrupted(event):
                    self.interrupted[key] = event
                    continue
                self._end(event, key)
            else:
                self._note(event, key)
            kept.extend(self._released)
            self._released.clear()
            waited = resuming and event.is_step_up_for_retry and _goes_on(events[index + 1 :], key)
            kept.append(without_delay(event) if waited else event)
        return kept

    def release(self, step_key: str) -> None:
        """Hand on what an interrupted step has reported, with the next events: that is its end."""
        event = self.interrupted.pop(step_key)
        self._end(event, step_key)
        self._released.append(event)

    def successes_to_report(self) -> list[str]:
        """Steps that succeeded after their memory was raised, and of which that was not written yet."""
        found = [key for key in self._to_report if key not in self._worked]
        self._to_report.clear()
        self._worked.update(found)
        return found

    def _end(self, event: DagsterEvent, key: str) -> None:
        self._open.discard(key)
        self._ended.add(key)
        self.ended_steps.append(key)
        self.begun.discard(key)
        self.interrupted.pop(key, None)
        if (job := self._jobs.pop(key, None)) is not None:
            self.ended_jobs[job] = key
        counts = self._counts.pop(key, Counts.POLICY)
        if event.is_step_success:
            self.succeeded.add(key)
            if self.attempts[key].memory is not None:
                self._to_report.append(key)
        if event.is_step_up_for_retry:
            self.attempts[key].retried(counts)
            self._retries += 1

    def _note(self, event: DagsterEvent, key: str) -> None:
        if event.event_type is DagsterEventType.STEP_WORKER_STARTING:
            self._launched(event, key)
        if event.event_type in _BEGUN:
            self.begun.add(key)
        if (output := output_of(event)) is not None:
            self.outputs[output[0]] = output[1]
        if event.event_type is DagsterEventType.ENGINE_EVENT:
            self._note_own(event, key)

    def _note_own(self, event: DagsterEvent, key: str) -> None:
        """Take in an event that an executor has written itself."""
        said = {name: item.value for name, item in event.engine_event_data.metadata.items()}
        if isinstance(job := said.get(RETRY_OF_JOB), str):
            self._announce(key, job, str(said.get(RETRY_COUNTS, "")))
        if isinstance(cause := said.get(WAIT_CAUSE), str):
            self.told[key] = cause
        if isinstance(tried := said.get(MEMORY_TRIED), str):
            self.attempts[key].sizes = tried.split(", ")
        if RETRY_IN in said:
            self.attempts[key].own_pod = True
        if (memory := memory_from(said, MEMORY_NEXT)) is not None:
            self.attempts[key].memory = memory
        self.usage.note(key, said)
        if MEMORY_WORKED in said:
            self._worked.add(key)
        if isinstance(job := said.get(USAGE_OF), str):
            self.measured.add(job)

    def _launched(self, event: DagsterEvent, key: str) -> None:
        """Only a launch opens an attempt: a node that comes back may report the beginning of an old one."""
        if key in self.interrupted:
            # A run worker before this one handed it on.
            self._hand_on_at_once(key)
        self._open.add(key)
        self.told.pop(key, None)
        if (job := event.engine_event_data.metadata.get(_JOB_NAME)) is not None:
            self.launched_in(key, str(job.value))
        said = event.engine_event_data.metadata.get(RUNS_IN)
        (self.in_run_pod.add if said is not None and said.value == RUN_POD else self.in_run_pod.discard)(key)

    def _announce(self, key: str, job: str, counts: str) -> None:
        self.announced[key] = job
        if counts in {item.value for item in Counts}:
            self._counts[key] = Counts(counts)
        held = self.interrupted.get(key)
        if held is not None and held.is_step_up_for_retry:
            # The step asked for the retry itself, by its policy; the announcement says what it counts as.
            self._hand_on_at_once(key)

    def _hand_on_at_once(self, key: str) -> None:
        held = self.interrupted[key]
        self.interrupted[key] = without_delay(held) if held.is_step_up_for_retry else held
        self.release(key)


def ends_step(event: DagsterEvent) -> bool:
    """Whether an event ends an attempt of a step."""
    return event.event_type in _ENDS


def memory_from(metadata: Mapping[str, object], name: str) -> Memory | None:
    """A size that an event carries."""
    try:
        found = json.loads(str(metadata[name]))
        return Memory(str(found["limit"]), str(found["request"]))
    except (KeyError, TypeError, ValueError):
        return None


def _goes_on(events: Sequence[DagsterEvent], key: str) -> bool:
    return any(event.step_key == key and event.event_type in _BEGINNINGS for event in events)
