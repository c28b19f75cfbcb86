"""What the executor takes from inside Dagster while a run executes: the other half of `_dagster`.

It is a module of its own because importing it costs 40 ms that definitions need not pay. Dagster exports
neither its step delegating executor nor the events an executor writes.
`tests/executor/test_execution_internals.py` fails when one of them moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.objects import ErrorSource, StepFailureData, StepRetryData, UserFailureData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandlerContext,
)
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._grpc.types import ExecuteStepArgs
from dagster._utils.interrupts import check_captured_interrupt as is_interrupted
from dagster_shared.error import SerializableErrorInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dagster as dg

__all__ = [
    "ActiveExecution",
    "CheckStepHealthResult",
    "DagsterEvent",
    "DagsterEventType",
    "DagsterExecutionInterruptedError",
    "EngineEventData",
    "ExecuteStepArgs",
    "ExecutionPlan",
    "ExecutionStep",
    "IStepContext",
    "KnownExecutionState",
    "PlanOrchestrationContext",
    "RetryMode",
    "SerializableErrorInfo",
    "StepDelegatingExecutor",
    "StepHandlerContext",
    "asset_keys_of",
    "failure_data",
    "interrupts_end_runs",
    "is_interrupted",
    "is_under_way",
    "policy_of",
    "resumes_allowed",
    "retry_data",
    "step_in",
    "was_interrupted",
    "will_be_resumed",
    "without_delay",
]


def policy_of(step_context: IStepContext) -> dg.RetryPolicy | None:
    """The retry policy of a step's op; ``None`` when retries are off altogether."""
    policy: dg.RetryPolicy | None = step_context.op_retry_policy
    return policy


def will_be_resumed(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether another run worker goes on with a run whose worker ends without a final event.

    Run monitoring says so. The agent of Dagster+ resumes none: the launcher of its runs, which is this one's
    otherwise, says that it does not recover them.
    """
    recovers = getattr(instance.run_launcher, "supports_run_worker_crash_recovery", True)
    return bool(recovers and instance.run_will_resume(run_id))


def interrupts_end_runs(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether Dagster writes the failure of a run whose executor ends by an interrupt.

    It asks run monitoring alone, and not whether the launcher recovers: a run can be left without an end that
    nobody resumes. Any other error ends it.
    """
    return not instance.run_will_resume(run_id)


def resumes_allowed(instance: dg.DagsterInstance) -> int:
    """How often run monitoring replaces the worker of one run; 0 when it is off."""
    return int(instance.run_monitoring_max_resume_run_attempts) if instance.run_monitoring_enabled else 0


def is_under_way(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a run goes on: it has neither ended, nor been asked to."""
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in _UNDER_WAY


_UNDER_WAY = frozenset({DagsterRunStatus.STARTING, DagsterRunStatus.STARTED})


def without_delay(event: DagsterEvent) -> DagsterEvent:
    """A retry event that asks for no wait: of an attempt that has been made since."""
    return event._replace(event_specific_data=retry_data(event.step_retry_data.error, None))


def was_interrupted(event: DagsterEvent) -> bool:
    """Whether a step says that it ended for an interrupt, as the one that a pod's SIGTERM becomes.

    Under a RetryPolicy, or when the user's code cleans up noisily, the interrupt stands behind another error.
    """
    error: SerializableErrorInfo | None = None
    if event.is_step_failure:
        if event.step_failure_data.error_source is ErrorSource.INTERRUPT:
            return True
        error = event.step_failure_data.error
    elif event.is_step_up_for_retry:
        error = event.step_retry_data.error
    return error is not None and _is_behind(error)


_INTERRUPTS = frozenset({"DagsterExecutionInterruptedError", "KeyboardInterrupt"})


def _is_behind(error: SerializableErrorInfo) -> bool:
    return error.cls_name in _INTERRUPTS or any(
        _is_behind(inner) for inner in (error.cause, error.context) if inner is not None
    )


def failure_data(
    error: SerializableErrorInfo, label: str, description: str, metadata: Mapping[str, dg.MetadataValue]
) -> StepFailureData:
    """What a failure event holds; its metadata is shown beside the event."""
    shown = UserFailureData(label=label, description=description, metadata=metadata)
    return StepFailureData(error=error, user_failure_data=shown)


def retry_data(error: SerializableErrorInfo, seconds_to_wait: float | None) -> StepRetryData:
    """What a retry event holds."""
    return StepRetryData(error=error, seconds_to_wait=seconds_to_wait)


def asset_keys_of(step: ExecutionStep) -> list[dg.AssetKey]:
    """The assets that a step materializes."""
    return [output.properties.asset_key for output in step.step_outputs if output.properties.asset_key]


def step_in(plan: ExecutionPlan, key: str) -> ExecutionStep | None:
    """A step of a plan; ``None`` for one that only the run makes, as those of a dynamic output are."""
    found = plan.step_dict_by_key.get(key)
    return found if isinstance(found, ExecutionStep) else None
