"""What importing the package adds to importing dagster, beside what dagster_k8s adds.

Each import happens in a process of its own; the smallest of several is taken, turn by turn.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.results import Comparison, compared

ROUNDS = 7
STATEMENTS = {
    "dagster_plus_k8s_helpers": "import dagster_plus_k8s_helpers",
    "and K8sConfig, gpu, k8s_tags": "from dagster_plus_k8s_helpers import K8sConfig, gpu, k8s_tags",
    "dagster_k8s": "import dagster_k8s",
}
TIMED = """
import dagster, time
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""


def main() -> None:
    """Print a line an import."""
    fastest = dict.fromkeys(STATEMENTS, float("inf"))
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            fastest[name] = min(fastest[name], seconds(statement))
    for name, taken in fastest.items():
        print(f"{name:32} {taken * 1000:8.1f} ms over import dagster")
    ours, theirs = fastest["dagster_plus_k8s_helpers"], fastest["dagster_k8s"]
    compared(Comparison("import, after dagster", "import", ours, theirs, "import dagster_k8s"))


def seconds(statement: str) -> float:
    """How long the statement takes in a new process that has imported dagster."""
    code = TIMED.format(statement=statement)
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return float(output)


if __name__ == "__main__":
    main()
