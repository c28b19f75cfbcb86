"""One run of many steps, through the executor's loop: memory, stalls, looks, launches, event writes.

The run worker is a real one, in a process of its own, and so is PostgreSQL, which keeps the event log. The
cluster is played, in another process: a pod runs for so many seconds, and what a step's process writes to the
event log is written by a third. The largest size is 20,000 steps, of which half wait for the others.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent

sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

# Of launches: what an executor has unless it is said otherwise.
BURST = 100


def full() -> None:
    """As `main`, of the largest size: it takes half an hour."""
    main(20_000, 240.0, stock=1_000)


def main(count: int = 400, seconds: float = 4.0, *, stock: int = 100) -> None:
    """Print what each executor takes: the stock one, and this one with a watch and with lists alone."""
    sizes: dict[str, tuple[dict[str, Any] | str, int]] = {
        "k8s_job_executor": ("stock", stock),
        "k8s_executor": ({}, count),
        "k8s_executor(watch=False)": ({"watch": False}, count),
    }
    for name, (settings, size) in sizes.items():
        found = measured(settings, size, seconds if size == count else 4.0)
        print(f"{name}, {size:,} steps: {found.pop('status')}")
        for what, said in found.items():
            print(f"  {what:<34} {said}")


def measured(settings: dict[str, Any] | str, count: int, seconds: float) -> dict[str, str]:
    """What a run worker measured, in words."""
    from postgres import postgres

    with postgres() as socket, tempfile.TemporaryDirectory() as folder:
        describe(socket, Path(folder))
        figures, made = run(settings, count, seconds, Path(folder))
    return said(figures, made, count)


def describe(socket: str, folder: Path) -> None:
    """Write the instance's settings: its storage is a PostgreSQL of the benchmark's own."""
    launcher = {
        "job_image": "project:1",
        "load_incluster_config": False,
        "kubeconfig_file": str(folder / "kubeconfig"),
        "dagster_home": str(folder),
        "instance_config_map": "dagster",
        "service_account_name": "dagster",
    }
    said = {
        "storage": {
            "postgres": {"postgres_url": f"postgresql+psycopg2://postgres@/postgres?host={socket}"},
        },
        "run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": launcher},
        "telemetry": {"enabled": False},
    }
    # JSON is YAML.
    (folder / "dagster.yaml").write_text(json.dumps(said))


def run(
    settings: dict[str, Any] | str, count: int, seconds: float, folder: Path
) -> tuple[dict[str, Any], list[float]]:
    """The figures of the run worker, and when each Job was made."""
    template, figures = folder / "template", folder / "figures"
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(folder),
        "PYTHONWARNINGS": "ignore",
        "BENCH_STEPS": str(count),
        "BENCH_EXECUTOR": json.dumps(settings),
        "BENCH_KUBECONFIG": str(folder / "kubeconfig"),
        "BENCH_TEMPLATE": str(template),
        "BENCH_FIGURES": str(figures),
    }
    side = [sys.executable, str(HERE / "scale_run.py")]
    piped: dict[str, Any] = {
        "stdin": subprocess.PIPE,
        "stdout": subprocess.PIPE,
        "text": True,
        "env": environment,
    }
    cluster = subprocess.Popen([sys.executable, str(HERE / "scale_cluster.py"), str(folder)], **piped)
    player: subprocess.Popen[str] | None = None
    try:
        made = subprocess.run([*side, "create"], check=True, capture_output=True, text=True, env=environment)
        template.write_text(made.stdout.strip().splitlines()[-1])
        player = subprocess.Popen([*side, "play", str(seconds)], **piped)
        times: list[float] = []
        for one, other, note in ((cluster, player, times), (player, cluster, [])):
            threading.Thread(target=_hand_on, args=(one, other, note), daemon=True).start()
        subprocess.run([*side, "work"], check=True, stderr=subprocess.DEVNULL, env=environment)
        return json.loads(figures.read_text()), times
    finally:
        for process in (cluster, player):
            if process is not None:
                process.kill()
                process.wait()


def _hand_on(one: subprocess.Popen[str], other: subprocess.Popen[str], times: list[float]) -> None:
    """Tell one side what the other one says: which Jobs are made, which steps have ended."""
    assert one.stdout is not None  # noqa: S101  (both were asked for)
    assert other.stdin is not None  # noqa: S101
    with suppress(BrokenPipeError):
        for line in one.stdout:
            times.append(time.time())
            other.stdin.write(line)
            other.stdin.flush()


def said(figures: dict[str, Any], made: list[float], count: int) -> dict[str, str]:
    """The figures in words."""
    turns, looks = sorted(figures["turns"]), sorted(figures["looks"])
    writes, writing = len(figures["writes"]), 1000 * sum(figures["writes"])
    late, loop = sorted(figures["late"]), sum(figures["turns"])
    after = made[BURST:] or made
    rate = (len(after) - 1) / max(after[-1] - after[0], 1e-9)
    return {
        "status": figures["status"],
        "time in all": f"{figures['seconds']:,.0f} s",
        "memory, before the loop and at most": f"{figures['before']:,.0f} MB, {figures['peak']:,.0f} MB",
        "a turn of the loop, p50 p99 max": _percentiles(turns),
        "of it the processor, p50 p99 max": _percentiles(sorted(figures["work"])),
        "a pause late by, p50 p99 max": _percentiles(late),
        "turns, and the loop at work": f"{len(turns):,}, {loop:,.1f} s",
        "looks, p50 p99 max": f"{len(looks)}: {_percentiles(looks)}" if looks else "not measured",
        "garbage collections, p50 p99 max": _percentiles(sorted(figures["gc"])),
        "launches": f"{len(made):,}, {rate:.1f} a second after the first {BURST}",
        "events written by the run worker": f"{writes:,}, {writing / writes:.1f} ms each",
        "events read by the loop": f"{figures['events']:,}",
        "CPU of the run worker": f"{figures['cpu']:,.1f} s, {1000 * figures['cpu'] / count:.1f} ms a step",
    }


def _percentiles(numbers: list[float]) -> str:
    """Of sorted seconds."""
    if not numbers:
        return "none"
    at = [numbers[min(int(len(numbers) * share), len(numbers) - 1)] for share in (0.5, 0.99, 1.0)]
    return ", ".join(f"{1000 * number:,.0f} ms" for number in at)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:2]))
