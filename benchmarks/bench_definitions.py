"""Loading definitions of 2,000 or 10,000 assets with op_tags from ten configs, beside dictionaries by hand.

Each load happens in a process of its own, turn by turn; the smallest of each is taken.
"""

from __future__ import annotations

import subprocess
import sys

ASSETS = 2_000
LARGEST = 10_000
ROUNDS = 3
CONFIGS = {
    "K8sConfig": "[K8sConfig(resources=Resources(cpu=n, memory='2Gi')).tags for n in range(1, 11)]",
    "by hand": (
        "[{'dagster-k8s/config': {'container_config': {'resources': {'limits': "
        "{'cpu': str(n), 'memory': '2Gi'}}}}} for n in range(1, 11)]"
    ),
}
LOADED = """
import time
import dagster as dg
from dagster_plus_k8s_helpers import K8sConfig, Resources

def make(number, tags):
    @dg.asset(name=f"asset_{{number}}", op_tags=tags)
    def asset(): ...
    return asset

start = time.perf_counter()
tags = {configs}
definitions = dg.Definitions(assets=[make(n, tags[n % 10]) for n in range({assets})])
definitions.get_repository_def().load_all_definitions()
print(time.perf_counter() - start)
"""


def full() -> None:
    """As `main`, for the most assets."""
    main(LARGEST)


def main(assets: int = ASSETS) -> None:
    """Print a line each."""
    print(f"{assets:,} assets")
    fastest = dict.fromkeys(CONFIGS, float("inf"))
    for _ in range(ROUNDS):
        for name, configs in CONFIGS.items():
            fastest[name] = min(fastest[name], seconds(configs, assets))
    for name, taken in fastest.items():
        print(f"{name:12} {taken:7.2f} s   {taken / fastest['by hand']:6.3f} of by hand")


def seconds(configs: str, assets: int) -> float:
    """How long the definitions take in a new process."""
    code = LOADED.format(configs=configs, assets=assets)
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    return float(output)


if __name__ == "__main__":
    main()
