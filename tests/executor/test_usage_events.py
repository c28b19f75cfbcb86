"""What an attempt of a step took is one event of the run: from the step's process, by its pod's status, to the log."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import step_jobs
from cgroups import V1, V2, Tree
from dagster._core.execution.api import execute_run_iterator
from plays import Play
from scenarios import ends, failure_of, usage_in
from step_runs import StepRun, eventually

from dagster_plus_k8s_helpers._dagster.late_events import LateEvents
from dagster_plus_k8s_helpers.executor.events import usage_events
from dagster_plus_k8s_helpers.executor.events.history import History
from dagster_plus_k8s_helpers.executor.events.late_writer import LateWriter
from dagster_plus_k8s_helpers.executor.events.usage_events import LAST_SECONDS, UsageEvents
from dagster_plus_k8s_helpers.executor.events.usage_words import usage_said
from dagster_plus_k8s_helpers.executor.looking.observation import Look
from dagster_plus_k8s_helpers.executor.looking.used import used
from dagster_plus_k8s_helpers.rightsizing.history import read_history
from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster._core.events import DagsterEvent

MEBI, GIBI = 2**20, 2**30
MARK = "dagster-plus-k8s-usage"


@pytest.fixture(params=[V2, V1], autouse=True)
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    """What the steps' processes read of their containers."""
    tree = Tree(tmp_path / "cgroup", getattr(request, "param", V2))
    tree.set(used=300, inactive=100, anonymous=150, peak=400, cpu=0.0, periods=200, throttled=50)
    for name, path in tree.environment.items():
        monkeypatch.setenv(name, path)
    return tree


one_version = pytest.mark.parametrize("tree", [V2], indirect=True)


def usage_events_of(run: StepRun) -> list[DagsterEvent]:
    return [event for event in run.events("ENGINE_EVENT") if USAGE_OF in shown(event)]


def shown(event: DagsterEvent) -> dict[str, Any]:
    return {name: item.value for name, item in event.engine_event_data.metadata.items()}


def test_a_step_that_succeeds_says_what_it_took(run: StepRun) -> None:
    assert run.start({"train": {"memory": "1Gi"}, "other": {"after": ["train"]}}, {}).finish(), run.messages()

    train, other = usage_in(run)
    assert train == Usage(
        job=run.server.of_step("train")[0].name,
        memory_peak_bytes=200 * MEBI,
        memory_max_bytes=400 * MEBI,
        memory_anonymous_bytes=150 * MEBI,
        memory_limit_bytes=GIBI,
        memory_request_bytes=GIBI,
        cpu_seconds=0.0,
        cpu_throttled_share=0.25,
        wall_seconds=train.wall_seconds,
    )
    assert train.wall_seconds
    assert (other.memory_limit_bytes, other.memory_peak_bytes) == (None, 200 * MEBI)
    said = 'Step "train" used at most 200Mi of its 1Gi of memory and 0 cores on average (held back in 25% of its periods)'
    assert len(run.said(said, "train")) == 1
    # What a look costs without it, and no more.
    assert set(run.server.calls) <= {"POST jobs", "LIST jobs", "LIST pods", "LIST events", "GET jobs"}


@one_version
def test_each_attempt_is_told_before_the_next_is_launched(run: StepRun) -> None:
    for attempt in range(2):
        (run.folder / f"train.doomed.{attempt}").touch()
        killed = run.folder / f"train.allocated.{attempt}"
        run.server.play("train", Play("oom-killed", killed_at=killed), attempt=attempt)
    step = {"does": "allocate 1", "memory": "300Mi"}
    assert run.start({"train": step}, {"memory_ladder": {}}).finish(), run.messages()

    of = [(usage.attempt, usage.oom_killed, usage.memory_limit_bytes) for usage in usage_in(run)]
    assert of == [(1, True, 300 * MEBI), (2, True, 600 * MEBI), (3, False, 1200 * MEBI)]
    assert len({usage.job for usage in usage_in(run)}) == 3
    assert (
        len(
            run.said(
                'Step "train" needed more than its 300Mi of memory: the kernel killed it, or a process of it.'
            )
        )
        == 1
    )
    kinds = [
        "usage" if event.event_type_value == "ENGINE_EVENT" else event.event_type_value
        for event in run.events(step="train")
        if event.event_type_value in {"STEP_UP_FOR_RETRY", "STEP_WORKER_STARTING"}
        or (event.event_type_value == "ENGINE_EVENT" and USAGE_OF in shown(event))
    ]
    assert kinds == [
        *["STEP_WORKER_STARTING", "usage", "STEP_UP_FOR_RETRY"] * 2,
        "STEP_WORKER_STARTING",
        "usage",
    ]


@one_version
def test_usage_that_cannot_be_written_as_the_run_ends_is_told(
    run: StepRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = LateWriter.write

    class Away(LateEvents):
        def write(self) -> None:
            raise OSError("it is away")

    monkeypatch.setattr(LateWriter, "write", lambda self, _events: write(self, Away()))
    assert run.start({"train": {}}, {}).finish(), run.messages()

    assert usage_events_of(run) == []
    assert run.said("OSError: it is away") == ["What a step took could not be written: OSError: it is away"]


@one_version
def test_rightsize_reads_what_a_run_wrote(run: StepRun) -> None:
    assert run.start({"train": {"memory": "1Gi"}, "other": {}}, {}).finish(), run.messages()
    [record] = run.instance.get_run_records()

    found = read_history(run.instance, [record.dagster_run.job_name])

    assert [item.usage for item in found] == usage_in(run)
    assert {item.step for item in found} == {"train", "other"}


@one_version
def test_what_it_measured_is_no_cause_of_its_failure(run: StepRun) -> None:
    assert not run.start({"train": {"does": "exit"}}, {}).finish()

    assert failure_of(run, "train")["exit_code"] == 3
    assert len(usage_in(run)) == 1
    assert [message for message in run.messages() if MARK in message] == []
    assert "ended with exit code 3." in str(run.events("STEP_FAILURE", "train")[0].event_specific_data)


@one_version
@pytest.mark.parametrize("record", [True, False], ids=["an image without this package", "switched off"])
def test_where_nothing_is_measured_nothing_is_said(run: StepRun, *, record: bool) -> None:
    run.server.play("train", Play(own_file=not record))
    assert run.start({"train": {}}, {"record_usage": record}).finish(), run.messages()

    (job,) = run.server.of_step("train")
    assert usage_events_of(run) == []
    assert (job.message_file.read_text() if not record else "") == ""


@one_version
def test_switched_off_an_oom_is_told_as_a_failure_alone(run: StepRun) -> None:
    (run.folder / "train.doomed.0").touch()
    run.server.play("train", Play("oom-killed", killed_at=run.folder / "train.allocated.0"))
    assert not run.start(
        {"train": {"does": "allocate 1", "memory": "300Mi"}}, {"record_usage": False}
    ).finish()

    assert failure_of(run, "train")["kind"] == "OOMKilled"
    assert usage_events_of(run) == []


@one_version
@pytest.mark.parametrize("told", [True, False])
def test_another_run_worker_tells_what_is_not_told_yet_and_nothing_twice(run: StepRun, *, told: bool) -> None:
    run.describe({"a": {}, "b": {"does": "hold"}}, {"health_check_interval": 0.2 if told else 3600.0})
    run.start_worker()
    eventually(lambda: ends(run, "a") and run.began("b").exists(), "one has ended, one runs")
    if told:
        eventually(lambda: usage_in(run), "the usage of the first is told")
    run.worker.kill()
    run.worker.wait()
    assert len(usage_in(run)) == (1 if told else 0)
    run.go("b")

    list(execute_run_iterator(run.job(), run.status, run.instance, resume_from_failure=True))

    assert run.status.is_success, run.messages()
    names = [run.server.of_step(step)[0].name for step in ("a", "b")]
    assert sorted(usage.job for usage in usage_in(run)) == sorted(names)


class AssetRun(StepRun):
    """A run of a partition of assets."""

    def job(self) -> Any:
        return dg.reconstructable(step_jobs.make_asset_job)


@pytest.fixture
def asset_run(run: StepRun, monkeypatch: pytest.MonkeyPatch) -> Iterator[AssetRun]:
    run = AssetRun(run.instance, run.server, run.folder, monkeypatch)
    yield run
    run.abandon()


@one_version
def test_the_numbers_of_assets_are_observed_when_that_is_asked_for(asset_run: AssetRun) -> None:
    run = asset_run
    run.describe({}, {"record_usage": "asset"})
    job = run.job()
    created = run.instance.create_run_for_job(
        job.get_definition(), job_code_origin=job.get_python_origin(), tags={"dagster/partition": "eu"}
    )
    run.run_id = created.run_id

    list(execute_run_iterator(job, run.status, run.instance))

    assert run.status.is_success, run.messages()
    (usage,) = usage_in(run)
    assert usage.partition == "eu"
    for key in (dg.AssetKey(["ml", "model"]), dg.AssetKey(["ml", "score"])):
        (record,) = run.instance.fetch_observations(key, limit=9).records
        observed = record.event_log_entry.asset_observation
        assert observed is not None
        assert (record.partition_key, observed.partition) == ("eu", "eu")
        numbers = {name: item.value for name, item in observed.metadata.items()}
        assert numbers["memory_peak_bytes"] == 200 * MEBI
        assert numbers["attempt"] == 1
        assert all(isinstance(value, int | float) for value in numbers.values())


JOB: dict[str, Any] = {"spec": {"template": {"spec": {"containers": [{"name": "dagster"}]}}}}


def pod(
    message: str = "",
    reason: str = "Completed",
    resources: dict[str, Any] | None = None,
    whole: dict[str, Any] | None = None,
    **state: Any,
) -> dict[str, Any]:
    """A pod whose container has ended, beside one that was injected."""
    ended = {"terminated": {"exitCode": 0, "reason": reason, "message": message}}
    return {
        "metadata": {"name": "train-x"},
        "spec": {
            "containers": [{"name": "proxy"}, {"name": "dagster", "resources": resources or {}}],
            "resources": whole or {},
        },
        "status": {
            "containerStatuses": [
                {"name": "proxy", "state": {"terminated": {"message": said(memory_peak_bytes=9)}}},
                {"name": "dagster", "state": state or ended},
            ]
        },
    }


def said(**measured: Any) -> str:
    return json.dumps({MARK: 1, **measured}, separators=(",", ":"))


MEASURED = said(memory_peak_bytes=5)


@pytest.mark.parametrize(
    ("pod", "usage"),
    [
        (pod(MEASURED), Usage(job="j", memory_peak_bytes=5)),
        (pod(f"{MEASURED}   out of luck"), Usage(job="j", memory_peak_bytes=5)),
        (
            pod(MEASURED, resources={"limits": {"memory": "1Gi", "cpu": "1500m"}, "requests": {"cpu": "1"}}),
            Usage(
                job="j",
                memory_peak_bytes=5,
                memory_limit_bytes=GIBI,
                memory_request_bytes=GIBI,
                cpu_limit_cores=1.5,
                cpu_request_cores=1.0,
            ),
        ),
        (
            pod(MEASURED, whole={"limits": {"memory": "1500m"}, "requests": {"memory": "1"}}),
            Usage(job="j", memory_peak_bytes=5, memory_limit_bytes=2, memory_request_bytes=1),
        ),
        (pod(MEASURED, resources={"limits": {"memory": "much"}}), Usage(job="j", memory_peak_bytes=5)),
        (pod("", "OOMKilled"), Usage(job="j", oom_killed=True)),
        (pod(said(oom_killed=False), "OOMKilled"), Usage(job="j", oom_killed=True)),
        (pod(said(oom_killed=True)), Usage(job="j", oom_killed=True)),
        (pod("out of luck"), None),
        (pod(said(memory_peak_bytes="5")), None),
        (pod(running={"startedAt": "now"}), None),
        ({}, None),
    ],
    ids=[
        "measured",
        "beside a user's own",
        "with a size",
        "of the whole pod",
        "of no known form",
        "killed at once",
        "killed",
        "a process of it killed",
        "a user's own",
        "hostile",
        "runs",
        "evicted",
    ],
)
@one_version
def test_the_status_of_a_pod_says_what_its_step_took(pod: dict[str, Any], usage: Usage | None) -> None:
    assert used("j", pod, "dagster") == usage


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (
            Usage(
                memory_peak_bytes=round(3.2 * GIBI),
                memory_limit_bytes=4 * GIBI,
                cpu_seconds=436.8,
                cpu_limit_cores=2.0,
                cpu_throttled_share=0.12,
                wall_seconds=312.0,
            ),
            "used at most 3.2Gi of its 4Gi of memory and 1.4 of 2 cores on average (held back in 12% of its periods) in 312 s.",
        ),
        (
            Usage(
                oom_killed=True,
                memory_limit_bytes=4 * GIBI,
                memory_peak_bytes=round(3.9 * GIBI),
                wall_seconds=41.0,
            ),
            "needed more than its 4Gi of memory: the kernel killed it, or a process of it. It used at most 3.9Gi of its 4Gi of memory in 41 s.",
        ),
        (
            Usage(memory_peak_bytes=200 * MEBI, cpu_seconds=1.0, wall_seconds=4.0, cpu_throttled_share=0.001),
            "used at most 200Mi of memory and 0.25 cores on average in 4 s.",
        ),
        (
            Usage(
                memory_peak_bytes=1536, gpu_memory_peak_bytes=16 * GIBI, cpu_seconds=320.0, wall_seconds=10.0
            ),
            "used at most 1.5Ki of memory, 32 cores on average and 16Gi of GPU memory in 10 s.",
        ),
        (
            Usage(oom_killed=True, memory_limit_bytes=4 * GIBI),
            "needed more than its 4Gi of memory: the kernel killed it, or a process of it.",
        ),
        (
            Usage(oom_killed=True, memory_peak_bytes=GIBI, wall_seconds=2.0),
            "needed more memory than its node had left: the kernel killed it, or a process of it. It used at most 1Gi of memory in 2 s.",
        ),
        (Usage(wall_seconds=2.0), "ended, and what it used is not known."),
    ],
)
@one_version
def test_the_words(usage: Usage, words: str) -> None:
    assert usage_said("train", usage) == f'Step "train" {words}'


@one_version
def test_the_guide_quotes_events_that_are_really_written_and_names_each_number() -> None:
    guide = (Path(__file__).parent.parent.parent / "docs" / "reference" / "sizing.md").read_text()
    quoted = Usage(
        memory_peak_bytes=round(3.2 * GIBI),
        memory_limit_bytes=4 * GIBI,
        cpu_seconds=436.8,
        cpu_limit_cores=2.0,
        cpu_throttled_share=0.12,
        wall_seconds=312.0,
    )
    killed = Usage(
        oom_killed=True, memory_limit_bytes=4 * GIBI, memory_peak_bytes=round(3.9 * GIBI), wall_seconds=41.0
    )

    assert [usage_said("train", usage) in guide.splitlines() for usage in (quoted, killed)] == [True, True]
    names = [USAGE_OF, *(field.name for field in fields(Usage) if field.name not in {"job", "run"})]
    assert [name for name in names if f"`{name}`" not in guide] == []
    assert f"for up to {LAST_SECONDS:g} s" in guide


class Waits:
    """A run worker at the end of its run, with a clock that a wait moves on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(usage_events, "time", SimpleNamespace(sleep=self.sleep))
        context: Any = SimpleNamespace(dagster_run=SimpleNamespace(tags={}))
        self.events = UsageEvents(context, History(), lambda _key: None, record=True, clock=lambda: self.now)
        self.events.add("train-job", "etl")

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@one_version
def test_the_end_of_a_run_waits_for_a_container_that_does_not_end_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = Waits(monkeypatch)
    runs = Look(remains={"train-job": None}, running=frozenset({"train-job"}))

    waits.events.settle(lambda: waits.events.see(runs), lambda: False)

    assert LAST_SECONDS <= waits.now < LAST_SECONDS + 1
    assert [(watch.job_name, watch.namespace) for watch in waits.events.watched()] == [("train-job", "etl")]


@one_version
def test_the_end_of_a_run_waits_for_nothing_when_it_is_cancelled_or_the_pod_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cancelled, gone = Waits(monkeypatch), Waits(monkeypatch)

    cancelled.events.settle(lambda: None, lambda: True)
    gone.events.settle(lambda: gone.events.see(Look(remains={"train-job": None})), lambda: False)

    assert cancelled.now == 0.0
    assert gone.now < LAST_SECONDS / 2
    assert gone.events.watched() == []
