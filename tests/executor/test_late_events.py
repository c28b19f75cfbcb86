"""Events that are kept when Dagster logs them, and written later, once, on whichever thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context_creation_job import (
    PlanOrchestrationContextManager,
    orchestration_context_event_generator,
)
from dagster._core.execution.plan.step import ExecutionStep

from dagster_plus_k8s_helpers._dagster.late_events import LateEvents
from dagster_plus_k8s_helpers._dagster.step_arguments import LateContext

if TYPE_CHECKING:
    from collections.abc import Iterator


def make_job() -> dg.JobDefinition:
    @dg.op
    def train() -> None: ...

    @dg.job(executor_def=dg.in_process_executor)
    def trains() -> None:
        train()

    return trains


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def late(instance: dg.DagsterInstance) -> Iterator[LateContext]:
    """The context of a step that is to be launched."""
    job = dg.reconstructable(make_job)
    run = instance.create_run_for_job(job.get_definition())
    plan = create_execution_plan(job)
    manager = PlanOrchestrationContextManager(
        orchestration_context_event_generator, job, plan, {}, run, instance
    )
    list(manager.prepare_context())
    step = plan.get_step_by_key("train")
    assert isinstance(step, ExecutionStep)
    yield LateContext(manager.get_context(), step, lambda: pytest.fail("nobody asked for arguments"))
    list(manager.shutdown_context())


def starting(context: LateContext) -> None:
    DagsterEvent.step_worker_starting(context.get_step_context("train"), "Executing step", metadata={})


def written(instance: dg.DagsterInstance) -> list[Any]:
    """The events of launches in the log of the only run."""
    (run,) = instance.get_runs()
    return [
        entry
        for entry in instance.all_logs(run.run_id)
        if entry.dagster_event is not None and entry.dagster_event.event_type_value == "STEP_WORKER_STARTING"
    ]


def test_what_is_kept_is_written_once_and_is_what_dagster_writes(
    instance: dg.DagsterInstance, late: LateContext
) -> None:
    events = LateEvents()
    starting(late.with_events_in(events))
    assert written(instance) == []

    thread = threading.Thread(target=events.write)
    thread.start()
    thread.join()
    events.write()
    starting(late)

    kept, at_once = written(instance)
    assert kept._replace(timestamp=0.0) == at_once._replace(timestamp=0.0)
    assert kept.timestamp <= at_once.timestamp
    assert kept.step_key == "train"


def test_an_event_that_could_not_be_written_is_written_when_it_is_tried_again(
    instance: dg.DagsterInstance, late: LateContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = LateEvents()
    starting(late.with_events_in(events))

    def away(*_arguments: object, **_named: object) -> None:
        raise OSError("the event log is away")

    with monkeypatch.context() as patch:
        patch.setattr(type(instance), "handle_new_event", away)
        with pytest.raises(OSError, match="the event log is away"):
            events.write()
    events.write()

    assert len(written(instance)) == 1


def test_the_context_of_a_step_is_made_once(late: LateContext) -> None:
    assert late.get_step_context("train") is late.get_step_context("train")
    assert late.step_key == "train"
    assert late.step_tags == {"train": {}}
