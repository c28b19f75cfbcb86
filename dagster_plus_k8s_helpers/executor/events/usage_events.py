"""Writes what each attempt of a step took, once its container has ended: one event for a Job."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import dagster as dg

from dagster_plus_k8s_helpers._dagster.execution import DagsterEvent, EngineEventData, asset_keys_of
from dagster_plus_k8s_helpers._dagster.late_events import LateEvents
from dagster_plus_k8s_helpers.executor.events.late_writer import LateWriter
from dagster_plus_k8s_helpers.executor.events.usage_words import usage_said
from dagster_plus_k8s_helpers.executor.looking.remains import Watched
from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster_plus_k8s_helpers._dagster.execution import (
        ExecutionStep,
        IStepContext,
        PlanOrchestrationContext,
    )
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.looking.observation import Look
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["LAST_SECONDS", "UsageEvents"]

LAST_SECONDS = 5.0
"""How long the end of a run may wait for the containers of its last steps to end."""

_PAUSE = 0.05
_PARTITION_TAG = "dagster/partition"


class UsageEvents:
    """Writes usage; used by the thread of the executor's loop.

    Args:
        plan_context: Of the run.
        history: What the event log says of the steps: a resumed run worker writes nothing twice.
        step_of: The step of a key; ``None`` when it is not known here.
        record: Whether anything is written, and whether observations of assets are.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        plan_context: PlanOrchestrationContext,
        history: History,
        step_of: Callable[[str], ExecutionStep | None],
        record: bool | Literal["asset"],  # noqa: FBT001 - a setting with a third value
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan_context, self._history, self._step_of = plan_context, history, step_of
        self._record, self._clock = record, clock
        self._partition = plan_context.dagster_run.tags.get(_PARTITION_TAG)
        self._awaited: dict[str, str] = {}
        self._writer = LateWriter()

    def watched(self) -> list[Watched]:
        """The Jobs of steps that have ended, to be looked at until their containers have, too."""
        return [Watched(name, namespace, 0.0, ended=True) for name, namespace in self._awaited.items()]

    def add(self, job_name: str, namespace: str) -> None:
        """Wait for the usage of a step that has ended."""
        if self._record and job_name not in self._history.measured:
            self._awaited[job_name] = namespace

    def awaited_of(self, step_key: str) -> str | None:
        """The Job of a step's last attempt, while its usage is waited for."""
        return next(
            (name for name in self._awaited if self._history.attempt_of.get(name, ("", 0))[0] == step_key),
            None,
        )

    def see(self, look: Look) -> None:
        """Write what a look has found out."""
        for _ in self.taking(look):
            pass

    def taking(self, look: Look) -> Iterator[object]:
        """The same, in parts of one event.

        What is to be written is waited for until it has been.
        """
        if not self._record:
            return
        # A launch is in the event log before its Job is there.
        new = [
            name
            for name in look.usage
            if name not in self._history.measured and name in self._history.attempt_of
        ]
        unwritten = {*new, *look.running}
        self._awaited = {
            name: namespace
            for name, namespace in self._awaited.items()
            if name in unwritten or name not in look.remains
        }
        for name in new:
            if name in look.remains:
                self._awaited.pop(name, None)
            self._history.measured.add(name)
            key, attempt = self._history.attempt_of[name]
            if (step := self._step_of(key)) is not None:
                self._write(step, replace(look.usage[name], attempt=attempt, partition=self._partition))
            yield None
        self._writer.check()

    def write(self, step_key: str, usage: Usage) -> None:
        """Write what an attempt took that has no pod of its own to look at.

        Args:
            step_key: Of the step.
            usage: What it took.
        """
        if not self._record or usage.job in self._history.measured:
            return
        self._history.measured.add(usage.job)
        if (step := self._step_of(step_key)) is not None:
            self._write(step, replace(usage, partition=self._partition))

    def settle(
        self, look: Callable[[], object], is_interrupted: Callable[[], bool], seconds: float = LAST_SECONDS
    ) -> None:
        """Wait for the last steps' usage.

        Args:
            look: Takes looks, and brings what they found here.
            is_interrupted: Whether the run worker has been told to end: then nothing is waited for.
            seconds: How long at most.
        """
        began = self._clock()
        while self._awaited and not is_interrupted() and self._clock() - began < seconds:
            time.sleep(_PAUSE)
            look()
        if not is_interrupted():
            self._writer.finish(seconds - (self._clock() - began))
        self._writer.check()

    def close(self, *, wait: bool) -> None:
        """Write no more.

        Args:
            wait: Whether what is being written is waited for.
        """
        self._writer.close(wait=wait)

    def _write(self, step: ExecutionStep, usage: Usage) -> None:
        """Write what an attempt took.

        Nobody waits for what a step took that has succeeded. A cursor may pass such an event, which is
        written beside the loop, so it is known at once. What another step took may size its next attempt.
        """
        events = LateEvents()
        self._log(events.context(self._plan_context.for_step(step)), step, usage)
        if step.key in self._history.succeeded:
            self._history.usage.note(step.key, usage.to_metadata())
            self._writer.write(events)
        else:
            events.write()

    def _log(self, context: IStepContext, step: ExecutionStep, usage: Usage) -> None:
        said = usage.to_metadata()
        DagsterEvent.engine_event(context, usage_said(step.key, usage), EngineEventData(metadata=said))
        if self._record != "asset":
            return
        numbers = {name: value for name, value in said.items() if name not in {USAGE_OF, "partition"}}
        for key in asset_keys_of(step):
            observation = dg.AssetObservation(asset_key=key, partition=usage.partition, metadata=numbers)
            DagsterEvent.asset_observation(context, observation)
