"""What the process of a step is told of its run: what it reads of it, and no more, however large the run is.

Dagster tells each process all outputs that the run has made so far, all retries of all steps and all keys
of all dynamic outputs. Of 10,000 steps that takes a tenth of a second of the loop for each launch. The
process asks for the outputs that feed its own step (``StepExecutionContext.can_load``) and for its own
retries (``verify_step``), and it resolves the steps of all keys to execute one of them.
`tests/executor/test_step_arguments.py` fails when it reads something else.
"""

from __future__ import annotations

from copy import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dagster._core.execution.plan.inputs import FromMultipleSources
from dagster._core.executor.step_delegating import StepHandlerContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dagster._core.events import DagsterEvent
    from dagster._core.execution.context.system import IStepContext, PlanOrchestrationContext
    from dagster._core.execution.plan.active import ActiveExecution
    from dagster._core.execution.plan.outputs import StepOutputHandle
    from dagster._core.execution.plan.plan import ExecutionPlan
    from dagster._core.execution.plan.state import KnownExecutionState, PastExecutionState
    from dagster._core.execution.plan.step import ExecutionStep
    from dagster._grpc.types import ExecuteStepArgs

    from dagster_plus_k8s_helpers._dagster.late_events import LateEvents

__all__ = ["KnownState", "LateContext", "knowing", "only_what_is_read", "told_to"]


class LateContext(StepHandlerContext):
    """The context of a step, whose arguments are made when they are first asked for.

    Args:
        plan_context: Of the run.
        step: The step.
        make: Makes the arguments.

    Attributes:
        step_key: Key of the step.
    """

    def __init__(
        self, plan_context: PlanOrchestrationContext, step: ExecutionStep, make: Callable[[], ExecuteStepArgs]
    ) -> None:
        super().__init__(
            instance=plan_context.plan_data.instance,
            plan_context=plan_context,
            steps=[step],
            execute_step_args=None,  # type: ignore[arg-type]  # the property below makes them
            dagster_run=plan_context.dagster_run,
        )
        self.step_key: str = step.key
        self._make = make
        self._made: ExecuteStepArgs | None = None
        self._step_context: IStepContext | None = None

    @property
    def execute_step_args(self) -> ExecuteStepArgs:
        """What the process of the step is told."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def get_step_context(self, step_key: str) -> IStepContext:
        """What events of the step are written with; one logger for all that is asked of a launch."""
        if self._step_context is None:
            self._step_context = super().get_step_context(step_key)
        return self._step_context

    def with_events_in(self, events: LateEvents) -> LateContext:
        """The same, of which the events are kept.

        Args:
            events: Where.
        """
        late = copy(self)
        late._step_context = events.context(self.get_step_context(self.step_key))
        return late


class KnownState:
    """What is known of a run, which Dagster's loop is asked for as seldom as may be: it checks every output.

    Args:
        plan: Of the run.
    """

    def __init__(self, plan: ExecutionPlan) -> None:
        self._has_keys = any(output.is_dynamic for step in plan.steps for output in step.step_outputs)
        self._state: KnownExecutionState | None = None
        self._lives = False

    def of(self, active: ActiveExecution) -> KnownExecutionState:
        """What is known now.

        Args:
            active: The loop's own account of the run.
        """
        if self._state is None:
            self._state = active.get_known_state()
            # Its set of outputs is the one that the loop adds to; attempts and keys are copies.
            lives = self._state.ready_outputs is vars(active).get("_step_outputs")
            self._lives = lives and not self._has_keys
        return self._state

    def see(self, events: Iterable[DagsterEvent]) -> None:
        """Forget what may change with these, which the loop is about to take in."""
        if not self._lives or any(event.is_step_up_for_retry for event in events):
            self._state = None


def knowing(known: KnownExecutionState) -> Any:
    """Something that Dagster's loop asks for what is known, where it was asked for before."""
    return SimpleNamespace(get_known_state=lambda: known)


def told_to(arguments: ExecuteStepArgs, step: ExecutionStep, free: int) -> ExecuteStepArgs:
    """The arguments of a step's process, with what it reads of the run, and fewer attempts than there were.

    The process decides about its RetryPolicy by the attempts it is told of. It also compares them with the
    event log, to refuse a second start of one attempt; that comparison has to be left out.

    Args:
        arguments: As Dagster makes them.
        step: Whose.
        free: Attempts that do not count against its RetryPolicy.
    """
    known = arguments.known_state
    assert known is not None  # noqa: S101 - the executor's loop always says what it knows
    known = only_what_is_read(known, step)
    if free:
        counted = max(known.previous_retry_attempts.get(step.key, 0) - free, 0)
        known = known._replace(previous_retry_attempts={step.key: counted})
    return type(arguments)(
        job_origin=arguments.job_origin,
        run_id=arguments.run_id,
        step_keys_to_execute=arguments.step_keys_to_execute,
        instance_ref=arguments.instance_ref,
        retry_mode=arguments.retry_mode,
        known_state=known,
        should_verify_step=arguments.should_verify_step and not free,
        print_serialized_events=arguments.print_serialized_events,
    )


def only_what_is_read(known: KnownExecutionState, step: ExecutionStep) -> KnownExecutionState:
    """What the process of a step reads of what is known of its run.

    Args:
        known: All of it.
        step: The step.
    """
    inputs = {handle for item in step.step_inputs for handle in item.get_step_output_handle_dependencies()}
    attempts = known.previous_retry_attempts.get(step.key)
    # Without its checks, which look at every output of the run.
    return known._replace(
        previous_retry_attempts={step.key: attempts} if attempts else {},
        dynamic_mappings=_mappings(known.dynamic_mappings, step),
        ready_outputs=inputs & known.ready_outputs,
        parent_state=_of_parent(known.parent_state, inputs),
    )


def _mappings(
    known: Mapping[str, Mapping[str, Sequence[str] | None]], step: ExecutionStep
) -> Mapping[str, Mapping[str, Sequence[str] | None]]:
    """The keys of dynamic outputs: of a step that runs for one of them, that one.

    A step that collects the outputs of others has to know all their keys.
    """
    own = getattr(step.handle, "mapping_key", None)
    if own is None or any(isinstance(item.source, FromMultipleSources) for item in step.step_inputs):
        return known
    return {
        key: {name: [own] if keys is not None and own in keys else keys for name, keys in outputs.items()}
        for key, outputs in known.items()
    }


def _of_parent(parent: PastExecutionState | None, inputs: set[StepOutputHandle]) -> PastExecutionState | None:
    """The same of the runs that this one goes on from."""
    if parent is None:
        return None
    before = _of_parent(parent.get_parent_state(), inputs)
    return parent._replace(produced_outputs=inputs & parent.produced_outputs, parent_state=before)
