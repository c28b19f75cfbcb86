"""What a step's process is told of its run is what it reads, and Dagster reads nothing else."""

import inspect
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._cli.api import _execute_step_command_body
from dagster._core.events import DagsterEvent, StepRetryData
from dagster._core.execution.api import create_execution_plan
from dagster._core.execution.context.system import StepExecutionContext
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.execution.plan.state import KnownExecutionState, PastExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._grpc.types import ExecuteStepArgs
from dagster._utils.error import SerializableErrorInfo

from dagster_plus_k8s_helpers._dagster.step_arguments import KnownState, only_what_is_read, told_to

KEYS = ["k1", "k2", "k3"]
MADE = StepOutputHandle("numbers", "result", "k2")
DOUBLED = [StepOutputHandle(f"doubled[{key}]", "result") for key in KEYS]
SEEN: list[int] = []


@dg.op(out=dg.DynamicOut(int))
def numbers() -> Iterator[dg.DynamicOutput[int]]:
    for number, key in enumerate(KEYS):
        yield dg.DynamicOutput(number, mapping_key=key)


@dg.op
def doubled(number: int) -> int:
    return 2 * number


@dg.op
def summed(numbers: list[int]) -> int:
    SEEN.append(sum(numbers))
    return sum(numbers)


@dg.op
def alone() -> None: ...


def make_job() -> dg.JobDefinition:
    @dg.job
    def fans_out() -> None:
        summed(numbers().map(doubled).collect())

    return fans_out


def known(**more: Any) -> KnownExecutionState:
    """What a run of the job knows before the last step."""
    handles = {StepOutputHandle("numbers", "result", key) for key in KEYS}
    return KnownExecutionState(
        previous_retry_attempts={f"doubled[{key}]": 1 for key in KEYS},
        dynamic_mappings={"numbers": {"result": KEYS}},
        ready_outputs={*handles, *DOUBLED},
        **more,
    )


def step(key: str) -> ExecutionStep:
    plan = create_execution_plan(make_job(), known_state=known())
    found = plan.get_step_by_key(key)
    assert isinstance(found, ExecutionStep)
    return found


def test_a_mapped_step_is_told_of_its_own_key_input_and_retries() -> None:
    told = only_what_is_read(known(), step("doubled[k2]"))

    assert told.ready_outputs == {MADE}
    assert told.dynamic_mappings == {"numbers": {"result": ["k2"]}}
    assert told.previous_retry_attempts == {"doubled[k2]": 1}


def test_a_step_that_collects_is_told_of_all_that_it_collects() -> None:
    told = only_what_is_read(known(), step("summed"))

    assert told.ready_outputs == {*DOUBLED}
    assert told.dynamic_mappings == {"numbers": {"result": KEYS}}
    assert told.previous_retry_attempts == {}


def test_what_runs_before_made_is_told_as_far_as_it_is_an_input() -> None:
    first = PastExecutionState("first", {MADE, *DOUBLED}, None)
    second = PastExecutionState("second", {DOUBLED[0]}, first)

    told = only_what_is_read(known(parent_state=second), step("doubled[k2]")).parent_state

    assert told is not None
    assert (told.run_id, told.produced_outputs) == ("second", set())
    assert told.get_parent_state() == PastExecutionState("first", {MADE}, None)


@pytest.mark.parametrize(("free", "attempts", "verified"), [(0, 1, True), (1, 0, False)])
def test_free_attempts_are_not_told(free: int, attempts: int, *, verified: bool) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        arguments = arguments_of("doubled[k2]", "run", known(), instance)

    told = told_to(arguments, step("doubled[k2]"), free)

    assert told.known_state is not None
    assert told.known_state.previous_retry_attempts == {"doubled[k2]": attempts}
    assert told.should_verify_step is verified
    same = ("job_origin", "run_id", "step_keys_to_execute", "instance_ref", "retry_mode")
    assert [getattr(told, name) for name in same] == [getattr(arguments, name) for name in same]


def arguments_of(
    key: str, run_id: str, state: KnownExecutionState, instance: dg.DagsterInstance
) -> ExecuteStepArgs:
    return ExecuteStepArgs(
        job_origin=dg.reconstructable(make_job).get_python_origin(),
        run_id=run_id,
        step_keys_to_execute=[key],
        instance_ref=instance.get_ref() if not instance.is_ephemeral else None,
        known_state=state,
        should_verify_step=True,
    )


def test_the_processes_of_a_run_that_fans_out_do_what_they_did() -> None:
    """Each step as its process executes it, with what it is told and nothing else."""
    SEEN.clear()
    job = dg.reconstructable(make_job)
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job.get_definition(), job_code_origin=job.get_python_origin())
        state = known()._replace(previous_retry_attempts={})
        for key in ("numbers", *(handle.step_key for handle in DOUBLED), "summed"):
            told = only_what_is_read(state, step(key))
            list(_execute_step_command_body(arguments_of(key, run.run_id, told, instance), instance, run))
        ended = [
            event.step_key
            for entry in instance.all_logs(run.run_id)
            if (event := entry.dagster_event) is not None and event.is_step_success
        ]

    assert ended == ["numbers", "doubled[k1]", "doubled[k2]", "doubled[k3]", "summed"]
    assert SEEN == [6]


@pytest.mark.parametrize(
    ("owner", "used"),
    [
        (StepExecutionContext.can_load, ["step_output_handle in self.get_known_state().ready_outputs"]),
        (ActiveExecution.__init__, ["set(self._plan.known_state.ready_outputs)"]),
        (
            StepExecutionContext._get_source_run_id_from_logs,
            ["if step_output_handle in parent_state.produced_outputs:"],
        ),
    ],
)
def test_a_step_reads_of_what_is_known_what_was_looked_up(owner: object, used: list[str]) -> None:
    source = inspect.getsource(owner)  # type: ignore[arg-type]

    assert [part for part in used if part not in source] == []


def test_what_is_known_is_asked_for_again_only_when_something_else_than_outputs_came() -> None:
    @dg.job
    def fixed() -> None:
        alone()

    plan, error = create_execution_plan(fixed), SerializableErrorInfo("It failed.", [], "Exception")
    retry = DagsterEvent(
        "STEP_UP_FOR_RETRY", "fixed", step_key="alone", event_specific_data=StepRetryData(error)
    )
    known, active = KnownState(plan), ActiveExecution(plan, RetryMode.ENABLED)
    first = known.of(active)
    active.mark_step_produced_output(MADE)

    known.see([])
    assert known.of(active) is first
    assert MADE in first.ready_outputs
    known.see([retry])
    assert known.of(active) is not first


def test_what_is_known_is_asked_for_again_where_keys_of_dynamic_outputs_come() -> None:
    plan = create_execution_plan(make_job())
    asked: list[ActiveExecution] = []

    class Active:
        def __init__(self) -> None:
            self._step_outputs: set[StepOutputHandle] = set()

        def get_known_state(self) -> KnownExecutionState:
            asked.append(self)  # type: ignore[arg-type]
            return KnownExecutionState(ready_outputs=self._step_outputs)

    state, active = KnownState(plan), Active()
    for _ in range(2):
        state.of(active)  # type: ignore[arg-type]
        state.of(active)  # type: ignore[arg-type]
        state.see([])

    assert len(asked) == 2
