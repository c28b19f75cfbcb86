"""The executor: the stock loop, with the supervisor asked in every round.

A round is short, however large the run: it reads one page of the event log, does a slice of what is left to
do, and comes back at once while there is more. So neither a signal nor the end of a step waits for thousands
of others.

Imported when a job uses the executor, not before.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.endings import endings_of, finds_by_step
from dagster_plus_k8s_helpers._dagster.execution import (
    DagsterEvent,
    DagsterExecutionInterruptedError,
    StepDelegatingExecutor,
    interrupts_end_runs,
    is_interrupted,
    is_under_way,
    policy_of,
    resumes_allowed,
    step_in,
    will_be_resumed,
)
from dagster_plus_k8s_helpers._dagster.step_arguments import KnownState, LateContext, knowing, told_to
from dagster_plus_k8s_helpers._dagster.step_facts import node_of
from dagster_plus_k8s_helpers.deployment import current_deployment
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.executor.beside.placement import Placement
from dagster_plus_k8s_helpers.executor.events.attempts import Rules
from dagster_plus_k8s_helpers.executor.events.history import History, ends_step
from dagster_plus_k8s_helpers.executor.events.outputs import OutputsRead
from dagster_plus_k8s_helpers.executor.events.reports import Reports
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
from dagster_plus_k8s_helpers.executor.events.usage_events import UsageEvents
from dagster_plus_k8s_helpers.executor.events.usage_history import UsageHistory
from dagster_plus_k8s_helpers.executor.garbage import short_collections
from dagster_plus_k8s_helpers.executor.launching.sizes import Sizes
from dagster_plus_k8s_helpers.executor.looking.run_worker import RunWorkerTaken, way_out, what_took
from dagster_plus_k8s_helpers.executor.settings import (
    ExecutorSettings,
    runs_in_of_step,
    start_timeout_of_step,
)
from dagster_plus_k8s_helpers.executor.step_handler import SupervisedStepHandler
from dagster_plus_k8s_helpers.executor.supervisor import Supervisor
from dagster_plus_k8s_helpers.sizing.memory_ladder import ladder_of_step
from dagster_plus_k8s_helpers.sizing.reading import size_of_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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
    from dagster_plus_k8s_helpers.executor.launching.launches import Launched
    from dagster_plus_k8s_helpers.executor.looking.looker import Look
    from dagster_plus_k8s_helpers.executor.looking.run_worker import Taken
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory, MemoryLadder
    from dagster_plus_k8s_helpers.sizing.strategy import Strategy
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["SupervisedExecutor"]

# The stock loop asks for the health of step after step; here it never does, except when a run resumes.
_NEVER = 10**9
# A round that has more to do comes back after a moment, and works for no longer than this at a time.
_MOMENT, _SLICE, _LONGEST_SLICE = 0.005, 0.02, 0.1
# Reading an event takes a tenth of a millisecond. Where Dagster reads some of them again, as events may show
# late there (Dagster+), smaller pages would be read again more often.
_PAGE, _PAGE_VARIABLE = 100, "DAGSTER_EXECUTOR_POP_EVENTS_LIMIT"
# Where steps always write something, what the API brought must not wait for a log that is read to its end:
# before a step's end is written, its own is asked for by its key.
_LONGEST_BEHIND = 5.0
# Of what a step took in earlier runs, for whether it is small.
_ATTEMPTS_THAT_COUNT = 20
# What goes wrong in looking after them must not end a run whose steps are well.
_THE_STEPS = "The steps could not be looked after"


class SupervisedExecutor(StepDelegatingExecutor):
    """The stock executor's loop; the supervisor looks after launches, health and retries.

    It takes over a stock executor, so that whatever that one was configured with stays.

    Args:
        stock: What ``k8s_job_executor`` makes of the run's config.
        settings: What it does beyond.
        job: Makes the job of the run.

    Attributes:
        placement: Says which steps run in the run's own pod.
        stock_step_handler: The step handler of the stock executor, which builds the Jobs.
    """

    def __init__(self, stock: Any, settings: ExecutorSettings, job: Callable[[], dg.JobDefinition]) -> None:
        self.__dict__.update(stock.__dict__)
        self._settings = settings
        self._check_step_health_interval_seconds = _NEVER
        self.stock_step_handler = stock._step_handler  # noqa: SLF001 - it has no getter
        self._handler = SupervisedStepHandler(
            self.stock_step_handler, settings, self._track, self._look_at_own_pod
        )
        self._step_handler = self._handler
        self.placement = Placement(
            settings.in_run_pod,
            job,
            self._handler.step_config,
            self._handler.per_step_config,
            lambda tags: self.strategy_of(tags) is not None,
        )
        self._resuming = False
        self._usual_sleep = self._next_sleep = float(stock._sleep_seconds)  # noqa: SLF001 - it has no getter
        self._left_at, self._slept = time.monotonic(), 0.0
        self._brought = _Brought()
        self._read_at, self._is_behind = -self._usual_sleep, False
        self._seen_storage_ids: set[int] = set()
        self._late: list[DagsterEvent] = []
        self._plan_steps: dict[str, ExecutionStep] = {}
        self._taken: Taken | None = None

    @property
    def _sleep_seconds(self) -> float:  # type: ignore[override]  # the loop asks for it once in each round
        """Seconds until the next round; the usual ones when nothing says otherwise before."""
        self._slept, self._next_sleep = self._next_sleep, self._usual_sleep
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

        self._plan_context, self._known = plan_context, KnownState(execution_plan)
        self._resuming = bool(plan_context.resume_from_failure)
        self._history = History(plan_context.dagster_run.run_id)
        self._reports = Reports(plan_context)
        self._supervisor = Supervisor(
            self._handler.cluster,
            plan_context.run_id,
            self._settings,
            self._history,
            self._reports,
            namespace=partial(self._handler.namespace_of, plan_context.dagster_run, plan_context.instance),
            has_ended=self._has_ended,
            usage=UsageEvents(
                plan_context,
                self._history,
                step_of,
                self._settings.record_usage,
            ),
        )
        self._outputs = OutputsRead(
            step_of,
            lambda key: self._missed(key, lambda event: event.is_successful_output),
            is_cheap=finds_by_step(plan_context.instance),
        )
        self._handler.supervisor = self._supervisor
        self._before = UsageHistory(plan_context.instance, plan_context.dagster_run)
        self._handler.sizes = Sizes(plan_context, self._history, self._before, self._settings.size)
        self._handler.is_in_run_pod = self._is_in_run_pod
        self._handler.will_be_resumed = will_be_resumed(plan_context.instance, plan_context.run_id)
        try:
            with short_collections():
                yield from super().execute(plan_context, execution_plan)
                # What a run leaves behind whose steps have ended must not change how it ends.
                with suppress(Exception):
                    self._supervisor.settle(is_interrupted)
        except DagsterExecutionInterruptedError as interrupt:
            raise self._end_of_worker(interrupt) from None
        finally:
            self._supervisor.close()

    def _look_at_own_pod(self) -> None:
        """Find out what ends this run worker, unless its run has ended or is being cancelled.

        Before the Jobs of its steps are deleted, for which a pod may have all the time that is left to it.
        """
        if is_under_way(self._plan_context.instance, self._plan_context.run_id):
            self._taken = what_took(self._handler.cluster, self._handler.owners.place())

    def _end_of_worker(self, interrupt: DagsterExecutionInterruptedError) -> BaseException:
        """What this run worker ends with, when it was told to end.

        A run that is cancelled takes its steps with it. Else the run worker is being taken away: where
        another one goes on, Dagster lets this one end without a final event; elsewhere the run fails with
        the cause.
        """
        instance, run = self._plan_context.instance, self._plan_context.dagster_run
        try:
            if self._taken is None:
                self._look_at_own_pod()
            if self._taken is None or not is_under_way(instance, run.run_id):
                self._handler.terminate_all()
                return interrupt
            resumed = will_be_resumed(instance, run.run_id)
            ends_by_interrupt = interrupts_end_runs(instance, run.run_id)
            if resumed:
                self._supervisor.leave()
            else:
                self._handler.terminate_all()
            out = way_out(
                run.tags,
                resumes=resumes_allowed(instance),
                in_dagster_plus=current_deployment().kind != "local",
            )
            said = self._reports.taken(self._taken, self._handler.owners.owner, out, resumed=resumed)
        # Whether the run goes on is not known, so nothing more is done to its steps.
        except Exception:  # noqa: BLE001
            return interrupt
        if resumed or ends_by_interrupt:
            return DagsterExecutionInterruptedError(said)
        return RunWorkerTaken(said)

    def _pop_events(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        """The round of the loop: what the API brought is acted upon when the log has been read after it."""
        if self._resuming:
            return self._read_before(instance, run_id, seen_storage_ids)
        # Where the rest of a round takes long, as without a whole processor, it must not be most of the time.
        elsewhere = time.monotonic() - self._left_at - self._slept
        until = time.monotonic() + min(max(_SLICE, elsewhere), _LONGEST_SLICE)
        self._brought.collect(self._supervisor)
        kept: Sequence[DagsterEvent] = ()
        is_time = time.monotonic() - self._read_at >= self._usual_sleep
        if self._brought.anything or self._is_behind or is_time or not self._supervisor.has_more_to_do:
            kept = self._read(instance, run_id, seen_storage_ids)
        self._supervisor.notes.safely(lambda: self._supervisor.go_on(until), _THE_STEPS)
        # What is wrong with one step fails that step; whatever else keeps steps from starting ends the run.
        self._supervisor.launch_some(until)
        late, self._late = self._late, []
        self._left_at = time.monotonic()
        hurries = self._is_behind or self._supervisor.has_more_to_do
        self._next_sleep = min(_MOMENT, self._usual_sleep) if hurries else self._usual_sleep
        found = [*kept, *self._history.fold(late, resuming=False)]
        self._known.see(found)
        return found

    def _read_before(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        """Read all that a run worker before this one has left: the loop takes in nothing else of it."""
        self._resuming = False
        events: list[DagsterEvent] = []
        while more := super()._pop_events(instance, run_id, seen_storage_ids):
            events.extend(more)
        self._seen_storage_ids = seen_storage_ids
        return self._history.fold(events, resuming=True)

    def _read(
        self, instance: dg.DagsterInstance, run_id: str, seen_storage_ids: set[int]
    ) -> Sequence[DagsterEvent]:
        """Read a page of the event log, and act upon what the API brought once there is no other.

        A step's own ending, in the next page, must come before any diagnosis of it.
        """
        offset = self._get_pop_events_offset(instance)
        if not offset and os.environ.get(_PAGE_VARIABLE) is None:
            self._pop_events_limit = _PAGE
        known, cursor = len(seen_storage_ids), self._event_cursor
        events = super()._pop_events(instance, run_id, seen_storage_ids)
        new = len(seen_storage_ids) - known
        self._seen_storage_ids = seen_storage_ids
        # Where Dagster reads events again, a page without new ones moves on by half of it.
        self._is_behind = new >= self._pop_events_limit or (
            bool(offset) and (new > 0 if self._brought.anything else not new and cursor != self._event_cursor)
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
        found = self._missed(step_key, lambda _event: True)
        self._late.extend(found)
        return any(map(ends_step, found))

    def _missed(self, step_key: str, is_wanted: Callable[[DagsterEvent], bool]) -> list[DagsterEvent]:
        """What the event log has of the endings of a step that nobody has read: the cursor has passed it."""
        endings = endings_of(self._plan_context.instance, self._plan_context.run_id, step_key)
        found = {
            storage_id: event
            for storage_id, event in endings
            if storage_id not in self._seen_storage_ids and is_wanted(event)
        }
        self._seen_storage_ids.update(found)
        return list(found.values())

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
        self._next_sleep = min(_MOMENT, self._usual_sleep)
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

    def _rules(self, context: StepHandlerContext, key: str) -> Rules:
        allowed = not self.retries.disabled
        ladder = ladder_of_step(context.step_tags[key], self._settings.memory_ladder)
        return Rules(
            policy=policy_of(context.get_step_context(key)) if allowed else None,
            ladder=ladder if self.retries.enabled else None,
            # Deferred retries are a parent run's to make, and it knows the op's policy alone.
            disruption_retries=self._settings.disruption_retries if self.retries.enabled else 0,
            allowed=allowed,
            may_move=self.retries.enabled and runs_in_of_step(context.step_tags[key]) is None,
        )

    def _is_in_run_pod(self, context: StepHandlerContext) -> bool:
        (key,) = context.execute_step_args.step_keys_to_execute or []
        step = self._plan_steps[key]
        if self._history.attempts[key].own_pod:
            return False

        def usage() -> Iterable[Usage]:
            # A storage that cannot say what earlier runs took must not keep a step from starting.
            found = self._supervisor.notes.safely(
                lambda: [*self._history.usage.of(key), *islice(self._before.usage(step), _ATTEMPTS_THAT_COUNT)],
                "What steps took cannot be read",
            )
            return found or []

        return self.placement.is_in_run_pod(step.op_name, context.step_tags[key], node_of(step), usage)

    def _track(self, context: StepHandlerContext, job_name: str, namespace: str) -> TrackedStep:
        """What the supervisor keeps of a step."""
        (key,) = context.execute_step_args.step_keys_to_execute or []
        problem = None
        try:
            rules = self._rules(context, key)
            timeout = start_timeout_of_step(context.step_tags[key], self._settings.start_timeout)
        except K8sConfigError as error:
            rules = Rules(None, None, 0)
            timeout, problem = None, error
        contexts = partial(self._plan_context.for_step, self._plan_steps[key])
        step = TrackedStep(contexts, job_name, namespace, rules, timeout, time.monotonic())
        step.problem = problem
        if problem is None:
            step.learned = self._learned(key, rules)
        return step

    def _learned(self, key: str, rules: Rules) -> tuple[Memory, str] | None:
        attempts, ladder = self._history.attempts[key], rules.ladder
        if ladder is None or not ladder.learn or attempts.made or attempts.memory is not None:
            return None
        # A storage that cannot say what was learned must not keep a step from starting.
        found = self._supervisor.notes.safely(
            lambda: self._before.worked(self._plan_steps[key]), "What earlier runs learned cannot be read"
        )
        # The maximum may have been lowered since.
        return (ladder.capped(found[0]), found[1]) if found is not None else None


@dataclass
class _Brought:
    """What the API has brought since the event log was last read to its end.

    Args:
        launched: Launches that have been decided.
        look: A look.
        has_ended: Whether processes in the run's pod have ended.
        since: When the first of it came, by `time.monotonic`.
    """

    launched: list[Launched] = field(default_factory=list)
    look: Look | None = None
    has_ended: bool = False
    since: float = 0.0

    @property
    def anything(self) -> bool:
        """Whether there is something to act upon."""
        return bool(self.launched) or self.look is not None or self.has_ended

    def collect(self, supervisor: Supervisor) -> None:
        """Take what there is by now."""
        if not self.anything:
            self.since = time.monotonic()
        launched, look = supervisor.collect()
        self.launched.extend(launched)
        self.look = look or self.look
        self.has_ended = supervisor.run_pod.collect() or self.has_ended

    def take(self) -> tuple[list[Launched], Look | None]:
        """What the supervisor acts upon."""
        launched, look = self.launched, self.look
        self.launched, self.look, self.has_ended = [], None, False
        return launched, look
