"""What steps took is read from the event log of SQLite and PostgreSQL, in pages, and from a web server."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.test_utils import instance_for_test
from measured_runs import BEGAN, GI, add_run, damage_a_row, took
from postgres import postgres

from dagster_plus_k8s_helpers._dagster import event_pages
from dagster_plus_k8s_helpers._dagster.event_pages import engine_event_pages
from dagster_plus_k8s_helpers.rightsizing.history import Measured, read_history
from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    if request.param == "sqlite":
        with instance_for_test() as made:
            yield made
        return
    with postgres() as socket:
        url = f"postgresql+psycopg2://postgres@/postgres?host={socket}"
        with instance_for_test(overrides={"storage": {"postgres": {"postgres_url": url}}}) as made:
            yield made


@pytest.fixture
def job() -> str:
    """A job that no other test has runs of."""
    return f"job_{uuid.uuid4().hex}"


def test_attempts_are_read_with_their_step_and_time(instance: dg.DagsterInstance, job: str) -> None:
    killed, done = took(4 * GI, limit=4 * GI, oom=True), took(6 * GI, partition="us")
    run_id = add_run(instance, job, {"train": [killed, done]})

    assert read_history(instance, [job]) == [
        Measured(job, "train", run_id, BEGAN, killed),
        Measured(job, "train", run_id, BEGAN, done),
    ]


@pytest.mark.parametrize("page", [1, 2, 3, 1_000])
def test_pages_of_any_size_hold_the_same(instance: dg.DagsterInstance, job: str, page: int) -> None:
    usages = {f"step_{index}": [took(index * GI)] for index in range(5)}
    add_run(instance, job, usages)

    found = read_history(instance, [job], page=page)

    assert {item.step: [item.usage] for item in found} == usages


def test_only_the_newest_runs_that_began_are_read(instance: dg.DagsterInstance, job: str) -> None:
    for index in range(4):
        add_run(instance, job, {"a": [took((index + 1) * GI)]})
    for status in (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED):
        instance.add_run(dg.DagsterRun(job, run_id=str(uuid.uuid4()), status=status))

    found = read_history(instance, [job], runs=2)

    assert [item.usage.memory_peak_bytes for item in found] == [4 * GI, 3 * GI]


def test_mapped_steps_are_one(instance: dg.DagsterInstance, job: str) -> None:
    add_run(instance, job, {"work[a]": [took(GI)], "work[b]": [took(2 * GI)]})

    assert {item.step for item in read_history(instance, [job])} == {"work[?]"}


def test_it_says_how_far_it_is(instance: dg.DagsterInstance, job: str) -> None:
    for _ in range(3):
        add_run(instance, job, {"a": [took(GI)]}, others=2)
    told: list[tuple[int, int, int]] = []

    read_history(instance, [job], progress=lambda *how_far: told.append(how_far))

    assert told == [(1, 3, 3), (2, 3, 6), (3, 3, 9)]


def test_rows_say_what_dagster_reads_in_them(
    instance: dg.DagsterInstance, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of a database are read without making Dagster's objects, whose form is its own."""
    usages = {
        f"step_{index}": [took(index * GI, partition="münchen"), took(GI, oom=True)] for index in range(5)
    }
    run_id = add_run(instance, job, usages, others=3)

    by_rows = list(engine_event_pages(instance, run_id, 4, [USAGE_OF]))
    monkeypatch.setattr(event_pages, "_SAID_IN", {})
    by_dagster = list(engine_event_pages(instance, run_id, 4, [USAGE_OF]))
    monkeypatch.setattr(event_pages, "keeps_rows", lambda _instance: False)
    by_storage = list(engine_event_pages(instance, run_id, 4, [USAGE_OF]))

    assert sum(len(page) for _, page in by_rows) == 10
    assert by_rows == by_dagster == by_storage


DAMAGED = {
    "text": '"usage_of_job"',
    "half": '{"__class__": "EventLogEntry", "usage_of_job"',
    "foreign": '{"__class__": "NoSuchClass", "label": "usage_of_job"}',
    "deep": "[" * 100_000 + '"usage_of_job"',
    "digits": '{"usage_of_job": ["usage_of_job", ' + "9" * 5_000 + "]}",
    "key": (
        '{"dagster_event": {"step_key": ["usage_of_job"], "event_specific_data": {"metadata_entries": []}},'
        ' "timestamp": 1, "label": "usage_of_job"}'
    ),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_row_that_is_no_event_is_passed_by_and_told(
    instance: dg.DagsterInstance, job: str, kind: str
) -> None:
    damaged, _whole = (add_run(instance, job, {"a": [took(GI), took(2 * GI)]}) for _ in range(2))
    damage_a_row(instance, damaged, DAMAGED[kind])
    told: list[int] = []

    found = read_history(instance, [job], passed=told.append)

    assert sorted(item.usage.memory_peak_bytes or 0 for item in found) == [GI, GI, 2 * GI]
    assert told == [1]
