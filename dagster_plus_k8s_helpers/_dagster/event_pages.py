"""The engine events of earlier runs, in pages: what the executor wrote about their steps.

``DagsterInstance.get_records_for_run`` reads pages and kinds, and is not among the methods that Dagster
documents; those that are (``fetch_materializations`` and its kin) read events of assets alone.
`tests/rightsizing/test_history.py` fails when it moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from dagster._core.events import DagsterEventType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["EngineEvent", "engine_event_pages", "newest_runs"]

_MEASURED = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELING,
    dg.DagsterRunStatus.CANCELED,
]
"""A run that has not begun says nothing yet, and must not take the place of one that does."""


class EngineEvent(NamedTuple):
    """What the executor wrote about a step.

    Attributes:
        step_key: Key of the step.
        at: When, in seconds since 1970.
        metadata: Its values by name.
    """

    step_key: str
    at: float
    metadata: Mapping[str, Any]


def newest_runs(instance: dg.DagsterInstance, job: str, most: int) -> list[str]:
    """Ids of the newest runs of a job that have begun.

    Args:
        instance: Whose runs.
        job: Name of the job.
        most: How many at most.
    """
    found = instance.get_runs(dg.RunsFilter(job_name=job, statuses=_MEASURED), limit=most)
    return [run.run_id for run in found]


def engine_event_pages(
    instance: dg.DagsterInstance, run_id: str, size: int
) -> Iterator[tuple[int, Sequence[EngineEvent]]]:
    """The engine events of a run: of each page how many it had, and those of steps.

    Args:
        instance: Whose event log.
        run_id: Id of the run.
        size: Events in a page.
    """
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(
            run_id, cursor=cursor, of_type=DagsterEventType.ENGINE_EVENT, limit=size
        )
        yield len(page.records), list(_of_steps(page.records))
        if not page.has_more or not page.records:
            return
        cursor = page.cursor


def _of_steps(records: Sequence[Any]) -> Iterator[EngineEvent]:
    for record in records:
        event = record.event_log_entry.dagster_event
        if event is None or event.step_key is None:
            continue
        metadata = {name: item.value for name, item in event.engine_event_data.metadata.items()}
        yield EngineEvent(event.step_key, record.event_log_entry.timestamp, metadata)
