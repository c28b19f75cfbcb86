"""The sides of a large run for `bench_scale`: who makes it, its run worker, and what its steps write.

Each is a process of its own. Steps do not run: one does, while the run is made, and what it writes is written
for each of them, with its own key and time, when its pod would have come that far.
"""

from __future__ import annotations

import gc
import heapq
import json
import os
import resource
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "benchmarks")]

import dagster as dg  # noqa: E402

STEPS, EXECUTOR = "BENCH_STEPS", "BENCH_EXECUTOR"
"""How many steps; JSON, keyword arguments of the executor, or ``"stock"``."""

# Half of the steps wait for one of the other half: the loop has to launch by what it reads.
_LAYERS = 2
_BEGINNING = 1.0
_AT_ONCE = 50
_T = TypeVar("_T")


def make_job() -> dg.JobDefinition:
    """The job of the run."""
    count = int(os.environ[STEPS])

    @dg.op(ins={"start": dg.In(dg.Nothing)})
    def step() -> None: ...

    @dg.graph(name="scale")
    def graph() -> None:
        first = [step.alias(f"s{number:06}")() for number in range(count // _LAYERS)]
        for number in range(count // _LAYERS, count):
            step.alias(f"s{number:06}")(first[number - count // _LAYERS])

    return graph.to_job(name="scale", executor_def=_executor())


def _executor() -> dg.ExecutorDefinition:
    from dagster_k8s import k8s_job_executor

    from dagster_plus_k8s_helpers import k8s_executor

    settings, kubeconfig = json.loads(os.environ[EXECUTOR]), os.environ["BENCH_KUBECONFIG"]
    if settings == "stock":
        return k8s_job_executor.configured(
            {"job_image": "project:1", "load_incluster_config": False, "kubeconfig_file": kubeconfig}
        )
    return k8s_executor(image="project:1", kubeconfig_file=kubeconfig, **settings)


def create() -> None:
    """Make the run, and the file of what one of its steps writes."""
    from dagster._cli.api import _execute_step_command_body
    from dagster._core.definitions.reconstruct import ReconstructableJob
    from dagster._core.execution.plan.state import KnownExecutionState
    from dagster._grpc.types import ExecuteStepArgs
    from dagster._serdes import serialize_value

    count, os.environ[STEPS] = os.environ[STEPS], str(_LAYERS)
    job = dg.reconstructable(make_job)
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(job.get_definition(), job_code_origin=job.get_python_origin())
        arguments = ExecuteStepArgs(
            job_origin=job.get_python_origin(),
            run_id=run.run_id,
            step_keys_to_execute=["s000000"],
            instance_ref=None,
            known_state=KnownExecutionState(),
        )
        list(_execute_step_command_body(arguments, instance, run))
        entries = instance.all_logs(run.run_id)
        written = [serialize_value(entry._replace(timestamp=1.0)) for entry in entries]
    os.environ[STEPS] = count
    ReconstructableJob.get_definition.cache_clear()
    ReconstructableJob.get_repository_definition.cache_clear()
    with dg.DagsterInstance.get() as instance:
        run_id = instance.create_run_for_job(
            job.get_definition(), job_code_origin=job.get_python_origin()
        ).run_id
    texts = [text.replace(run.run_id, run_id) for text in written]
    print(json.dumps({"run_id": run_id, "events": texts}))


def play(seconds: str) -> None:
    """Write what steps write, as the cluster says that their Jobs are made, and print which have ended."""
    made: list[tuple[float, str, Sequence[str]]] = []
    template = json.loads(Path(os.environ["BENCH_TEMPLATE"]).read_text())
    texts = template["events"]
    begun = next(index for index, text in enumerate(texts) if '"STEP_START"' in text) + 1
    ready = threading.Condition()

    def read() -> None:
        for line in sys.stdin:
            said = json.loads(line)
            with ready:
                heapq.heappush(made, (said["at"] + _BEGINNING, said["key"], texts[:begun]))
                heapq.heappush(made, (said["at"] + float(seconds), said["key"], texts[begun:]))
                ready.notify()

    threading.Thread(target=read, daemon=True).start()
    with dg.DagsterInstance.get() as instance:
        while True:
            with ready:
                while not made or made[0][0] > time.time():
                    ready.wait(max(made[0][0] - time.time(), 0.001) if made else None)
                due = []
                while made and made[0][0] <= time.time() and len(due) < _AT_ONCE:
                    due.append(heapq.heappop(made)[1:])
            _write(instance, template["run_id"], due)
            for key, following in due:
                if following[-1] == texts[-1]:
                    print(key, flush=True)


def _write(instance: dg.DagsterInstance, run_id: str, of_steps: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Write rows as Dagster does, many in one transaction: what it takes of the processor is not measured."""
    import sqlalchemy
    from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    now = datetime.now(UTC)
    rows = [
        {
            "run_id": run_id,
            "event": text.replace("s000000", key).replace('"timestamp": 1.0', f'"timestamp": {time.time()}'),
            "dagster_event_type": json.loads(text)["dagster_event"]["event_type_value"],
            "timestamp": now.replace(tzinfo=None),
            "step_key": key,
        }
        for key, following in of_steps
        for text in following
    ]
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)  # noqa: S101  (it is PostgreSQL)
    with storage.run_connection(run_id) as connection:
        connection.execute(sqlalchemy.insert(SqlEventLogStorageTable), rows)


class Measured:
    """What a run worker measures of itself.

    Attributes:
        turns: Seconds that the loop took between two of its pauses.
        work: Seconds of the processor in each of them: on a busy machine a turn waits for its own.
        late: Seconds that a pause took longer than it was to.
        looks: Seconds of each look.
        writes: Seconds of each event written.
        gc: Seconds of each garbage collection.
        events: How many events the loop has read.
    """

    def __init__(self) -> None:
        self.turns: list[float] = []
        self.work: list[float] = []
        self.late: list[float] = []
        self.looks: list[float] = []
        self.writes: list[float] = []
        self.gc: list[float] = []
        self.events = 0
        self.before = 0.0
        self._awake: float | None = None
        self._worked = self._collecting = 0.0

    def begin(self) -> None:
        """The loop begins: what is in memory by now is Dagster's and the job's own."""
        self.before, self._awake, self._worked = resident(), time.perf_counter(), time.thread_time()
        gc.callbacks.append(self.collecting)

    def collecting(self, phase: str, _info: object) -> None:
        """The beginning or the end of a garbage collection."""
        if phase == "start":
            self._collecting = time.perf_counter()
        else:
            self.gc.append(time.perf_counter() - self._collecting)

    def pause(self, seconds: float) -> None:
        """Stand where the loop sleeps."""
        now = time.perf_counter()
        if self._awake is not None:
            self.turns.append(now - self._awake)
            self.work.append(time.thread_time() - self._worked)
        time.sleep(seconds)
        self._worked = time.thread_time()
        self._awake = time.perf_counter()
        self.late.append(self._awake - now - seconds)

    def timed(self, into: list[float], call: Callable[..., _T]) -> Callable[..., _T]:
        """The call, with its seconds noted."""

        def measured(*arguments: Any, **named: Any) -> _T:
            begun = time.perf_counter()
            try:
                return call(*arguments, **named)
            finally:
                into.append(time.perf_counter() - begun)

        return measured


def resident() -> float:
    """Megabytes of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def work() -> None:
    """Be the run worker, and print what was measured."""
    from dagster._core.execution.api import execute_run
    from dagster._core.executor.step_delegating import step_delegating_executor as loop

    from dagster_plus_k8s_helpers.executor.looking.looker import Looker

    run_id, measured = json.loads(Path(os.environ["BENCH_TEMPLATE"]).read_text())["run_id"], Measured()
    executor = loop.StepDelegatingExecutor
    execute, read = executor.execute, executor._pop_events  # noqa: SLF001  (what the loop reads is counted)

    def begin(*arguments: Any, **named: Any) -> Iterator[dg.DagsterEvent]:
        measured.begin()
        return execute(*arguments, **named)

    def count(*arguments: Any, **named: Any) -> Sequence[dg.DagsterEvent]:
        found = read(*arguments, **named)
        measured.events += len(found)
        return found

    write = measured.timed(measured.writes, dg.DagsterInstance.handle_new_event)
    with (
        dg.DagsterInstance.get() as instance,
        patch.object(loop, "time", SimpleNamespace(sleep=measured.pause)),
        patch.object(executor, "execute", begin),
        patch.object(executor, "_pop_events", count),
        patch.object(Looker, "look", measured.timed(measured.looks, Looker.look)),
        patch.object(dg.DagsterInstance, "handle_new_event", write),
    ):
        run = instance.get_run_by_id(run_id)
        assert run is not None  # noqa: S101  (it was made)
        cpu, begun = time.process_time(), time.perf_counter()

        def write_figures(status: str) -> None:
            figures = {
                "status": status,
                "seconds": time.perf_counter() - begun,
                "cpu": time.process_time() - cpu,
                "before": measured.before,
                "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "turns": measured.turns,
                "work": measured.work,
                "late": measured.late,
                "looks": measured.looks,
                "gc": measured.gc,
                "writes": measured.writes,
                "events": measured.events,
            }
            path = Path(os.environ["BENCH_FIGURES"])
            path.with_suffix(".new").write_text(json.dumps(figures))
            path.with_suffix(".new").replace(path)

        over = threading.Event()

        def write_now_and_then() -> None:
            # A run that is cut off has measured something too.
            while not over.wait(60.0):
                write_figures("cut off")

        threading.Thread(target=write_now_and_then, daemon=True).start()
        execute_run(dg.reconstructable(make_job), run, instance)
        over.set()
        ended = instance.get_run_by_id(run_id)
        write_figures(ended.status.value if ended else "")


if __name__ == "__main__":
    # The job's origin is this file as a module: a step's process would load it so.
    import scale_run

    {"create": scale_run.create, "play": scale_run.play, "work": scale_run.work}[sys.argv[1]](*sys.argv[2:])
