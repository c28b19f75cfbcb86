"""A job of small and large assets' steps: in pods, in the run's pod, and without any pod but the run's.

The API server is the tests' stand-in: a pod's process begins some seconds after its Job was created, as a
real one does that waits for its node and image. Steps do nothing; they are real processes, those of pods with
Dagster loaded already, which is in their favour. With the largest sizes there are 40 small and 4 large ones.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent
SUPPORT = ROOT / "tests" / "support"
AT_ONCE = 4

sys.path[:0] = [str(ROOT), str(SUPPORT)]


def full() -> None:
    """As `main`, of the size that is worth a look."""
    main(40, 4, 15.0)


def main(small: int = 3, large: int = 1, pod_seconds: float = 2.0) -> None:
    """Print a small table."""
    steps = {f"small{number}": {"memory": "256Mi"} for number in range(small)}
    steps |= {f"large{number}": {"memory": "8Gi"} for number in range(large)}
    executors: Mapping[str, Any] = {
        "k8s_job_executor": "stock",
        "k8s_executor": {},
        "k8s_executor(in_run_pod='small')": {"in_run_pod": "small", "run_pod_concurrency": AT_ONCE},
        "multiprocess_executor": "multiprocess",
    }
    print(f"{small} small and {large} large steps, {pod_seconds:g} s for a pod to begin, {AT_ONCE} at once")
    for name, settings in executors.items():
        seconds, pods = measured(settings, steps, pod_seconds)
        print(f"  {name:<34} {seconds:>6.1f} s   {pods:>3} pods beside the run's")


def measured(settings: Any, steps: dict[str, Any], pod_seconds: float) -> tuple[float, int]:
    """Seconds of a run, and how many pods its steps had."""
    import step_jobs

    from benchmarks.bench_executor import Said, worker

    with tempfile.TemporaryDirectory() as folder:
        arguments = [sys.executable, __file__, "serve", folder, str(pod_seconds)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(SUPPORT)]),
            # The stock executor's Jobs do not hold what the job is made from.
            step_jobs.STEPS: json.dumps(steps),
            step_jobs.EXECUTOR: json.dumps("stock"),
            step_jobs.FOLDER: folder,
        }
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        assert process.stdout is not None  # noqa: S101  (it was asked for)
        said = Said(process.stdout)
        server = {**said.next(), "folder": folder}
        try:
            began = time.perf_counter()
            with worker(settings, steps, server) as run:
                run.worker.wait(1800)
                seconds = time.perf_counter() - began
                assert run.status.is_success, run.messages()[-5:]  # noqa: S101
                pods = sum("Kubernetes job" in text for text in run.messages("STEP_WORKER_STARTING"))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            said.close()
    return seconds, pods


def serve(folder: str, pod_seconds: float) -> None:
    """Be the stand-in, whose pods begin late."""
    from api_server import ApiServer
    from plays import Play

    class Server(ApiServer):
        def create(self, body: dict[str, Any], namespace: str = "default") -> tuple[int, dict[str, Any]]:
            answer = super().create(body, namespace)
            job = self.played[body["metadata"]["name"]]
            threading.Timer(pod_seconds, lambda: job.release(Play())).start()
            return answer

    server = Server(Path(folder))
    server._default = Play("running", runs=False)  # noqa: SLF001  (the benchmark's own fate for every Job)
    print(json.dumps({"kubeconfig": str(server.kubeconfig)}), flush=True)
    signal.pause()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], float(sys.argv[3]))
    else:
        main()
