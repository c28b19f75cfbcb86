"""Reading 100,000 events of 30 runs and making the rows, on SQLite and PostgreSQL.

As runs write them: of ten events of a step three are of the executor, and one of those says what it used.
With the largest sizes also when all of them say it, which no log does. The rows are of 100 steps.
"""

from __future__ import annotations

import contextlib
import io
import sqlite3
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import sqlalchemy as db
from dagster._core.test_utils import instance_for_test

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Rows: TypeAlias = list[tuple[str, str, str, str]]
    Inserts: TypeAlias = Callable[[str], contextlib.AbstractContextManager[Callable[[Rows], None]]]

EVENTS = 100_000
LARGEST = 1_000_000
RUNS = 30
STEPS = 100
AS_WRITTEN = "as runs write them"
KINDS = {AS_WRITTEN: (7, 2, 1), "all of usage": (0, 0, 1)}
"""By name, how many events that are not the executor's, that are, and that say what was used."""


def full() -> None:
    """As `main`, for the most events and every kind of log too."""
    main(EVENTS, tuple(KINDS))
    main(LARGEST, tuple(KINDS))


def main(events: int = EVENTS, names: tuple[str, ...] = (AS_WRITTEN,)) -> None:
    """Print a line each."""
    from postgres import postgres

    print(f"{events:,} events of {RUNS} runs")
    for name in names:
        kinds = KINDS[name]
        with tempfile.TemporaryDirectory() as folder, instance_for_test(temp_dir=folder) as instance:
            filled(instance, events, kinds, lambda run_id, path=folder: of_sqlite(Path(path), run_id))
            print(f"SQLite      {name:20} {seconds(instance)}")
        # Its server says on stdout that it starts.
        with contextlib.redirect_stdout(io.StringIO()):
            server = contextlib.ExitStack()
            socket = server.enter_context(postgres())
        with server:
            url = f"postgresql+psycopg2://postgres@/postgres?host={socket}"
            with instance_for_test(overrides={"storage": {"postgres": {"postgres_url": url}}}) as instance:
                engine = db.create_engine(url)
                filled(instance, events, kinds, lambda _, engine=engine: of_postgres(engine))
                engine.dispose()
                print(f"PostgreSQL  {name:20} {seconds(instance)}")


def seconds(instance: dg.DagsterInstance) -> str:
    """How long reading, and making the rows, take: on the clock, and of this process's own CPU time."""
    from dagster_plus_k8s_helpers import k8s_executor, k8s_tags
    from dagster_plus_k8s_helpers.rightsizing.asked import asked_of
    from dagster_plus_k8s_helpers.rightsizing.history import read_history
    from dagster_plus_k8s_helpers.rightsizing.rows import rows_of

    def made(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"step_{number}", op_tags=k8s_tags(cpu=2, memory="16Gi"))
        def asset() -> None: ...

        return asset

    assets = [made(number) for number in range(STEPS)]
    asked = asked_of(dg.Definitions(assets=assets, executor=k8s_executor()))
    start, busy = time.perf_counter(), time.process_time()
    rows = rows_of(asked, read_history(instance, ["__ASSET_JOB"], runs=RUNS))
    taken, busy = time.perf_counter() - start, time.process_time() - busy
    assert len(rows) == STEPS  # noqa: S101 - else it measured something else
    return f"{taken:7.2f} s   ({busy:.2f} s of CPU)"


def filled(instance: dg.DagsterInstance, events: int, kinds: tuple[int, int, int], inserts: Inserts) -> None:
    """Runs with so many events, written past Dagster: storing them one by one takes minutes."""
    from measured_runs import add_run, took

    sample = uuid.uuid4().hex
    run_id = add_run(instance, "sample", {sample: [took(2**30)]})
    records = instance.get_records_for_run(run_id).records
    other, usage = (dg.serialize_value(record.event_log_entry) for record in records)
    plain = other.replace("ENGINE_EVENT", "STEP_SUCCESS")
    of_others, of_executor, of_usage = kinds
    each = [("STEP_SUCCESS", plain)] * of_others
    each += [*[("ENGINE_EVENT", other)] * of_executor, *[("ENGINE_EVENT", usage)] * of_usage]
    for _ in range(RUNS):
        of_run = add_run(instance, "__ASSET_JOB", {"step_0": []}, others=1)
        rows = []
        for index in range(events // RUNS // len(each)):
            step = f"step_{index % STEPS}"
            rows += [
                (of_run, text.replace(sample, step).replace(run_id, of_run), kind, step)
                for kind, text in each
            ]
        with inserts(of_run) as insert:
            insert(rows)


INSERT = "INSERT INTO event_logs (run_id, event, dagster_event_type, step_key) VALUES"


@contextlib.contextmanager
def of_sqlite(folder: Path, run_id: str) -> Iterator[Callable[[Rows], None]]:
    """Writes into the database of a run."""
    [file] = folder.rglob(f"{run_id}.db")
    with contextlib.closing(sqlite3.connect(file)) as connection:
        yield lambda rows: connection.executemany(f"{INSERT} (?, ?, ?, ?)", rows) and None
        connection.commit()


@contextlib.contextmanager
def of_postgres(engine: db.Engine) -> Iterator[Callable[[Rows], None]]:
    """Writes into the one database."""
    names = ("run_id", "event", "kind", "step_key")
    with engine.begin() as connection:
        yield (
            lambda rows: (
                connection.execute(
                    db.text(f"{INSERT} (:run_id, :event, :kind, :step_key)"),
                    [dict(zip(names, row, strict=True)) for row in rows],
                )
                and None
            )
        )


if __name__ == "__main__":
    main()
