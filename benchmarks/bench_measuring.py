"""What a step pays for being measured: a look a second at its cgroup, on this machine's own files.

In a process of its own that has imported Dagster, as a step has; beside what importing Dagster takes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOOKS = 2000
ROUNDS = 5
ASKS = 100_000


def main() -> None:
    """Print a line a figure."""
    found = [figures() for _ in range(ROUNDS)]
    best = {name: min(each[name] for each in found) for name in found[0]}
    rows = {
        "one look, with what it writes": f"{best['look']:.0f} us of CPU",
        # A second has a million of them.
        "at one look a second": f"{best['look'] / 1e6:.4%} of a core",
        "memory": f"{best['memory'] / 2**10:.0f} kB, beside {best['before'] / 2**20:.0f} MB",
        "its beginning, once in a step": f"{best['start'] / 1e3:.1f} ms",
        "a k8s_executor() where there is no step": f"{best['ask'] * 1e3:.0f} ns",
    }
    for name, figure in rows.items():
        print(f"{name:42}{figure}")


def figures() -> dict[str, float]:
    """Of one process."""
    with tempfile.NamedTemporaryFile() as file:
        environment = {
            **os.environ,
            "DAGSTER_PLUS_K8S_USAGE": file.name,
            "DAGSTER_RUN_STEP_KEY": "bench",
            "KUBERNETES_SERVICE_HOST": "bench",
        }
        done = subprocess.run(
            [sys.executable, __file__], env=environment, cwd=ROOT, check=True, capture_output=True, text=True
        )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure() -> dict[str, float]:
    """Be the process of `figures`: microseconds and bytes."""
    import time

    import dagster  # noqa: F401 - a step has it

    from dagster_plus_k8s_helpers.measuring.step import measure_this_step

    begun = time.perf_counter()
    for _ in range(ASKS):
        measure_this_step()
    ask = (time.perf_counter() - begun) / ASKS
    sys.argv = ["dagster", "execute_step"]
    before = resident()
    begun = time.perf_counter()
    measure_this_step()
    start = time.perf_counter() - begun
    memory = resident() - before
    # What a process loads that measures itself is in the figures above.
    from dagster_plus_k8s_helpers.measuring.cgroup import Cgroup
    from dagster_plus_k8s_helpers.measuring.message import MessageFile
    from dagster_plus_k8s_helpers.measuring.sampler import Peaks

    with tempfile.NamedTemporaryFile() as other:
        peaks, message = Peaks(Cgroup()), MessageFile(other.name)
        begun = time.thread_time()
        for _ in range(LOOKS):
            if not message.write(peaks.look()):
                raise SystemExit("the message cannot be written")
        look = (time.thread_time() - begun) / LOOKS
    return {"look": look * 1e6, "memory": memory, "before": before, "start": start * 1e6, "ask": ask * 1e6}


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    print(json.dumps(measure()))
