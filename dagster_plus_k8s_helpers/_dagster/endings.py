"""What has ended one step of a run, whichever events the loop has read by then.

A cursor over ids can pass a transaction that began before it and committed after it. Nothing public reads the
events of one step: `DagsterInstance.get_records_for_run` knows no steps, and the newest of a large run are of
its last seconds. So the rows are read, which have an index by step. `tests/executor/test_large_runs.py` fails
when that moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._serdes import deserialize_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    import dagster as dg
    from dagster._core.events import DagsterEvent

__all__ = ["endings_of", "keeps_rows"]

_ENDINGS = (
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.STEP_UP_FOR_RETRY,
)
_NEWEST_RECORDS = 1000


def endings_of(instance: dg.DagsterInstance, run_id: str, step_key: str) -> list[tuple[int, DagsterEvent]]:
    """What ended the attempts of a step, with the outputs that go with it, by storage id; oldest first.

    Args:
        instance: Whose event log.
        run_id: Id of the run.
        step_key: Key of the step.
    """
    entries = (
        _in_database(instance, run_id, step_key)
        if keeps_rows(instance)
        else _among_the_newest(instance, run_id)
    )
    return [
        (storage_id, entry.dagster_event)
        for storage_id, entry in entries
        if entry.dagster_event is not None and entry.step_key == step_key
    ]


def keeps_rows(instance: dg.DagsterInstance) -> bool:
    """Whether the event log is a database: the endings of one step are found without those of others."""
    # A plan makes the executor as well, and would wait half a second for SQLAlchemy.
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage  # noqa: PLC0415 - see above

    return isinstance(instance.event_log_storage, SqlEventLogStorage)


def _in_database(
    instance: dg.DagsterInstance, run_id: str, step_key: str
) -> Iterable[tuple[int, dg.EventLogEntry]]:
    import sqlalchemy  # noqa: PLC0415 - see above
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable  # noqa: PLC0415 - see above

    storage: Any = instance.event_log_storage
    columns = SqlEventLogStorageTable.c
    query = (
        sqlalchemy.select(columns.id, columns.event)
        .where(columns.run_id == run_id, columns.step_key == step_key)
        .where(columns.dagster_event_type.in_([kind.value for kind in _ENDINGS]))
        .order_by(columns.id.asc())
    )
    with storage.run_connection(run_id) as connection:
        rows = connection.execute(query).fetchall()
    return [(storage_id, deserialize_value(text, EventLogEntry)) for storage_id, text in rows]


def _among_the_newest(instance: dg.DagsterInstance, run_id: str) -> Iterable[tuple[int, dg.EventLogEntry]]:
    """The same by what every storage can do.

    That of Dagster+ has the loop read events again for as long as others may show before them.
    """
    connection = instance.get_records_for_run(
        run_id, of_type=set(_ENDINGS), limit=_NEWEST_RECORDS, ascending=False
    )
    return [(record.storage_id, record.event_log_entry) for record in reversed(connection.records)]
