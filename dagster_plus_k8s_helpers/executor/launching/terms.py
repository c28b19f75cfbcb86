"""On which terms a step is launched: how it is retried, how long it may wait, and in which pod it runs."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.execution import policy_of
from dagster_plus_k8s_helpers._dagster.step_facts import node_of
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.executor.events.attempts import Rules
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
from dagster_plus_k8s_helpers.executor.settings import runs_in_of_step, start_timeout_of_step
from dagster_plus_k8s_helpers.sizing.memory_ladder import ladder_of_step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dagster_plus_k8s_helpers._dagster.execution import (
        ExecutionStep,
        PlanOrchestrationContext,
        RetryMode,
        StepHandlerContext,
    )
    from dagster_plus_k8s_helpers.executor.beside.placement import Placement
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.notes import Notes
    from dagster_plus_k8s_helpers.executor.events.usage_history import UsageHistory
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["Terms"]

# Of what a step took in earlier runs, for whether it is small.
_ATTEMPTS_THAT_COUNT = 20


class Terms:
    """Knows them for the steps of one run; used by the thread of the executor's loop.

    Args:
        plan_context: Of the run.
        steps: Those that have come to a launch, by key.
        settings: Of the executor.
        retries: Whether it launches steps again.
        placement: Says which steps run in the run's pod.
        history: What the event log of the run says of its steps.
        before: What earlier runs know.
        notes: Where it is told what cannot be read of that.
    """

    def __init__(
        self,
        plan_context: PlanOrchestrationContext,
        steps: Mapping[str, ExecutionStep],
        settings: ExecutorSettings,
        retries: RetryMode,
        placement: Placement,
        *,
        history: History,
        before: UsageHistory,
        notes: Notes,
    ) -> None:
        self._plan_context, self._steps = plan_context, steps
        self._settings, self._retries, self._placement = settings, retries, placement
        self._history, self._before, self._notes = history, before, notes

    def of(self, key: str, context: StepHandlerContext, job_name: str, namespace: str) -> TrackedStep:
        """What the supervisor keeps of an attempt.

        Args:
            key: Key of the step.
            context: What Dagster launches it with.
            job_name: Its Job.
            namespace: Where the Job is.
        """
        tags, problem = context.step_tags[key], None
        try:
            rules = self._rules(context, key)
            timeout = start_timeout_of_step(tags, self._settings.start_timeout)
        except K8sConfigError as error:
            rules = Rules(None, None, 0)
            timeout, problem = None, error
        contexts = partial(self._plan_context.for_step, self._steps[key])
        step = TrackedStep(contexts, job_name, namespace, rules, timeout, time.monotonic())
        step.problem = problem
        if problem is None:
            step.learned = self._learned(key, rules)
        return step

    def is_in_run_pod(self, key: str, context: StepHandlerContext) -> bool:
        """Whether an attempt runs in the run's pod.

        Args:
            key: Key of the step.
            context: What Dagster launches it with.

        Raises:
            K8sConfigError: Its tag says neither.
            SelectionError: The executor's selection is not in Dagster's selection syntax.
        """
        step = self._steps[key]
        if self._history.attempts[key].own_pod:
            return False

        def usage() -> Iterable[Usage]:
            # A storage that cannot say what earlier runs took must not keep a step from starting.
            found = self._notes.safely(
                lambda: [
                    *self._history.usage.of(key),
                    *islice(self._before.usage(step), _ATTEMPTS_THAT_COUNT),
                ],
                "What steps took cannot be read",
            )
            return found or []

        return self._placement.is_in_run_pod(step.op_name, context.step_tags[key], node_of(step), usage)

    def _rules(self, context: StepHandlerContext, key: str) -> Rules:
        tags, retries, allowed = context.step_tags[key], self._retries, not self._retries.disabled
        ladder = ladder_of_step(tags, self._settings.memory_ladder)
        return Rules(
            policy=policy_of(context.get_step_context(key)) if allowed else None,
            ladder=ladder if retries.enabled else None,
            # Deferred retries are a parent run's to make, and it knows the op's policy alone.
            disruption_retries=self._settings.disruption_retries if retries.enabled else 0,
            allowed=allowed,
            may_move=retries.enabled and runs_in_of_step(tags) is None,
        )

    def _learned(self, key: str, rules: Rules) -> tuple[Memory, str] | None:
        attempts, ladder = self._history.attempts[key], rules.ladder
        if ladder is None or not ladder.learn or attempts.made or attempts.memory is not None:
            return None
        # A storage that cannot say what was learned must not keep a step from starting.
        found = self._notes.safely(
            lambda: self._before.worked(self._steps[key]), "What earlier runs learned cannot be read"
        )
        # The maximum may have been lowered since.
        return (ladder.capped(found[0]), found[1]) if found is not None else None
