"""What a round of the loop does in a large run: counted, for a machine may be slow.

`benchmarks/bench_scale.py` measures how long it takes.
"""

from __future__ import annotations

import gc
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._core.execution.plan.outputs import StepOutputData, StepOutputHandle
from dagster._core.log_manager import DagsterLogHandler
from kubernetes.config import new_client_from_config
from plays import Play
from step_runs import eventually

import dagster_plus_k8s_helpers.executor.loop as loop_module
import dagster_plus_k8s_helpers.executor.outcomes as outcomes_module
from dagster_plus_k8s_helpers._dagster import paged_executor
from dagster_plus_k8s_helpers._dagster.endings import endings_of
from dagster_plus_k8s_helpers._dagster.late_events import LateEvents
from dagster_plus_k8s_helpers.cluster.calls import Cluster
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.events.attempts import Rules
from dagster_plus_k8s_helpers.executor.events.endings import Endings
from dagster_plus_k8s_helpers.executor.events.history import History
from dagster_plus_k8s_helpers.executor.events.outputs import OutputsRead
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
from dagster_plus_k8s_helpers.executor.events.usage_events import UsageEvents
from dagster_plus_k8s_helpers.executor.garbage import short_collections
from dagster_plus_k8s_helpers.executor.launching.launches import Launch, Launched
from dagster_plus_k8s_helpers.executor.launching.preparing import Preparing
from dagster_plus_k8s_helpers.executor.looking.observation import Look, Observation
from dagster_plus_k8s_helpers.executor.outcomes import Outcomes
from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
from dagster_plus_k8s_helpers.executor.supervisor import Supervisor
from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from api_server import ApiServer
    from step_runs import StepRun

MANY = 2_000
LONG_AGO = 0.0


class Asked(History):
    """Counts how often it is asked about a step."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def is_open(self, step_key: str) -> bool:
        self.asked += 1
        return super().is_open(step_key)


@pytest.fixture
def history() -> Asked:
    return Asked()


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the steps that something was decided about, in order."""
    keys: list[str] = []
    take = Outcomes.take

    def note(self: Outcomes, key: str, step: TrackedStep, seen: Observation | None) -> None:
        keys.append(key)
        take(self, key, step, seen)

    monkeypatch.setattr(Outcomes, "take", note)
    return keys


@pytest.fixture
def supervisor(api_server: ApiServer, history: Asked) -> Iterator[Supervisor]:
    """It watches over many steps that run, and looks at them once an hour."""
    run: Any = SimpleNamespace(dagster_run=SimpleNamespace(tags={}))
    supervisor = Supervisor(
        Cluster(new_client_from_config(str(api_server.kubeconfig)), 20.0),
        "run",
        ExecutorSettings(health_check_interval=3600.0),
        history,
        SimpleNamespace(),  # type: ignore[arg-type]
        namespace=lambda: "default",
        has_ended=lambda _key: False,
        usage=UsageEvents(run, history, lambda _key: None, record=True),
    )
    for number in range(MANY):
        supervisor.adopt(key(number), tracked(number), relaunch=lambda: None)
    supervisor._looks._next = float("inf")
    yield supervisor
    supervisor.close()


def key(number: int) -> str:
    return f"s{number}"


def tracked(number: int) -> TrackedStep:
    context: Any = SimpleNamespace()
    return TrackedStep(
        lambda: context, f"job-{number}", "default", Rules(None, None, 2), 600.0, time.monotonic()
    )


def made(name: str, *, is_required: bool = True, is_dynamic: bool = False) -> Any:
    return SimpleNamespace(name=name, is_required=is_required, is_dynamic=is_dynamic)


def output(name: str) -> DagsterEvent:
    handle = StepOutputHandle("a", name)
    return DagsterEvent("STEP_OUTPUT", "job", step_key="a", event_specific_data=StepOutputData(handle))


def look() -> Look:
    return Look({f"job-{number}": Observation(None, started=True) for number in range(MANY)})


def success(number: int) -> list[DagsterEvent]:
    metadata = {"Kubernetes Job name": f"job-{number}"}
    starting = EngineEventData(metadata=metadata)  # type: ignore[arg-type]
    return [
        DagsterEvent("STEP_WORKER_STARTING", "job", step_key=key(number), event_specific_data=starting),
        DagsterEvent("STEP_SUCCESS", "job", step_key=key(number), event_specific_data=StepSuccessData(1.0)),
    ]


def test_a_round_in_which_nothing_happens_touches_no_step(
    supervisor: Supervisor, history: Asked, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervisor, "_watched", lambda _self: pytest.fail("nobody looks"))
    history.asked = 0

    supervisor.act([], None)
    supervisor.go_on(LONG_AGO)

    assert (history.asked, taken) == (0, [])
    assert not supervisor.has_more_to_do


def test_a_round_touches_the_steps_that_have_ended(supervisor: Supervisor, history: Asked) -> None:
    history.fold([*success(3), *success(5)], resuming=False)
    history.asked = 0

    supervisor.act([], None)

    assert history.asked == 2
    assert (supervisor.step("s3"), supervisor.step("s5")) == (None, None)
    assert len(supervisor.open_steps()) == MANY - 2


def test_a_step_that_is_launched_again_is_not_forgotten_for_its_first_end(
    supervisor: Supervisor, history: Asked
) -> None:
    history.fold(success(3), resuming=False)
    history.launched("s3")

    supervisor.act([], None)

    assert supervisor.step("s3") is not None


def test_a_look_is_taken_in_in_slices_and_each_step_once(supervisor: Supervisor, taken: list[str]) -> None:
    supervisor.act([], look())
    slices = 0
    while supervisor.has_more_to_do:
        before = len(taken)
        supervisor.go_on(LONG_AGO)
        slices += 1
        assert len(taken) - before <= 50

    assert taken == [key(number) for number in range(MANY)]
    assert slices >= MANY / 50


def test_a_step_that_ends_between_two_slices_is_left_alone(
    supervisor: Supervisor, history: Asked, taken: list[str]
) -> None:
    supervisor.act([], look())
    supervisor.go_on(LONG_AGO)
    history.fold(success(MANY - 1), resuming=False)
    supervisor.forget_ended()

    supervisor.go_on(float("inf"))

    assert taken == [key(number) for number in range(MANY - 1)]


def test_nobody_looks_before_the_last_look_is_taken_in(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    monkeypatch.setattr(supervisor._looks, "begin", lambda watched: begun.append(len(watched)))

    supervisor.act([], look())
    supervisor._looks.soon()
    supervisor.act([], None)
    assert begun == []

    supervisor.go_on(float("inf"))
    supervisor.act([], None)
    assert begun == [MANY]


def test_usage_is_written_one_event_at_a_time_and_waited_for_until_then(
    supervisor: Supervisor, history: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(UsageEvents, "_write", lambda _self, _step, usage: written.append(usage.job))
    monkeypatch.setattr(supervisor._ended._usage, "_step_of", lambda key: key)
    history.fold([*success(0), *success(1)], resuming=False)
    usage = {name: Usage(job=name, memory_peak_bytes=1) for name in ("job-0", "job-1")}

    supervisor.act([], None)
    supervisor.act([], Look(usage=usage, remains=dict.fromkeys(usage)))
    awaited = []
    while supervisor.has_more_to_do:
        supervisor.go_on(LONG_AGO)
        awaited.append((len(written), supervisor._ended._usage.awaited_of("s1")))

    assert awaited[:2] == [(1, "job-1"), (2, None)]
    assert written == ["job-0", "job-1"]


def test_steps_are_prepared_by_priority_one_at_least_and_as_many_as_there_is_room_for() -> None:
    launched: list[str] = []
    preparing = Preparing(lambda: len(launched), most=4)
    for name, priority in (("a", 0), ("b", 5), ("c", 0), ("d", 5), ("e", -1)):
        preparing.add(priority, lambda name=name: launched.append(name))  # type: ignore[misc]

    preparing.launch(LONG_AGO)
    assert launched == ["b"]

    preparing.launch(float("inf"))
    assert launched == ["b", "d", "a", "c"]
    assert not preparing.is_due

    launched.clear()
    assert preparing.is_due
    preparing.clear()
    preparing.launch(float("inf"))
    assert launched == []


def test_a_round_reads_one_page_and_the_run_ends_as_ever(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paged_executor, "_PAGE", 2)
    pages: list[int] = []
    read = run.instance.get_records_for_run

    def note(run_id: str, *arguments: Any, **named: Any) -> Any:
        found = read(run_id, *arguments, **named)
        pages.append(len(found.records))
        return found

    monkeypatch.setattr(run.instance, "get_records_for_run", note)
    run.start({"a": {}, "b": {"after": ["a"]}, "c": {"does": "fail"}}, {})

    assert not run.finish()
    assert [len(run.events("STEP_SUCCESS", step)) for step in "ab"] == [1, 1]
    assert len(run.events("STEP_FAILURE", "c")) == 1
    assert max(pages) == 2


def test_steps_in_pods_keep_no_logging_handlers(run: StepRun) -> None:
    """Python goes through all that are kept whenever one is dropped."""

    def kept() -> int:
        handlers = [reference() for reference in logging._handlerList]  # type: ignore[attr-defined]
        return sum(isinstance(handler, DagsterLogHandler) for handler in handlers)

    before, steps = kept(), {key(number): {} for number in range(20)}
    for name in steps:
        run.server.play(name, Play("running", runs=False))
    run.start(steps, {})
    eventually(lambda: len(run.server.live_jobs()) == len(steps))

    more = kept() - before
    for name in steps:
        run.server.of_step(name)[0].release(Play("exit-3", runs=False))
    run.finish()
    assert more < len(steps)


def test_what_outlives_a_collection_of_garbage_is_not_gone_through_again() -> None:
    kept: list[list[object]] = []
    with short_collections():
        frozen = gc.get_freeze_count()
        kept += [[number] for number in range(1_000)]
        gc.collect()
        assert gc.get_freeze_count() >= frozen + len(kept)
        gc.collect(1)
        callbacks = len(gc.callbacks)

    assert gc.get_freeze_count() == 0
    assert len(gc.callbacks) == callbacks - 1


def test_a_launch_waits_for_an_event_log_that_is_away(run: StepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    write, away = LateEvents.write, iter([True, True])

    def fails_at_first(events: LateEvents) -> None:
        if next(away, False):
            raise OSError("it is away")
        write(events)

    monkeypatch.setattr(LateEvents, "write", fails_at_first)
    run.start({"a": {}}, {})

    assert run.finish(), run.messages()
    assert len(run.events("STEP_WORKER_STARTING", "a")) == 1
    assert run.said("cannot be reached") == []


def test_a_log_that_never_ends_holds_up_no_failure(run: StepRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where events may show late, each new one has the log read once more before anything is done."""
    monkeypatch.setattr(loop_module, "_LONGEST_BEHIND", 0.5)
    monkeypatch.setenv("DAGSTER_EXECUTOR_POP_EVENTS_OFFSET", "20")
    read = run.instance.get_records_for_run

    def goes_on(run_id: str, *arguments: Any, **named: Any) -> Any:
        run.instance.report_engine_event("One more.", run.status)
        return read(run_id, *arguments, **named)

    monkeypatch.setattr(run.instance, "get_records_for_run", goes_on)
    run.start({"a": {"does": "exit"}}, {})

    assert not run.finish()
    assert len(run.events("STEP_FAILURE", "a")) == 1


def test_what_ended_a_step_is_found_behind_any_number_of_newer_events(run: StepRun) -> None:
    assert run.start({"a": {}, "b": {"after": ["a"]}}, {}).finish()

    found = endings_of(run.instance, run.run_id, "a")

    assert [event.event_type_value for _, event in found] == ["STEP_OUTPUT", "STEP_SUCCESS"]
    assert {event.step_key for _, event in found} == {"a"}
    ids = {record.storage_id for record in run.instance.get_records_for_run(run.run_id).records}
    assert {storage_id for storage_id, _ in found} <= ids


def test_an_output_that_the_cursor_passed_makes_no_step_skip(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row had an id before that of another one, and was committed after it."""
    read = run.instance.get_records_for_run

    def passes(run_id: str, *arguments: Any, **named: Any) -> Any:
        found = read(run_id, *arguments, **named)
        outputs = [
            record
            for record in found.records
            if record.event_log_entry.is_dagster_event
            and record.event_log_entry.get_dagster_event().is_successful_output
        ]
        return found._replace(records=[record for record in found.records if record not in outputs])

    monkeypatch.setattr(run.instance, "get_records_for_run", passes)
    run.start({"a": {}, "b": {"after": ["a"]}}, {})

    assert run.finish()
    assert [len(run.events("STEP_SUCCESS", step)) for step in "ab"] == [1, 1]
    assert run.events("STEP_SKIPPED") == []


@pytest.mark.parametrize(
    ("outputs", "read", "is_cheap", "asks"),
    [
        ([made("result")], ["result"], True, False),
        ([made("result")], [], False, True),
        ([made("result"), made("other", is_required=False)], ["result"], True, True),
        ([made("result"), made("other", is_required=False)], ["result"], False, False),
        ([made("keys", is_dynamic=True)], ["keys", "keys"], True, True),
        ([made("keys", is_dynamic=True)], ["keys"], False, False),
        ([], [], True, False),
    ],
)
def test_for_outputs_of_which_steps_the_log_is_asked(
    outputs: list[Any], read: list[str], *, is_cheap: bool, asks: bool
) -> None:
    missed, step = output("missed"), SimpleNamespace(step_outputs=outputs)
    known = OutputsRead(lambda _key: step, lambda _key: [missed], is_cheap=is_cheap)  # type: ignore[arg-type,return-value]
    success = DagsterEvent("STEP_SUCCESS", "job", step_key="a", event_specific_data=StepSuccessData(1.0))

    found = [*known.complete([output(name) for name in read]), *known.complete([success])]

    assert found[len(read) :] == [missed, success] if asks else [success]
    assert len(found) == len(read) + 1 + asks


def test_a_failure_that_could_not_be_written_is_written_later(
    supervisor: Supervisor, history: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, written = iter([OSError("away"), None, None]), []

    def failed(context: object, *_said: object, **_shown: object) -> None:
        if (error := next(tries)) is not None:
            raise error
        written.append(context)

    monkeypatch.setattr(supervisor.reports, "failed", failed, raising=False)
    monkeypatch.setattr(supervisor.reports, "limitation", lambda _said: None, raising=False)
    refused = Diagnosis(DiagnosisKind.JOB_REFUSED, "No.", retryable=False)
    steps = [supervisor.step(key(number)) for number in (0, 1)]
    launched = [
        Launched(Launch(key(number), "default", f"job-{number}", build=object), refused) for number in (0, 1)
    ]

    supervisor.act(launched, None)
    assert [step.failing for step in steps if step is not None] == [False, True]
    supervisor.act([], None)
    supervisor.act([], None)

    assert written == [step.context for step in reversed(steps) if step is not None]


def test_a_complete_job_without_a_result_is_given_time_however_often_it_is_looked_at(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[DiagnosisKind] = []
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(outcomes_module, "time", SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(Endings, "end", lambda _self, _key, _step, diagnosis: ended.append(diagnosis.kind))
    step, seen = supervisor.step(key(0)), Observation(None, succeeded=True, started=True)
    assert step is not None

    for clock.now in (100.0, 100.5, 101.0, 109.5):
        supervisor._outcomes.take(key(0), step, seen)
    assert ended == []
    clock.now = 110.0
    supervisor._outcomes.take(key(0), step, seen)

    assert ended == [DiagnosisKind.NO_RESULT]


def test_a_launch_whose_event_the_cursor_passed_is_known_all_the_same(history: Asked) -> None:
    history.launched_in("a", "job-a")

    assert history.is_open("a")
    assert history.is_announced("a")
    assert history.attempt_of == {"job-a": ("a", 1)}

    history.fold(
        [DagsterEvent("STEP_SUCCESS", "job", step_key="a", event_specific_data=StepSuccessData(1.0))],
        resuming=False,
    )

    assert history.ended_jobs == {"job-a": "a"}
    assert not history.is_announced("a")
