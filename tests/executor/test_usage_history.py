"""What attempts took, found again in the event log: by step and partition, in this run and those before."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.execution.api import create_execution_plan
from dagster._core.test_utils import instance_for_test
from measured_runs import damage_a_row, damage_a_run
from read_logs import logs_that_are_read

from dagster_plus_k8s_helpers._dagster.execution import EngineEventData
from dagster_plus_k8s_helpers._dagster.step_facts import ASSET_JOB, partitions_of
from dagster_plus_k8s_helpers.executor.events import usage_history
from dagster_plus_k8s_helpers.executor.events.history import History
from dagster_plus_k8s_helpers.executor.events.usage_history import UsageHistory
from dagster_plus_k8s_helpers.executor.events.usage_log import MOST_SIBLINGS, UsageLog
from dagster_plus_k8s_helpers.sizing.last_runs import runs_of
from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MI = 2**20
RANGE = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
OOM = {"retry_of_job": "job-1", "kind": "OOMKilled", "limit": "300Mi"}


def test_an_attempt_that_was_oom_killed_counts_though_nothing_measured_it() -> None:
    log = UsageLog()
    log.note("load", OOM)
    log.note("load", Usage(job="job-2", attempt=2, memory_peak_bytes=5).to_metadata())

    assert log.of("load") == [
        Usage(job="job-2", attempt=2, memory_peak_bytes=5),
        Usage(job="job-1", attempt=1, memory_limit_bytes=300 * MI, oom_killed=True),
    ]


@pytest.mark.parametrize("order", [0, 1])
def test_what_was_measured_of_an_attempt_counts_and_not_what_was_said_of_it(order: int) -> None:
    measured = Usage(job="job-1", memory_peak_bytes=299 * MI, memory_limit_bytes=300 * MI, oom_killed=True)
    log, events = UsageLog(), [OOM, measured.to_metadata()]

    for event in reversed(events) if order else events:
        log.note("load", event)

    assert log.of("load") == [measured]


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {**OOM, "kind": "Evicted"},
        {**OOM, "beside": "sync"},
        {**OOM, "limit": "much"},
        {"retry_of_job": "job-1", "kind": "OOMKilled"},
    ],
)
def test_other_events_are_of_no_usage(metadata: dict[str, object]) -> None:
    log = UsageLog()
    log.note("load", metadata)

    assert log.of("load") == []


def test_the_steps_of_a_mapped_op_know_of_each_other() -> None:
    log = UsageLog()
    for key in ("load[a]", "load[b]", "load[c]", "other[a]"):
        log.note(key, Usage(job=key, memory_peak_bytes=1).to_metadata())

    assert [usage.job for usage in log.of_siblings("load[b]")] == ["load[c]", "load[a]"]
    assert list(log.of_siblings("alone")) == []


def test_the_partitions_of_a_run_are_read_from_its_tags() -> None:
    both = partitions_of(
        {"dagster/partition": "d|us", "dagster/partition/day": "d", "dagster/partition/where": "us"}
    )

    assert (both.key, both.dimensions) == ("d|us", {"day": "d", "where": "us"})
    assert partitions_of(RANGE).range == dg.PartitionKeyRange("a", "c")
    assert partitions_of(RANGE).tags == RANGE
    assert partitions_of({}).tags == {}


@dg.op
def load() -> None: ...


@dg.job
def nightly() -> None:
    load()


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["us", "eu"]))
def orders() -> None: ...


class Runs:
    """Runs of a job, each with what its only step took."""

    def __init__(self, instance: dg.DagsterInstance, job: dg.JobDefinition, job_name: str) -> None:
        self.instance, self.job, self.job_name = instance, job, job_name
        (self.step,) = create_execution_plan(job).get_all_steps_in_topo_order()
        self._numbers = itertools.count()

    def add(self, tags: Mapping[str, str], *peaks: int) -> None:
        run = self.instance.create_run_for_job(self.job, tags=dict(tags), status=dg.DagsterRunStatus.FAILURE)
        for peak in peaks:
            usage = Usage(job=f"job-{next(self._numbers)}", memory_peak_bytes=peak)
            data = EngineEventData(metadata=usage.to_metadata())
            self.instance.report_engine_event("used", run, data, step_key=self.step.key)

    def known(self, tags: Mapping[str, str]) -> tuple[list[Any], list[Any]]:
        history = UsageHistory(self.instance, dg.DagsterRun(self.job_name, tags=dict(tags)))
        found = history.usage(self.step), history.usage_of_others(self.step)
        own, others = ([usage.memory_peak_bytes for usage in usages] for usages in found)
        return own, others


@pytest.fixture
def runs() -> Iterator[Runs]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Runs(instance, nightly, "nightly")


def test_the_runs_of_the_same_partition_come_first_and_the_newest_of_them(runs: Runs) -> None:
    us, eu = {"dagster/partition": "us"}, {"dagster/partition": "eu"}
    runs.add(us, 1, 2)
    runs.add(eu, 3)
    runs.add(us, 4)
    runs.add({}, 5)
    runs.add(RANGE, 6)

    assert runs.known(us) == ([4, 2, 1], [6, 5, 3])
    assert runs.known({}) == ([5], [6, 4, 3, 2, 1])
    assert runs.known(RANGE) == ([6], [5, 4, 3, 2, 1])
    assert runs.known({"dagster/partition": "jp"}) == ([], [6, 5, 4, 3, 2, 1])


def test_each_attempt_says_which_run_it_was_in(runs: Runs) -> None:
    runs.add({}, 1, 2)
    runs.add({}, 3)

    history = UsageHistory(runs.instance, dg.DagsterRun(runs.job_name))
    of_runs = [usage.run for usage in history.usage(runs.step)]

    assert runs_of(history.usage(runs.step)) == len(set(of_runs)) == 2
    assert len(of_runs) == 3
    log = History("now").usage
    log.note("load", Usage(job="a", memory_peak_bytes=1).to_metadata())
    assert [usage.run for usage in log.of("load")] == ["now"]


def test_of_thousands_of_mapped_steps_the_newest_say_how_they_are() -> None:
    log = UsageLog()
    for number in range(MOST_SIBLINGS + 10):
        log.note(f"load[{number}]", Usage(job=str(number), memory_peak_bytes=1).to_metadata())

    found = [usage.job for usage in log.of_siblings("load[0]")]

    assert found == [str(number) for number in range(MOST_SIBLINGS + 9, 9, -1)]


def test_runs_that_have_not_begun_hide_no_other(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage_history, "MOST_RUNS", 2)
    runs.add({"dagster/partition": "us"}, 1)
    for status in (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING):
        runs.instance.create_run_for_job(runs.job, tags={"dagster/partition": "eu"}, status=status)

    assert runs.known({"dagster/partition": "new"}) == ([], [1])


def test_what_failed_stays_known_of_an_asset_that_is_in_no_late_ad_hoc_run() -> None:
    job = dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def()
    us = {"dagster/partition": "us"}
    with dg.DagsterInstance.ephemeral() as instance:
        runs = Runs(instance, job, ASSET_JOB)
        made = job.execute_in_process(partition_key="us", instance=instance)
        usage = EngineEventData(metadata=Usage(job="made", memory_peak_bytes=7).to_metadata())
        instance.report_engine_event("used", made.dagster_run, usage, step_key="orders")
        runs.add(us, 9)
        for _ in range(10):
            runs.add(us)

        assert runs.known(us) == ([9, 7], [])


def test_a_step_is_read_of_no_further_than_it_is_used(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.add({}, 1)
    runs.add({}, 2)
    read = logs_that_are_read(monkeypatch)
    history = UsageHistory(runs.instance, dg.DagsterRun("nightly"))

    newest = next(history.usage(runs.step))

    assert (newest.memory_peak_bytes, len(read)) == (2, 1)


def test_an_asset_that_is_in_no_late_ad_hoc_run_is_found_by_its_materializations() -> None:
    job = dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        runs = Runs(instance, job, ASSET_JOB)
        made = job.execute_in_process(partition_key="us", instance=instance)
        usage = EngineEventData(metadata=Usage(job="job-1", memory_peak_bytes=7).to_metadata())
        instance.report_engine_event("used", made.dagster_run, usage, step_key="orders")
        instance.get_run_records = lambda *_args, **_more: []  # type: ignore[method-assign]

        assert runs.known({"dagster/partition": "us"}) == ([7], [])
        assert runs.known({"dagster/partition": "eu"}) == ([], [7])


def test_a_run_that_cannot_be_read_and_a_row_that_holds_no_event_do_not_hide_the_others(
    tmp_path: Path,
) -> None:
    with instance_for_test(temp_dir=str(tmp_path)) as instance:
        runs = Runs(instance, nightly, "nightly")
        for peak in (1, 2, 3):
            runs.add({}, peak, peak)
        third, second, _first = (run.run_id for run in instance.get_runs())
        damage_a_run(tmp_path, third)
        damage_a_row(instance, second, '"usage_of_job"')

        assert runs.known({}) == ([2, 1, 1], [])
