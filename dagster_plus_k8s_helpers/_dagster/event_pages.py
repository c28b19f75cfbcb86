"""The engine events of earlier runs, in pages: what the executor wrote about their steps.

``DagsterInstance.get_records_for_run`` reads pages and kinds, and is not among the methods that Dagster
documents; those that are (``fetch_materializations`` and its kin) read events of assets alone. Of a
database the rows are read: making Dagster's objects of ten thousand events takes seconds, for a few numbers
in each. `tests/rightsizing/test_history.py` fails when either moves.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._serdes import deserialize_value

from dagster_plus_k8s_helpers._dagster.endings import keeps_rows
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    import sqlalchemy

__all__ = ["BEGUN", "EngineEvent", "UnreadableRunError", "engine_event_pages", "newest_runs"]

BEGUN = [
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELING,
    dg.DagsterRunStatus.CANCELED,
]
"""A run that has not begun says nothing yet, and must not take the place of one that does."""


class UnreadableRunError(DagsterPlusK8sError):
    """The events of one run are kept in what is no database, or not any more."""


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
    found = instance.get_runs(dg.RunsFilter(job_name=job, statuses=BEGUN), limit=most)
    return [run.run_id for run in found]


def engine_event_pages(
    instance: dg.DagsterInstance,
    run_id: str,
    size: int,
    naming: Collection[str],
    passed: Callable[[], object] = lambda: None,
) -> Iterator[tuple[int, Sequence[EngineEvent]]]:
    """The engine events of a run, oldest first: of each page how many it had, and those of steps that matter.

    Args:
        instance: Whose event log.
        run_id: Id of the run.
        size: Events in a page.
        naming: Names of metadata; an event that has none of them does not matter.
        passed: Is called for each row that matters and holds no event, half-written or foreign. It is passed
            by.

    Raises:
        UnreadableRunError: The run's database is none. That of a server that does not answer raises what its
            client does.
    """
    if not keeps_rows(instance):
        yield from _deserialised(instance, run_id, size, naming)
        return
    # A plan makes the executor, which reads earlier runs, and would wait half a second for SQLAlchemy.
    import sqlalchemy  # noqa: PLC0415 - see above
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable  # noqa: PLC0415 - see above

    columns = SqlEventLogStorageTable.c
    wanted, last = [json.dumps(name) for name in naming], -1
    while True:
        query = (
            sqlalchemy.select(columns.id, columns.event)
            .where(columns.run_id == run_id, columns.id > last)
            .where(columns.dagster_event_type == DagsterEventType.ENGINE_EVENT.value)
            .order_by(columns.id.asc())
            .limit(size)
        )
        rows = _rows(instance, run_id, query)
        matter = (text for _, text in rows if any(name in str(text) for name in wanted))
        yield len(rows), list(_events_in(matter, passed))
        if len(rows) < size:
            return
        last = rows[-1][0]


def _rows(instance: dg.DagsterInstance, run_id: str, query: sqlalchemy.Select[Any]) -> Sequence[Any]:
    import sqlalchemy  # noqa: PLC0415 - as above

    storage: Any = instance.event_log_storage
    try:
        with storage.run_connection(run_id) as connection:
            found: Sequence[Any] = connection.execute(query).fetchall()
            return found
    # It is locked, or its server is away: that is not of this run.
    except sqlalchemy.exc.OperationalError:
        raise
    except sqlalchemy.exc.DatabaseError as error:
        raise UnreadableRunError(f"the events of run {run_id} cannot be read: {error.orig}") from None


def _events_in(rows: Iterable[str], passed: Callable[[], object]) -> Iterator[EngineEvent]:
    for text in rows:
        try:
            event = _read(text)
        # What is no event fails in as many ways as there are texts; nesting, and numbers of too many digits.
        except Exception:  # noqa: BLE001
            passed()
            continue
        if event is not None:
            yield event


# Where the kinds of metadata that the executor writes keep what they say.
_SAID_IN = {
    "TextMetadataEntryData": "text",
    "IntMetadataEntryData": "value",
    "FloatMetadataEntryData": "value",
    "BoolMetadataEntryData": "value",
}


def _read(text: str) -> EngineEvent | None:
    """An event of a step, out of its row, in a fifth of the time that Dagster takes to make its objects.

    A row in another form is read by Dagster.
    """
    try:
        entry = json.loads(text)
        event = entry["dagster_event"]
        metadata = {
            item["label"]: item["entry_data"][_SAID_IN[item["entry_data"]["__class__"]]]
            for item in event["event_specific_data"]["metadata_entries"]
        }
        key, at = event["step_key"], float(entry["timestamp"])
    except (KeyError, TypeError, ValueError):
        return _of_step(deserialize_value(text, EventLogEntry))
    if key is not None and not isinstance(key, str):
        raise TypeError(f"no key of a step: {key!r}")
    return EngineEvent(key, at, metadata) if key is not None else None


def _deserialised(
    instance: dg.DagsterInstance, run_id: str, size: int, naming: Collection[str]
) -> Iterator[tuple[int, Sequence[EngineEvent]]]:
    """The same by what every storage can do, such as that of Dagster+."""
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(
            run_id, cursor=cursor, of_type=DagsterEventType.ENGINE_EVENT, limit=size
        )
        found = [_of_step(record.event_log_entry) for record in page.records]
        yield (
            len(page.records),
            [event for event in found if event is not None and not event.metadata.keys().isdisjoint(naming)],
        )
        if not page.has_more or not page.records:
            return
        cursor = page.cursor


def _of_step(entry: dg.EventLogEntry) -> EngineEvent | None:
    event = entry.dagster_event
    if event is None or event.step_key is None:
        return None
    metadata = {name: item.value for name, item in event.engine_event_data.metadata.items()}
    return EngineEvent(event.step_key, entry.timestamp, metadata)
