"""Runs in an instance whose steps were measured, as the executor writes it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import dagster as dg
import sqlalchemy
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

GI = 2**30
MI = 2**20
DAY = 86_400.0
BEGAN = 1_790_000_000.0


def add_run(
    instance: dg.DagsterInstance,
    job: str,
    usages: Mapping[str, Sequence[Usage]],
    *,
    at: float = BEGAN,
    others: int = 1,
) -> str:
    """A run that is over: of each step an event for each of its attempts, and some that say nothing of it.

    Args:
        instance: Where to write it.
        job: Name of the job.
        usages: What the attempts of steps took, by step key.
        at: When, in seconds since 1970.
        others: How many other engine events each step has.
    """
    run_id = str(uuid.uuid4())
    instance.add_run(dg.DagsterRun(job, run_id=run_id, status=dg.DagsterRunStatus.SUCCESS))
    for step_key, attempts in usages.items():
        for _ in range(others):
            _store(instance, job, run_id, step_key, at, {"Kubernetes Job name": "dagster-step-1"})
        for usage in attempts:
            _store(instance, job, run_id, step_key, at, usage.to_metadata())
    return run_id


def _store(
    instance: dg.DagsterInstance,
    job: str,
    run_id: str,
    step_key: str,
    at: float,
    metadata: Mapping[str, int | float | str | bool],
) -> None:
    event = DagsterEvent(
        event_type_value=DagsterEventType.ENGINE_EVENT.value,
        job_name=job,
        step_key=step_key,
        message="Measured.",
        event_specific_data=EngineEventData(metadata={**metadata}),
    )
    instance.store_event(
        EventLogEntry(
            error_info=None,
            level=20,
            user_message="",
            run_id=run_id,
            timestamp=at,
            step_key=step_key,
            job_name=job,
            dagster_event=event,
        )
    )


def damage_a_row(instance: dg.DagsterInstance, run_id: str, text: str) -> None:
    """Put a text where the last event of a run was."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    rows = SqlEventLogStorageTable
    with storage.run_connection(run_id) as connection:
        last = sqlalchemy.select(sqlalchemy.func.max(rows.c.id)).where(rows.c.run_id == run_id)
        number = connection.execute(last).scalar_one()
        connection.execute(rows.update().where(rows.c.id == number).values(event=text))


def damage_a_run(home: Path, run_id: str) -> None:
    """Make the database of a run in a home no database."""
    [file] = home.rglob(f"{run_id}.db")
    file.write_bytes(b"no database at all " * 1_000)


def took(
    memory: float,
    *,
    limit: float = 16 * GI,
    request: float | None = None,
    cores: float = 0.5,
    seconds: float = 3_600.0,
    oom: bool = False,
    partition: str | None = None,
    throttled: float | None = None,
) -> Usage:
    """An attempt that took so much, in bytes and cores."""
    return Usage(
        job="dagster-step-1",
        partition=partition,
        memory_peak_bytes=int(memory),
        memory_limit_bytes=int(limit),
        memory_request_bytes=int(limit if request is None else request),
        cpu_seconds=cores * seconds,
        cpu_request_cores=2.0,
        cpu_throttled_share=throttled,
        wall_seconds=seconds,
        oom_killed=oom,
    )
