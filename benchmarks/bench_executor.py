"""The executor beside the stock one, on the tests' stand-in API server, in a process of its own here.

One look at 1,000 running steps, or 5,000; 100 launches, or 500; a pod's failure; what steps that run cost the
API server. Jobs are played, not run: a run worker is real, its steps are not.
"""

from __future__ import annotations

import json
import os
import queue
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubernetes.client import ApiClient

ROOT = Path(__file__).resolve().parent.parent
SUPPORT = ROOT / "tests" / "support"
RUN_ID = "bench"
SIZES = (100, 1000)
LARGEST = 5000
LAUNCHES = 100
MOST_LAUNCHES = 500
LATENCY = 0.01
RUNNING = 20
LISTS, WATCH = {"watch": False}, {"watch": True}
STOCK = "k8s_job_executor"
# The first comparison of watches with lists is over by then, and the next is minutes away.
SETTLED, MINUTE = 50.0, 60.0

sys.path[:0] = [str(ROOT), str(SUPPORT)]


def full() -> None:
    """As `main`, with the largest sizes, and the worker's memory when it has settled."""
    main((*SIZES, LARGEST), MOST_LAUNCHES, settled=25.0)


def main(sizes: tuple[int, ...] = SIZES, count: int = LAUNCHES, *, settled: float = 5.0) -> None:
    """Print small tables."""
    from benchmarks.results import Comparison, compared

    print("One look over running steps: calls, how long the loop stands still, how long in all, memory")
    for size in sizes:
        with stand_in(size) as server:
            stock, ours = swept("stock", server, size), swept("ours", server, size)
        print(f"  {size:>5} steps   stock {row(stock)}")
        ratio = stock["loop"] / max(ours["loop"], 1e-9)
        print(f"                ours  {row(ours)}   loop: {ratio:,.0f} times shorter")
        if size >= 1000:
            what = f"calls to look at {size:,} steps"
            compared(Comparison(what, "executor", ours["calls"], stock["calls"], STOCK, "calls"))
    print(f"\n{count} ready steps, {1000 * LATENCY:.0f} ms a call: first to last Job, worker's memory")
    for name, settings in {"stock": "stock", "ours": {}}.items():
        seconds, megabytes = launches(settings, count, settled=settled)
        print(f"  {name:<6} {seconds:>6.1f} s   {megabytes:>5.0f} MB")
    print("\nFrom a pod's failure to the step's failure event")
    taken = {
        name: failure(settings)
        for name, settings in {"stock": "stock", "lists": LISTS, "watch": WATCH}.items()
    }
    for name, seconds in taken.items():
        print(f"  {name:<6} {seconds:>6.1f} s")
    what = "from a pod's failure to its step's"
    compared(Comparison(what, "executor", taken["lists"], taken["stock"], STOCK))
    compared(Comparison(f"{what}, watching", "executor", taken["watch"], taken["stock"], STOCK))
    print(f"\nWhat {RUNNING} steps that run cost the API server, in a minute")
    for name, settings in {"lists": LISTS, "watch": WATCH}.items():
        print(f"  {name:<6} {cost(settings)}")


def row(figures: dict[str, float]) -> str:
    """A line of figures."""
    times = f"{figures['loop']:>8.3f} s {figures['in_all']:>8.3f} s"
    return f"{figures['calls']:>5.0f} calls {times} {figures['megabytes']:>5.0f} MB"


def swept(whose: str, server: dict[str, Any], size: int) -> dict[str, float]:
    """One look, in a process of its own for the sake of its memory."""
    arguments = [sys.executable, __file__, "look", whose, server["kubeconfig"], str(size)]
    found: dict[str, float] = json.loads(subprocess.run(arguments, check=True, capture_output=True).stdout)
    return found


def look_and_tell(whose: str, kubeconfig: str, size: int) -> None:
    """Be the process of `swept`."""
    look = {"stock": stock_look, "ours": our_look}[whose]
    calls, loop, in_all = look({"kubeconfig": kubeconfig}, size)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"calls": calls, "loop": loop, "in_all": in_all, "megabytes": megabytes}))


class Said:
    """What the stand-in prints, line by line, for no longer than a benchmark may take."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, args=(lines,))
        self._reader.start()

    def next(self) -> dict[str, Any]:
        """The next line."""
        found: dict[str, Any] = json.loads(self._lines.get(timeout=300))
        return found

    def close(self) -> None:
        """Read to the end; called when the stand-in is gone."""
        self._reader.join()

    def _read(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._lines.put(line)


@contextmanager
def stand_in(
    jobs: int = 0, *, latency: float = 0.0, play: str = "running", last: int = 1
) -> Iterator[dict[str, Any]]:
    """The stand-in, in a process of its own, with Jobs that run; it says when ``last`` have been created."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, __file__, "serve", folder, str(jobs), str(latency), play, str(last)]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None  # noqa: S101  (it was asked for)
        said = Said(process.stdout)
        try:
            yield {**said.next(), "folder": folder, "said": said, "pid": process.pid}
        finally:
            process.kill()
            process.wait()
            said.close()


def serve(folder: str, jobs: int, latency: float, play: str, last: int) -> None:
    """Be the process of `stand_in`."""
    from api_server import ApiServer
    from plays import Play

    class Server(ApiServer):
        def create(self, body: dict[str, Any], namespace: str = "default") -> tuple[int, dict[str, Any]]:
            answer = super().create(body, namespace)
            if len(self.created) in {1, last}:
                print(json.dumps({"created": len(self.created), "at": time.time()}), flush=True)
            return answer

    server = Server(Path(folder))
    server._default = Play(play, runs=False)  # noqa: SLF001  (the benchmark's own fate for every Job)
    server.page = 500
    for number in range(jobs):
        ApiServer.create(server, step_job(f"job-{number}"))
    server.delay = latency

    def tell(_signal: int, _frame: object) -> None:
        print(json.dumps({"calls": server.calls, "bytes": server.sent + server.watches.sent}), flush=True)

    signal.signal(signal.SIGUSR1, tell)
    print(json.dumps({"kubeconfig": str(server.kubeconfig)}), flush=True)
    while True:
        signal.pause()


def step_job(name: str) -> dict[str, Any]:
    """A Job as small as the API server takes it."""
    labels = {"dagster/run-id": RUN_ID, "dagster/op": name, "app.kubernetes.io/component": "step_worker"}
    container = {"name": "dagster", "image": "a", "args": [], "env": [{"name": "X", "value": "x" * 2000}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"template": template}}


def stock_look(server: dict[str, Any], size: int) -> tuple[int, float, float]:
    """What the stock loop does every 20 s."""
    import dagster as dg
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.executor import K8sStepHandler

    handler = K8sStepHandler(
        image="a",
        container_context=K8sContainerContext(namespace="default"),
        load_incluster_config=False,
        kubeconfig_file=server["kubeconfig"],
    )
    names = iter([f"job-{number}" for number in range(size)])
    handler._get_k8s_step_job_name = lambda _context: next(names)  # noqa: SLF001
    context = SimpleNamespace(
        execute_step_args=SimpleNamespace(step_keys_to_execute=["a"]),
        dagster_run=dg.DagsterRun(job_name="bench"),
        instance=SimpleNamespace(run_launcher=None),
        step_tags={"a": {}},
        get_step_context=lambda _key: SimpleNamespace(step=SimpleNamespace(op_name="a")),
    )
    begun = time.perf_counter()
    for _ in range(size):
        assert handler.check_step_health(context).is_healthy  # noqa: S101
    seconds = time.perf_counter() - begun
    return size, seconds, seconds


def our_look(server: dict[str, Any], size: int) -> tuple[int, float, float]:
    """What the supervisor does every 10 s."""
    from kubernetes.config import new_client_from_config

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.executor.events.attempts import Rules
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
    from dagster_plus_k8s_helpers.executor.events.usage_events import UsageEvents
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
    from dagster_plus_k8s_helpers.executor.supervisor import Supervisor

    client: ApiClient = new_client_from_config(server["kubeconfig"])
    cluster = Cluster(client, 60.0)
    settings = ExecutorSettings(health_check_interval=0.001, call_timeout=60.0, watch=False)
    history, run = History(), SimpleNamespace(dagster_run=SimpleNamespace(tags={}))
    supervisor = Supervisor(
        cluster,
        RUN_ID,
        settings,
        history,
        SimpleNamespace(),  # type: ignore[arg-type]
        namespace=lambda: "default",
        has_ended=lambda _key: False,
        usage=UsageEvents(run, history, lambda _key: None, record=True),  # type: ignore[arg-type]
    )
    for number in range(size):
        step = TrackedStep(
            SimpleNamespace(),  # type: ignore[arg-type]
            f"job-{number}",
            "default",
            Rules(None, None, 2),
            600.0,
            time.monotonic(),
        )
        supervisor.adopt(f"job-{number}", step, relaunch=lambda: None)
    # Every call that it makes goes by here.
    with patch.object(Cluster, "_answer", autospec=True, side_effect=Cluster._answer) as calls:  # noqa: SLF001
        time.sleep(0.01)
        begun = time.perf_counter()
        supervisor.act([], None)
        look = None
        while look is None:
            time.sleep(0.001)
            launched, look = supervisor.collect()
        in_all = time.perf_counter() - begun
        before = time.perf_counter()
        supervisor._looks._next = float("inf")  # noqa: SLF001  (one look is measured)
        supervisor.act(launched, look)
        loop = time.perf_counter() - before
    supervisor.close()
    return calls.call_count, loop, in_all


@contextmanager
def worker(settings: Any, steps: dict[str, Any], server: dict[str, Any]) -> Iterator[Any]:
    """A run worker's process, and the instance its run is in."""
    import pytest
    from dagster._core.test_utils import instance_for_test
    from step_runs import StepRun, launcher

    folder = Path(server["folder"])
    target: Any = SimpleNamespace(kubeconfig=Path(server["kubeconfig"]))
    with (
        pytest.MonkeyPatch.context() as environment,
        instance_for_test(temp_dir=server["folder"], overrides=launcher(target, folder)) as instance,
    ):
        run = StepRun(instance, target, folder, environment)
        run.describe(
            steps, settings if isinstance(settings, str) else {"health_check_interval": 10.0, **settings}
        )
        environment.setenv("DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS", "1.0")
        environment.setenv("TEST_STOCK_HEALTH_SECONDS", "20")
        run.start_worker()
        try:
            yield run
        finally:
            run.abandon()


def launches(settings: Any, count: int, *, settled: float) -> tuple[float, float]:
    """From the first Job to the last, and the worker's memory so many seconds later."""
    steps = {f"s{number}": {} for number in range(count)}
    with stand_in(latency=LATENCY, last=count) as server, worker(settings, steps, server) as run:
        first, last = server["said"].next()["at"], server["said"].next()["at"]
        time.sleep(settled)
        return last - first, resident(run.worker.pid)


def resident(pid: int) -> float:
    """Megabytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def failure(settings: Any) -> float:
    """From the Job's failure, which is there when it is created, to the step's failure event."""
    with stand_in(play="exit-3") as server, worker(settings, {"a": {}}, server) as run:
        created = server["said"].next()["at"]
        while not (found := [entry for entry in run.instance.all_logs(run.run_id) if failed(entry)]):
            time.sleep(0.1)
        return float(found[0].timestamp - created)


def cost(settings: Any) -> str:
    """Calls and bytes of a minute in which nothing happens."""
    steps = {f"s{number}": {} for number in range(RUNNING)}
    with stand_in(last=RUNNING) as server, worker(settings, steps, server):
        for _ in range(2):
            server["said"].next()
        time.sleep(SETTLED)
        before = asked(server)
        time.sleep(MINUTE)
        after = asked(server)
    calls = {what: after["calls"][what] - before["calls"].get(what, 0) for what in after["calls"]}
    made = ", ".join(f"{count} {what}" for what, count in calls.items() if count) or "no call"
    return f"{made}; {after['bytes'] - before['bytes']:,} bytes ({before['bytes']:,} before)"


def asked(server: dict[str, Any]) -> dict[str, Any]:
    """What the stand-in has been asked up to now."""
    os.kill(server["pid"], signal.SIGUSR1)
    found: dict[str, Any] = server["said"].next()
    return found


def failed(entry: Any) -> bool:
    """Whether an entry of the event log says that a step failed."""
    return entry.dagster_event is not None and entry.dagster_event.event_type_value == "STEP_FAILURE"


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5], int(sys.argv[6]))
    elif sys.argv[1:2] == ["look"]:
        look_and_tell(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
