"""The executor beside the stock one, on the tests' stand-in API server, in a process of its own here.

One look at 5,000 running steps; 500 launches; a pod's failure. Jobs are played, not run: a run worker is
real, its steps are not.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SUPPORT = ROOT / "tests" / "support"
RUN_ID = "bench"
SIZES = (100, 1000, 5000)
LAUNCHES = 500
LATENCY = 0.01

sys.path[:0] = [str(ROOT), str(SUPPORT)]


def main() -> None:
    """Print three small tables."""
    print("One sweep over running steps: calls, seconds the executor's loop stands still, seconds in all")
    for size in SIZES:
        with stand_in(size) as server:
            stock, ours = stock_sweep(server, size), our_sweep(server, size)
        print(f"  {size:>5} steps   stock {row(stock)}")
        print(f"                ours  {row(ours)}   loop: {stock[1] / max(ours[1], 1e-9):,.0f} times shorter")
    print(f"\n{LAUNCHES} ready steps, {1000 * LATENCY:.0f} ms a call: first to last Job, worker's memory")
    for name, settings in {"stock": "stock", "ours": {}}.items():
        seconds, megabytes = launches(settings)
        print(f"  {name:<6} {seconds:>6.1f} s   {megabytes:>5.0f} MB")
    print("\nFrom a pod's failure to the step's failure event")
    for name, settings in {"stock": "stock", "ours": {}}.items():
        print(f"  {name:<6} {failure(settings):>6.1f} s")


def row(figures: tuple[int, float, float]) -> str:
    """A line of figures."""
    return f"{figures[0]:>5} calls {figures[1]:>8.3f} s {figures[2]:>8.3f} s"


@contextmanager
def stand_in(jobs: int = 0, *, latency: float = 0.0, play: str = "running") -> Iterator[dict[str, Any]]:
    """The stand-in, in a process of its own, with Jobs that run."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, __file__, "serve", folder, str(jobs), str(latency), play]
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None  # noqa: S101  (it was asked for)
            ready = json.loads(process.stdout.readline())
            yield {**ready, "folder": folder, "said": process.stdout}
        finally:
            process.terminate()
            process.wait()


def serve(folder: str, jobs: int, latency: float, play: str) -> None:
    """Be the stand-in; say when as many Jobs as are launched have been created."""
    from api_server import ApiServer
    from plays import Play

    class Server(ApiServer):
        def create(self, body: dict[str, Any], namespace: str = "default") -> tuple[int, dict[str, Any]]:
            answer = super().create(body, namespace)
            if len(self.created) in {1, LAUNCHES}:
                print(json.dumps({"created": len(self.created), "at": time.time()}), flush=True)
            return answer

    server = Server(Path(folder))
    server._default = Play(play, runs=False)  # noqa: SLF001  (the benchmark's own fate for every Job)
    server.page = 500
    for number in range(jobs):
        ApiServer.create(server, step_job(f"job-{number}"))
    server.delay = latency
    print(json.dumps({"kubeconfig": str(server.kubeconfig)}), flush=True)
    signal.pause()


def step_job(name: str) -> dict[str, Any]:
    """A Job as small as the API server takes it."""
    labels = {"dagster/run-id": RUN_ID, "dagster/op": name, "app.kubernetes.io/component": "step_worker"}
    container = {"name": "dagster", "image": "a", "args": [], "env": [{"name": "X", "value": "x" * 2000}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {"metadata": {"name": name, "labels": labels}, "spec": {"template": template}}


def stock_sweep(server: dict[str, Any], size: int) -> tuple[int, float, float]:
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


def our_sweep(server: dict[str, Any], size: int) -> tuple[int, float, float]:
    """What the supervisor does every 10 s."""
    from kubernetes.client import ApiClient
    from kubernetes.config import new_client_from_config

    from dagster_plus_k8s_helpers.executor.attempts import Rules
    from dagster_plus_k8s_helpers.executor.cluster import Cluster
    from dagster_plus_k8s_helpers.executor.history import History
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
    from dagster_plus_k8s_helpers.executor.supervisor import Supervisor
    from dagster_plus_k8s_helpers.executor.tracked_step import TrackedStep

    client: ApiClient = new_client_from_config(server["kubeconfig"])
    cluster = Cluster(client, 60.0)
    settings = ExecutorSettings(health_check_interval=0.001, call_timeout=60.0)
    supervisor = Supervisor(
        cluster,
        RUN_ID,
        settings,
        History(),
        SimpleNamespace(),  # type: ignore[arg-type]
        has_ended=lambda _key: False,
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
    with patch.object(ApiClient, "call_api", autospec=True, side_effect=ApiClient.call_api) as calls:
        time.sleep(0.01)
        begun = time.perf_counter()
        supervisor.act([], None)
        look = None
        while look is None:
            time.sleep(0.001)
            launched, look = supervisor.collect()
        in_all = time.perf_counter() - begun
        before = time.perf_counter()
        supervisor._looks._next = float("inf")  # noqa: SLF001  (one sweep is measured)
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
        run.describe(steps, settings if settings == "stock" else {"health_check_interval": 10.0, **settings})
        environment.setenv("DAGSTER_STEP_DELEGATING_EXECUTOR_SLEEP_SECONDS", "1.0")
        environment.setenv("TEST_STOCK_HEALTH_SECONDS", "20")
        run.start_worker()
        try:
            yield run
        finally:
            run.abandon()


def launches(settings: Any) -> tuple[float, float]:
    """From the first Job to the last, and the worker's memory after it has looked at them once."""
    steps = {f"s{number}": {} for number in range(LAUNCHES)}
    with stand_in(latency=LATENCY) as server, worker(settings, steps, server) as run:
        first = json.loads(server["said"].readline())["at"]
        last = json.loads(server["said"].readline())["at"]
        time.sleep(25)
        return last - first, resident(run.worker.pid)


def resident(pid: int) -> float:
    """Megabytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def failure(settings: Any) -> float:
    """From the Job's failure, which is there when it is created, to the step's failure event."""
    with stand_in(play="exit-3") as server, worker(settings, {"a": {}}, server) as run:
        created = json.loads(server["said"].readline())["at"]
        while not (found := [entry for entry in run.instance.all_logs(run.run_id) if failed(entry)]):
            time.sleep(0.1)
        return float(found[0].timestamp - created)


def failed(entry: Any) -> bool:
    """Whether an entry of the event log says that a step failed."""
    return entry.dagster_event is not None and entry.dagster_event.event_type_value == "STEP_FAILURE"


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5])
    else:
        main()
