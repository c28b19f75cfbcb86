"""A Dagster job made of what the environment says, so that a step's process can load it as well.

The same job runs against the stand-in and on a cluster.
"""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import K8sConfig, MemoryLadder, Resources, k8s_executor

STEPS = "TEST_STEPS"
"""JSON: by op name, ``does``, ``memory``, ``tags``, ``max_retries``, ``after``.

What a step does: ``wait`` until it is released, ``wait, exit`` and the like, or see `_do`.
"""
EXECUTOR = "TEST_EXECUTOR"
"""JSON: keyword arguments of `k8s_executor`; ``"stock"`` or ``"multiprocess"``."""
FOLDER = "TEST_FOLDER"


def make_job() -> dg.JobDefinition:
    """The job that the environment describes."""
    steps: dict[str, dict[str, Any]] = json.loads(os.environ[STEPS])

    @dg.graph(name="steps")
    def graph() -> None:
        made: dict[str, Any] = {}
        for name, step in steps.items():
            made[name] = _op(name, step)(start=[made[after] for after in step.get("after", [])])

    return graph.to_job(name="steps", executor_def=_executor())


def make_asset_job() -> dg.JobDefinition:
    """A job of one partitioned step with two assets."""

    @dg.multi_asset(
        name="train",
        specs=[dg.AssetSpec(["ml", "model"]), dg.AssetSpec(["ml", "score"])],
        partitions_def=dg.StaticPartitionsDefinition(["us", "eu"]),
    )
    def train() -> Any:
        yield dg.MaterializeResult(["ml", "model"])
        yield dg.MaterializeResult(["ml", "score"])

    job = dg.define_asset_job("assets", [train])
    return dg.Definitions(assets=[train], jobs=[job], executor=_executor()).resolve_job_def("assets")


def _op(name: str, step: dict[str, Any]) -> dg.OpDefinition:
    resources = K8sConfig(resources=Resources(memory=step["memory"])) if step.get("memory") else K8sConfig()
    policy = dg.RetryPolicy(max_retries=step["max_retries"]) if "max_retries" in step else None

    @dg.op(
        name=name,
        ins={"start": dg.In(dg.Nothing)},
        tags={**resources.tags, **step.get("tags", {})},
        retry_policy=policy,
    )
    def op(context: dg.OpExecutionContext) -> None:
        what = step.get("does", "succeed")
        _say_which_process(name, os.getpid())
        if what.startswith("wait"):
            _wait(context, name)
            what = what.removeprefix("wait").removeprefix(", ")
        _do(name, what)

    return op


def _say_which_process(name: str, pid: int) -> None:
    folder = Path(os.environ.get(FOLDER, "/nowhere"))
    if folder.exists():
        path = folder / f"{name}.pid.{len(list(folder.glob(f'{name}.pid.*')))}"
        new = path.with_name(f".{path.name}")
        new.write_text(str(pid))
        new.rename(path)


def release_key(run_id: str, step: str) -> str:
    """The key in the instance's storage that lets a waiting step go on; pods need share nothing else."""
    return f"released/{run_id}/{step}"


def _wait(context: dg.OpExecutionContext, name: str) -> None:
    key = release_key(context.run_id, name)
    while key not in context.instance.daemon_cursor_storage.get_cursor_values({key}):
        time.sleep(0.2)


def _do(name: str, what: str) -> None:
    folder = Path(os.environ.get(FOLDER, "/nowhere"))
    if what == "hold":
        (folder / f"{name}.began.{len(list(folder.glob(f'{name}.began.*')))}").touch()
        while not (folder / f"{name}.go").exists():
            time.sleep(0.02)
    elif what == "hold-once-then-fail":
        began = folder / f"{name}.began.0"
        if not began.exists():
            began.touch()
            time.sleep(600)
        raise ValueError("the step's own error")
    elif what == "fail-and-crash":
        atexit.register(os._exit, 1)
        raise ValueError("the step's own error")
    elif what == "fail":
        raise ValueError("the step's own error")
    elif what.startswith("sleep "):
        time.sleep(float(what.split()[1]))
    elif what == "exit":
        os._exit(3)
    elif what in {"fork", "ignore"}:
        _outlive(name, what)
    else:
        _use_memory(name, what, folder)


def _lose_a_child() -> None:
    """As the kernel counts it that has killed a process of the container for memory."""
    events = Path(os.environ["DAGSTER_MEMORY_USAGE_PATH_V2"]).parent / "memory.events"
    kills = int(events.read_text().split()[-1]) if events.exists() else 0
    events.write_text(f"oom_kill {kills + 1}\n")
    _wait_for_a_sample()
    raise ValueError("a child of the step is gone")


def _outlive(name: str, what: str) -> None:
    """Have a process that nobody waits for, or be one that a signal does not end."""
    pid = os.getpid()
    if what == "fork":
        pid = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid
    else:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _say_which_process(name, pid)
    time.sleep(600)


def _use_memory(name: str, what: str, folder: Path) -> None:
    if what.startswith("use "):
        held = bytearray(os.urandom(2**20)) * int(what.split()[1])
        _wait_for_a_sample()
        held.clear()
    elif what.startswith("overuse "):
        for procs in os.environ["TEST_CGROUP_PROCS"].split(os.pathsep):
            Path(procs).write_text(str(os.getpid()))
        held = bytearray(b"x") * (int(what.split()[1]) * 2**20)
    elif what.startswith("allocate "):
        held = bytearray(int(what.split()[1]) * 2**20)
        held[:: 2**12] = b"x" * len(held[:: 2**12])
        _wait_for_the_kill(name, folder)
    elif what == "lose a child":
        _lose_a_child()


def _wait_for_a_sample() -> None:
    """What is written is written anew, twice: a look that began after now has ended by then."""
    path = Path(os.environ.get("DAGSTER_PLUS_K8S_USAGE", "/dev/termination-log"))
    deadline = time.monotonic() + 60
    for _ in range(2):
        before = path.read_bytes()
        while path.read_bytes() == before and time.monotonic() < deadline:
            time.sleep(0.02)


def _wait_for_the_kill(name: str, folder: Path) -> None:
    """On the stand-in, where memory has no limit: say that it is taken, and wait if this attempt is doomed."""
    attempt = len(list(folder.glob(f"{name}.allocated.*")))
    if folder.exists():
        (folder / f"{name}.allocated.{attempt}").touch()
    while (folder / f"{name}.doomed.{attempt}").exists():
        time.sleep(0.02)


def _executor() -> dg.ExecutorDefinition:
    settings = json.loads(os.environ[EXECUTOR])
    if settings == "stock":
        return _stock_executor()
    if settings == "multiprocess":
        return dg.multiprocess_executor.configured({"max_concurrent": 4})
    # A process of the test's own inherits these; a pod gets them from its Job.
    env = {name: os.environ[name] for name in (STEPS, EXECUTOR, FOLDER) if name in os.environ}
    settings["step_config"] = K8sConfig(env=env)
    if "memory_ladder" in settings:
        settings["memory_ladder"] = MemoryLadder(**settings["memory_ladder"])
    return k8s_executor(**settings)


def _stock_executor() -> dg.ExecutorDefinition:
    """The stock executor, its waits a twentieth as long: 1 s between health checks instead of 20."""
    settings = {
        "job_image": "project:1",
        "load_incluster_config": False,
        "kubeconfig_file": os.environ.get("TEST_KUBECONFIG"),
    }

    @dg.executor(name="stock", requirements=k8s_job_executor.get_requirements({}))
    def executor(context: dg.InitExecutorContext) -> dg.Executor:
        made = k8s_job_executor.executor_creation_fn(
            dg.InitExecutorContext(
                job=context.job,
                executor_def=k8s_job_executor,
                executor_config={"retries": {"enabled": {}}, **settings},
                instance=context.instance,
            )
        )
        made._check_step_health_interval_seconds = int(os.environ.get("TEST_STOCK_HEALTH_SECONDS", "1"))
        client = made._step_handler._api_client
        client.create_namespaced_job_with_retries = functools.partial(
            client.create_namespaced_job_with_retries, wait_time_between_attempts=0.5
        )
        return made

    return executor
