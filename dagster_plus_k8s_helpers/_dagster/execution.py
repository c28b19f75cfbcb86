"""What the executor takes from inside Dagster while a run executes: the other half of `_dagster`.

It is a module of its own because importing it costs 40 ms that definitions need not pay. Dagster exports
neither its step delegating executor nor the events an executor writes.
`tests/executor/test_execution_internals.py` fails when one of them moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.objects import StepFailureData, StepRetryData, UserFailureData
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)
from dagster_shared.error import SerializableErrorInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import dagster as dg

__all__ = [
    "ActiveExecution",
    "CheckStepHealthResult",
    "DagsterEvent",
    "DagsterEventType",
    "EngineEventData",
    "ExecutionPlan",
    "ExecutionStep",
    "IStepContext",
    "KnownExecutionState",
    "PlanOrchestrationContext",
    "SerializableErrorInfo",
    "StepDelegatingExecutor",
    "StepHandler",
    "StepHandlerContext",
    "asset_keys_of",
    "engine_events",
    "failure_data",
    "policy_of",
    "retry_data",
    "with_attempts",
    "without_delay",
]


def policy_of(step_context: IStepContext) -> dg.RetryPolicy | None:
    """The retry policy of a step's op; ``None`` when retries are off altogether."""
    policy: dg.RetryPolicy | None = step_context.op_retry_policy
    return policy


def with_attempts(
    context: StepHandlerContext, plan_context: PlanOrchestrationContext, step: ExecutionStep, free: int
) -> StepHandlerContext:
    """The context of a launch whose process counts fewer attempts than there were.

    The process decides about its RetryPolicy by the attempts it is told of. It also compares them with the
    event log, to refuse a second start of one attempt; that comparison has to be left out.
    """
    arguments = context.execute_step_args
    known = arguments.known_state
    assert known is not None  # noqa: S101 - the executor's loop always says what it knows
    counted = {**known.previous_retry_attempts}
    counted[step.key] = max(counted.get(step.key, 0) - free, 0)
    return StepHandlerContext(
        instance=context.instance,
        plan_context=plan_context,
        steps=[step],
        execute_step_args=type(arguments)(
            job_origin=arguments.job_origin,
            run_id=arguments.run_id,
            step_keys_to_execute=arguments.step_keys_to_execute,
            instance_ref=arguments.instance_ref,
            retry_mode=arguments.retry_mode,
            known_state=known._replace(previous_retry_attempts=counted),
            should_verify_step=False,
            print_serialized_events=arguments.print_serialized_events,
        ),
        dagster_run=context.dagster_run,
    )


def without_delay(event: DagsterEvent) -> DagsterEvent:
    """A retry event that asks for no wait: of an attempt that has been made since."""
    return event._replace(event_specific_data=retry_data(event.step_retry_data.error, None))


def failure_data(
    error: SerializableErrorInfo, label: str, description: str, metadata: Mapping[str, dg.MetadataValue]
) -> StepFailureData:
    """What a failure event holds; its metadata is shown beside the event."""
    shown = UserFailureData(label=label, description=description, metadata=metadata)  # type: ignore[no-untyped-call]
    return StepFailureData(error=error, user_failure_data=shown)  # type: ignore[no-untyped-call]


def retry_data(error: SerializableErrorInfo, seconds_to_wait: float | None) -> StepRetryData:
    """What a retry event holds."""
    return StepRetryData(error=error, seconds_to_wait=seconds_to_wait)  # type: ignore[no-untyped-call]


def asset_keys_of(step: ExecutionStep) -> list[dg.AssetKey]:
    """The assets that a step materializes."""
    return [output.properties.asset_key for output in step.step_outputs if output.properties.asset_key]


def engine_events(instance: dg.DagsterInstance, run_id: str, step_key: str) -> Iterator[Mapping[str, Any]]:
    """The metadata of the executor's own events about a step of a run, newest first."""
    entries = instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)
    for entry in reversed(entries):
        event = entry.dagster_event
        if event is not None and event.step_key == step_key:
            yield {name: item.value for name, item in event.engine_event_data.metadata.items()}
