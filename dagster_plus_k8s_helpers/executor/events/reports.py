"""What the executor writes to the event log, in the words a user reads in the UI."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from dagster_plus_k8s_helpers._dagster.execution import (
    DagsterEvent,
    EngineEventData,
    SerializableErrorInfo,
    failure_data,
    retry_data,
)
from dagster_plus_k8s_helpers.secrets.redact import mask_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers._dagster.execution import IStepContext, PlanOrchestrationContext
    from dagster_plus_k8s_helpers.cluster.outage import OutageNews
    from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis
    from dagster_plus_k8s_helpers.executor.events.attempts import Decision
    from dagster_plus_k8s_helpers.executor.looking.run_worker import Owner, Taken
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

__all__ = [
    "MEMORY_NEXT",
    "MEMORY_TRIED",
    "MEMORY_WORKED",
    "RETRY_COUNTS",
    "RETRY_IN",
    "RETRY_OF_JOB",
    "WAIT_CAUSE",
    "Place",
    "Reports",
]

MEMORY_NEXT = "memory_next"
"""Metadata: limit and request of the next attempt, as JSON; the ladder is found again by it."""
MEMORY_TRIED = "memory_tried"
"""Metadata: the limits that were tried."""
MEMORY_WORKED = "memory_worked"
"""Metadata: limit and request of the attempt that succeeded, as JSON."""
RETRY_OF_JOB = "retry_of_job"
"""Metadata: the Job whose failure a retry answers; it tells a retry that was announced already."""
RETRY_COUNTS = "retry_counts"
"""Metadata: what the retry counts against, as `Counts` has it."""
RETRY_IN = "retry_in"
"""Metadata: ``own pod`` for a step that is taken out of the run's pod."""
WAIT_CAUSE = "wait_cause"
"""Metadata: the cause of a wait that was told; empty when the wait is over."""


@dataclass(frozen=True)
class Place:
    """Where to look closer.

    Args:
        namespace: Of the Job.
        job: Its name.
        pod: Its pod's name, when there is one.
        in_run_pod: Whether it is the run's pod, and the Job just what the attempt goes by: there is none.
    """

    namespace: str
    job: str
    pod: str = ""
    in_run_pod: bool = False

    @property
    def kubectl(self) -> str:
        """The command that shows more."""
        what = f"pod/{self.pod}" if self.pod else f"job/{self.job}"
        return f"kubectl describe {what} --namespace {self.namespace}"


class Reports:
    """Writes events of a run.

    Args:
        plan_context: Of the run.
    """

    def __init__(self, plan_context: PlanOrchestrationContext) -> None:
        self._plan_context = plan_context

    def outage(self, news: OutageNews, tolerance: float) -> None:
        """The API server cannot be reached, or can be again."""
        if news.reason:
            what = "refuses the run's credentials" if news.is_refusal else "cannot be reached"
            _tell(
                self._plan_context,
                f"The Kubernetes API {what}: {news.reason}. Steps that run go on; launches are "
                f"tried again for up to {tolerance:g} s.",
            )
        else:
            _tell(self._plan_context, f"The Kubernetes API answers again, after {news.seconds:.0f} s.")

    def limitation(self, text: str) -> None:
        """Something that the executor cannot do here; it goes on without."""
        _tell(self._plan_context, text)

    def taken(self, taken: Taken, owner: Owner | None, way_out: str, *, resumed: bool) -> str:
        """The run worker is taken away while its run is under way.

        Args:
            taken: What is known of that.
            owner: What owns the Jobs of its steps.
            way_out: What starts the run again, or would.
            resumed: Whether another run worker goes on.

        Returns:
            The cause, as the failure of the run shows it.
        """
        said = _taken_said(taken, owner, way_out, resumed=resumed)
        shown = {"pod": taken.pod, "node": taken.node}
        metadata = {name: dg.MetadataValue.text(found) for name, found in shown.items() if found}
        _tell(self._plan_context, said, metadata)
        return said

    def launched_again(self, step: IStepContext, place: Place) -> None:
        """A step whose launch a run worker before this one did not come to."""
        _tell(
            step,
            f'Step "{step.step.key}" is launched again: its Kubernetes job {place.job} was not created '
            "before the run worker was replaced.",
        )

    def launched_again_in_run_pod(self, step: IStepContext) -> None:
        """A step in the run's pod that a run worker before this one did not come to."""
        _tell(
            step,
            f'Step "{step.step.key}" starts in the run\'s pod again: it had not begun when the run worker '
            "was replaced.",
        )

    def ending_process(self, step: IStepContext) -> None:
        """The process of a step in the run's pod is told to end."""
        _tell(step, f'Ending the process of step "{step.step.key}"')

    def waiting(self, step: IStepContext, diagnosis: Diagnosis, place: Place, cause: str) -> None:
        """A pod waits, or a container beside the step is in trouble."""
        _tell(
            step,
            f'Step "{step.step.key}" is in trouble: {diagnosis}'
            if diagnosis.kind.value == "CrashLoopBackOff"
            else f'Step "{step.step.key}" waits: {diagnosis}',
            {**_metadata(diagnosis, place), WAIT_CAUSE: dg.MetadataValue.text(cause)},
        )

    def started(self, step: IStepContext, seconds: float) -> None:
        """A pod that waited has started after all."""
        _tell(
            step,
            f'Step "{step.step.key}" has started after all, {seconds:.0f} s after its launch.',
            {WAIT_CAUSE: dg.MetadataValue.text("")},
        )

    def interrupted(self, step: IStepContext, diagnosis: Diagnosis, place: Place) -> None:
        """Why a step was interrupted that has reported its end itself, and is not launched again for it."""
        _tell(step, f'Step "{step.step.key}" was interrupted: {diagnosis}', _metadata(diagnosis, place))

    def failed(
        self,
        step: IStepContext,
        diagnosis: Diagnosis,
        decision: Decision,
        place: Place,
        *,
        log: str = "",
        tried: Sequence[str] = (),
    ) -> None:
        """A step is over, and is not launched again."""
        said = _said(diagnosis, decision)
        metadata = {**_metadata(diagnosis, place, log), **_tried(tried)}
        DagsterEvent.step_failure_event(
            step,
            failure_data(_error(diagnosis, decision, log), diagnosis.kind.value, said, metadata),
            message=f'Step "{step.step.key}" failed: {said}',
        )

    def announced_retry(
        self,
        step: IStepContext,
        diagnosis: Diagnosis,
        decision: Decision,
        place: Place,
        *,
        log: str = "",
        tried: Sequence[str] = (),
    ) -> None:
        """Why a step is launched again: a retry event has no room for metadata."""
        metadata: dict[str, dg.MetadataValue] = {
            **_metadata(diagnosis, place, log),
            **_tried(tried),
            RETRY_OF_JOB: dg.MetadataValue.text(place.job),
            RETRY_COUNTS: dg.MetadataValue.text(decision.counts.value),
        }
        if decision.own_pod:
            metadata[RETRY_IN] = dg.MetadataValue.text("own pod")
        if decision.memory is not None:
            metadata[MEMORY_NEXT] = _memory(decision.memory)
        _tell(step, f'Step "{step.step.key}" failed: {_said(diagnosis, decision)}', metadata)

    def retry(self, step: IStepContext, diagnosis: Diagnosis, decision: Decision) -> None:
        """A step is launched again."""
        DagsterEvent.step_retry_event(
            step, retry_data(_error(diagnosis, decision, ""), decision.delay or None)
        )

    def learned(self, step: IStepContext, memory: Memory, run_id: str) -> None:
        """A step starts at the size that last worked."""
        _tell(
            step,
            f'Step "{step.step.key}" starts with {memory.limit} of memory, which it needed in run {run_id}.',
            {MEMORY_NEXT: _memory(memory)},
        )

    def worked(self, step: IStepContext, memory: Memory, tried: Sequence[str]) -> None:
        """A step succeeded after its memory was raised."""
        _tell(
            step,
            f'Step "{step.step.key}" succeeded with {memory.limit} of memory.',
            {**_tried(tried), MEMORY_WORKED: _memory(memory)},
        )

    def left_behind(self, step_key: str, job: str, containers: Sequence[str]) -> None:
        """The pod of a step that has ended is kept alive by what runs beside it; told once for the same."""
        _tell(self._plan_context, _left_behind_said(step_key, job, containers))

    def still_there(self, job: str, namespace: str, why: str) -> None:
        """The Job of a step that has ended could not be deleted."""
        _tell(self._plan_context, _still_there(job, namespace, why))

    def not_deleted(self, step: IStepContext, place: Place, why: str) -> None:
        """A Job is still there."""
        said = _still_there(place.job, place.namespace, why)
        _tell(step, said, {"job": dg.MetadataValue.text(place.job)})


def _tell(
    context: IStepContext | PlanOrchestrationContext,
    said: str,
    metadata: Mapping[str, dg.MetadataValue] | None = None,
) -> None:
    DagsterEvent.engine_event(context, said, EngineEventData(metadata=metadata))


def _taken_said(taken: Taken, owner: Owner | None, way_out: str, *, resumed: bool) -> str:
    if not resumed:
        follows = f"Nothing resumes the run, so it fails and its steps end with it. {way_out}"
    elif owner is not None and owner.kind == "Pod":
        follows = "Another run worker goes on; the steps that run go with this one's pod and start again."
    else:
        follows = "The steps that run go on, and another run worker takes them over."
        if owner is not None and owner.time_to_live is not None:
            follows += (
                f" They are removed with the Job {owner.name} if they take longer than "
                f"{owner.time_to_live} s, its ttl_seconds_after_finished."
            )
    return f"The run worker is taken away: {taken.summary} {follows}"


def _left_behind_said(step_key: str, job: str, containers: Sequence[str]) -> str:
    names = ", ".join(repr(name) for name in containers)
    keep = f"the container {names} keeps" if len(containers) == 1 else f"the containers {names} keep"
    return (
        f'Step "{step_key}" has ended, and {keep} its pod alive: its Kubernetes job {job} is deleted, and so '
        "are those of further steps like it. Make it a native sidecar, which ends with the step: "
        "init_containers with restart_policy: Always."
    )


def _still_there(job: str, namespace: str, why: str) -> str:
    return (
        f"Could not delete Kubernetes job {job}: {why}. It may go on running; delete it with "
        f"kubectl delete job/{job} --namespace {namespace}"
    )


def _said(diagnosis: Diagnosis, decision: Decision) -> str:
    said = f"{diagnosis.kind.value}: {diagnosis.summary}"
    if decision.said:
        said += f" {decision.said}"
    if diagnosis.hint and not decision.retry:
        said += f" {diagnosis.hint}"
    return said


def _error(diagnosis: Diagnosis, decision: Decision, log: str) -> SerializableErrorInfo:
    tail = f"\nThe last lines of its log:\n{mask_secrets(log.strip())}" if log.strip() else ""
    return SerializableErrorInfo(
        message=f"{_said(diagnosis, decision)}{tail}\n", stack=[], cls_name=diagnosis.kind.value
    )


def _metadata(diagnosis: Diagnosis, place: Place, log: str = "") -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {"kind": dg.MetadataValue.text(diagnosis.kind.value)}
    for name, found in diagnosis.details.items():
        metadata[name] = (
            dg.MetadataValue.int(found) if isinstance(found, int) else dg.MetadataValue.text(found)
        )
    if diagnosis.hint:
        metadata["hint"] = dg.MetadataValue.text(diagnosis.hint)
    if not place.in_run_pod:
        metadata["job"] = dg.MetadataValue.text(place.job)
    if place.pod:
        metadata["pod"] = dg.MetadataValue.text(place.pod)
    if place.pod or not place.in_run_pod:
        metadata["kubectl"] = dg.MetadataValue.text(place.kubectl)
    if log.strip():
        metadata["log"] = dg.MetadataValue.text(mask_secrets(log.strip()))
    return metadata


def _tried(tried: Sequence[str]) -> dict[str, dg.MetadataValue]:
    return {MEMORY_TRIED: dg.MetadataValue.text(", ".join(tried))} if tried else {}


def _memory(memory: Memory) -> dg.MetadataValue:
    return dg.MetadataValue.text(json.dumps({"limit": memory.limit, "request": memory.request}))
