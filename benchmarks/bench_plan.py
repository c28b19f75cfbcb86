"""Planning a job of 50 distinct configs, beside a loop that has dagster_k8s merge and build every Job.

Each in a process of its own, after import; loading the definitions is Dagster's and timed apart.
"""

from __future__ import annotations

import subprocess
import sys

from benchmarks.results import Comparison, compared

SIZES = (1_000,)
LARGEST = 10_000
ROUNDS = 2
LOADED = """
import time
import dagster as dg
import dagster_k8s
from dagster_plus_k8s_helpers import k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.plan import plan

def make(number):
    deps = [f"asset_{{number - {width}}}"] if number >= {width} else []
    @dg.asset(name=f"asset_{{number}}", deps=deps, op_tags=k8s_tags(cpu=number % 50 + 1))
    def asset(): ...
    return asset

definitions = dg.Definitions(
    assets=[make(number) for number in range({size})], executor=k8s_executor(max_concurrent=20)
)
start = time.perf_counter()
job = definitions.resolve_implicit_global_asset_job_def()
loading = time.perf_counter() - start
start = time.perf_counter()
{timed}
print(loading, time.perf_counter() - start)
"""
TIMED = {
    "plan": "plan(definitions)",
    "plan, manifests": "[step.manifest for step in plan(definitions).steps.values()]",
    "plan, peak": "plan(definitions).peak",
    "dagster_k8s a step": """
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import DagsterK8sJobConfig, construct_dagster_k8s_job, get_user_defined_k8s_config
from kubernetes.client import ApiClient
client = ApiClient()
nothing = K8sContainerContext()
for node in job.nodes:
    # The merges of K8sStepHandler._get_container_context, without an agent or a code location.
    context = (
        K8sContainerContext.create_for_run(dg.DagsterRun(job.name), None, include_run_tags=False)
        .merge(nothing)
        .merge(K8sContainerContext(run_k8s_config=get_user_defined_k8s_config(node.definition.tags)))
        .merge(nothing)
    )
    client.sanitize_for_serialization(
        construct_dagster_k8s_job(
            DagsterK8sJobConfig(job_image="a"), [], node.name[:60],
            user_defined_k8s_config=context.run_k8s_config,
        )
    )
""",
}


def full() -> None:
    """As `main`, with the largest job."""
    main((*SIZES, LARGEST))


def main(sizes: tuple[int, ...] = SIZES) -> None:
    """Print a line each."""
    for size in sizes:
        found = {}
        for name, timed in TIMED.items():
            loading, taken = min((seconds(size, timed) for _ in range(ROUNDS)), key=lambda pair: pair[1])
            print(f"{size:6,} steps  {name:20} {taken:7.2f} s   (Dagster loads the job in {loading:.2f} s)")
            found[name] = taken
        if size >= 1000:
            own, theirs = found["plan"], found["dagster_k8s a step"]
            compared(
                Comparison(f"a plan of {size:,} steps", "plan", own, theirs, "dagster_k8s, step by step")
            )


def seconds(size: int, timed: str) -> tuple[float, float]:
    """How long loading the job and the rest take in a new process."""
    code = LOADED.format(size=size, width=size // 20, timed=timed)
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loading, taken = output.split()
    return float(loading), float(taken)


if __name__ == "__main__":
    main()
