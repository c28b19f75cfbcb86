"""The executor: the stock loop, with the supervisor asked in every round.

A round is short, however large the run: it reads one page of the event log, does a slice of what is left to
do, and comes back at once while there is more. So neither a signal nor the end of a step waits for thousands
of others.

Imported when a job uses the executor, not before.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.endings import keeps_rows
from dagster_plus_k8s_helpers._dagster.execution import (
    DagsterEvent,
    DagsterExecutionInterruptedError,
    is_interrupted,
    step_in,
    will_be_resumed,
)
from dagster_plus_k8s_helpers._dagster.paged_executor import PagedExecutor
from dagster_plus_k8s_helpers._dagster.step_arguments import KnownState, LateContext, knowing, told_to
from dagster_plus_k8s_helpers.executor.beside.placement import Placement
from dagster_plus_k8s_helpers.executor.brought import Brought
from dagster_plus_k8s_helpers.executor.events.history import History, ends_step
from dagster_plus_k8s_helpers.executor.events.outputs import OutputsRead
from dagster_plus_k8s_helpers.executor.events.reports import Reports
from dagster_plus_k8s_helpers.executor.events.usage_events import UsageEvents
from dagster_plus_k8s_helpers.executor.events.usage_history import UsageHistory
from dagster_plus_k8s_helpers.executor.garbage import short_collections
from dagster_plus_k8s_helpers.executor.launching.sizes import Sizes
from dagster_plus_k8s_helpers.executor.launching.terms import Terms
from dagster_plus_k8s_helpers.executor.step_handler import SupervisedStepHandler
from dagster_plus_k8s_helpers.executor.supervisor import Supervisor
from dagster_plus_k8s_helpers.executor.worker_end import WorkerEnd
from dagster_plus_k8s_helpers.sizing.memory_ladder import ladder_of_step
from dagster_plus_k8s_helpers.sizing.reading import size_of_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.execution import (
        ActiveExecution,
        ExecuteStepArgs,
        ExecutionPlan,
        ExecutionStep,
        KnownExecutionState,
        PlanOrchestrationContext,
        SerializableErrorInfo,
        StepHandlerContext,
    )
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
    from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder
    from dagster_plus_k8s_helpers.sizing.strategy import Strategy

__all__ = ["SupervisedExecutor"]

# A round that has more to do comes back after a moment, and works for no longer than this at a time.
_MOMENT, _SLICE, _LONGEST_SLICE = 0.005, 0.02, 0.1
# Where steps always write something, what the API brought must not wait for a log that is read to its end:
# before a step's end is written, its own is asked for by its key.
_LONGEST_BEHIND = 5.0
# What goes wrong in looking after them must not end a run whose steps are well.
_THE_STEPS = "The steps could not be looked after"


class SupervisedExecutor(PagedExecutor):
    """The stock executor's loop; the supervisor looks after launches, health and retries.

    It takes over a stock executor, so that whatever that one was configured with stays.

    Args:
        stock: What ``k8s_job_executor`` makes of the run's config.
        settings: What it does beyond.
        job: Makes the job of the run.

    Attributes:
        placement: Says which steps run in the run's own pod.
    """

    def __init__(self, stock: Any, settings: ExecutorSettings, job: Callable[[], dg.JobDefinition]) -> None:
        super().__init__(stock)
        self._settings = settings
        self._step_handler = self._handler = SupervisedStepHandler(self.stock_step_handler, settings)
        self.placement = Placement(
            settings.in_run_pod,
            job,
            self._handler.step_config,
            self._handler.per_step_config,
            lambda tags: self.strategy_of(tags) is not None,
        )
        self._resuming = False
        self._next_sleep = self.usual_sleep
        self._left_at, self._slept = time.monotonic(), 0.0
        self._brought = Brought()
        self._read_at, self._is_behind = -self.usual_sleep, False
        self._late: list[DagsterEvent] = []
        self._plan_steps: dict[str, ExecutionStep] = {}

    @property
    def _sleep_seconds(self) -> float:  # type: ignore[override]  # the loop asks for it once in each round
        """Seconds until the next round; the usual ones when nothing says otherwise before."""
        self._slept, self._next_sleep = self._next_sleep, self.usual_sleep
        return self._slept

    def ladder_of(self, tags: Mapping[str, str]) -> MemoryLadder | None:
        """The memory ladder that a step climbs when it may start again.

        Args:
            tags: Tags of its op.
        """
        return None if self.retries.disabled else ladder_of_step(tags, self._settings.memory_ladder)

    @property
    def run_pod_concurrency(self) -> int:
        """How many steps run in the run's own pod at once."""
        return self._settings.run_pod_concurrency

    def strategy_of(self, tags: Mapping[str, str]) -> Strategy | None:
        """What decides the size of a step.

        Args:
            tags: Tags of its op.

        Raises:
            K8sConfigError: A tag that holds no strategy.
        """
        return size_of_step(tags, self._settings.size)

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Run the steps of a plan."""

        def step_of(key: str) -> ExecutionStep | None:
            return self._plan_steps.get(key) or step_in(execution_plan, key)

        instance, run = plan_context.instance, plan_context.dagster_run
        self._plan_context, self._known = plan_context, KnownState(execution_plan)
        self._resuming = bool(plan_context.resume_from_failure)
        self._history = History(run.run_id)
        self._reports = Reports(plan_context)
        self._supervisor = Supervisor(
            self._handler.cluster,
            run.run_id,
            self._settings,
            self._history,
            self._reports,
            namespace=partial(self._handler.namespace_of, run, instance),
            has_ended=self._has_ended,
            usage=UsageEvents(plan_context, self._history, step_of, self._settings.record_usage),
        )
        self._outputs = OutputsRead(
            step_of,
            lambda key: self.read_missed(instance, run.run_id, key, lambda event: event.is_successful_output),
            is_cheap=keeps_rows(instance),
        )
        before = UsageHistory(instance, run)
        self._handler.end = WorkerEnd(
            plan_context, self._handler.cluster, self._handler.owners, self._supervisor
        )
        self._handler.supervisor = self._supervisor
        self._handler.sizes = Sizes(plan_context, self._history, before, self._settings.size)
        self._handler.terms = Terms(
            plan_context,
            self._plan_steps,
            self._settings,
            self.retries,
            self.placement,
            history=self._history,
            before=before,
            notes=self._supervisor.notes,
        )
        self._handler.will_be_resumed = will_be_resumed(instance, run.run_id)
        try:
            with short_collections():
                yield from super().execute(plan_context, execution_plan)
                # What a run leaves behind whose steps have ended must not change how it ends.
                with suppress(Exception):
                    self._supervisor.settle(is_interrupted)
        except DagsterExecutionInterruptedError as interrupt:
            raise self._handler.end.error(interrupt) from None
        finally:
            self._supervisor.close()

    def _pop_events(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        """The round of the loop: what the API brought is acted upon when the log has been read after it."""
        if self._resuming:
            # The loop takes in nothing else of what a run worker before this one has left.
            self._resuming = False
            return self._history.fold(self.read_all(instance, run_id, seen_storage_ids), resuming=True)
        # Where the rest of a round takes long, as without a whole processor, it must not be most of the time.
        elsewhere = time.monotonic() - self._left_at - self._slept
        until = time.monotonic() + min(max(_SLICE, elsewhere), _LONGEST_SLICE)
        self._brought.collect(self._supervisor)
        kept: Sequence[DagsterEvent] = ()
        is_time = time.monotonic() - self._read_at >= self.usual_sleep
        if self._brought.anything or self._is_behind or is_time or not self._supervisor.has_more_to_do:
            kept = self._read(instance, run_id, seen_storage_ids)
        self._supervisor.notes.safely(lambda: self._supervisor.go_on(until), _THE_STEPS)
        # What is wrong with one step fails that step; whatever else keeps steps from starting ends the run.
        self._supervisor.launch_some(until)
        late, self._late = self._late, []
        self._left_at = time.monotonic()
        hurries = self._is_behind or self._supervisor.has_more_to_do
        self._next_sleep = min(_MOMENT, self.usual_sleep) if hurries else self.usual_sleep
        found = [*kept, *self._history.fold(late, resuming=False)]
        self._known.see(found)
        return found

    def _read(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        """Read a page of the event log, and act upon what the API brought once there is no other."""
        events, self._is_behind = self.read_page(
            instance, run_id, seen_storage_ids, waits=self._brought.anything
        )
        kept = self._history.fold([*self._outputs.complete(events)], resuming=False)
        self._supervisor.forget_ended()
        self._tell_what_worked()
        now = time.monotonic()
        if not self._is_behind:
            self._read_at = now
        if not self._is_behind or now - self._brought.since >= _LONGEST_BEHIND:
            launched, look = self._brought.take()
            self._supervisor.notes.safely(lambda: self._supervisor.act(launched, look), _THE_STEPS)
        return kept

    def _tell_what_worked(self) -> None:
        for key in self._history.successes_to_report():
            attempts = self._history.attempts[key]
            if attempts.memory is not None and (step := self._plan_steps.get(key)) is not None:
                tried = [*(size for size in attempts.sizes if size != attempts.memory.limit)]
                self._reports.worked(
                    self._plan_context.for_step(step), attempts.memory, [*tried, attempts.memory.limit]
                )

    def _has_ended(self, step_key: str) -> bool:
        """Whether the event log has an ending of a step that the cursor has passed; the loop then gets it."""
        found = self.read_missed(self._plan_context.instance, self._plan_context.run_id, step_key)
        self._late.extend(found)
        return any(map(ends_step, found))

    def _get_step_handler_context(
        self,
        plan_context: PlanOrchestrationContext,
        steps: Sequence[ExecutionStep],
        active_execution: ActiveExecution,
    ) -> StepHandlerContext:
        (step,) = steps
        self._plan_steps[step.key] = step
        free = self._history.attempts[step.key].free
        self._handler.free_attempts[step.key] = free
        stock = super()._get_step_handler_context

        def make() -> ExecuteStepArgs:
            context = stock(plan_context, steps, knowing(self._known.of(active_execution)))
            return told_to(context.execute_step_args, step, free)

        # It is launched in the next round.
        self._next_sleep = min(_MOMENT, self.usual_sleep)
        return LateContext(plan_context, step, make)

    def log_failure_or_retry_event_after_error(
        self, step_context: Any, err_info: SerializableErrorInfo, known_state: KnownExecutionState
    ) -> DagsterEvent:
        """As the stock executor does it, by the attempts that count against the RetryPolicy."""
        key = step_context.step.key
        free = self._handler.free_attempts.get(key, 0)
        counted = {**known_state.previous_retry_attempts}
        counted[key] = max(counted.get(key, 0) - free, 0)
        return super().log_failure_or_retry_event_after_error(
            step_context, err_info, known_state._replace(previous_retry_attempts=counted)
        )
