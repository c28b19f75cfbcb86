"""Sizes of 1,000 steps at launch: what deciding them takes of the executor's loop, in all.

The event log is SQLite's, with earlier runs of all these steps; what is sized is what the loop would launch.
"""

from __future__ import annotations

import tempfile
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers import K8sConfig, Resources, Sized, sized_by_partition, sized_by_usage

if TYPE_CHECKING:
    import dagster as dg

    from dagster_plus_k8s_helpers import StepFacts

STEPS = 1000
RUNS = 3
MOST_RUNS = 10
PARTITION = {"dagster/partition": "us"}
BIG = K8sConfig(resources=Resources(memory="8Gi"))
MI = 2**20


def by_name(facts: StepFacts) -> Sized:
    """A function as a user writes one."""
    return Sized(BIG if facts.step_key.endswith("7") else None, "by its name")


def full() -> None:
    """As `main`, with as many earlier runs as `sized_by_usage` goes by."""
    main(runs=MOST_RUNS)


def main(steps: int = STEPS, runs: int = RUNS) -> None:
    """Print a small table."""
    import dagster as dg

    from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG

    written = {
        "by partition": sized_by_partition({"eu-*": BIG, "u*": BIG})[SIZE_TAG],
        "by a function": f"{__name__}:by_name",
        "by usage": sized_by_usage()[SIZE_TAG],
    }
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
        job, planned = a_job(steps)
        began = time.perf_counter()
        for _ in range(runs):
            earlier_run(instance, job, planned)
        print(f"{steps} steps, {runs} earlier runs of them ({time.perf_counter() - began:.0f} s to write)")
        for name, size in written.items():
            seconds, sized = decided(instance, job, planned, size)
            print(f"  {name:<14} {seconds:>7.3f} s of CPU in all   {sized} got another size")


def a_job(steps: int) -> tuple[dg.JobDefinition, list[Any]]:
    """A job of so many steps, and they."""
    import dagster as dg
    from dagster._core.execution.api import create_execution_plan

    @dg.op
    def load() -> None: ...

    @dg.job
    def nightly() -> None:
        for number in range(steps):
            load.alias(f"load_{number}")()

    return nightly, create_execution_plan(nightly).get_all_steps_in_topo_order()


def earlier_run(instance: dg.DagsterInstance, job: dg.JobDefinition, planned: list[Any]) -> None:
    """A run in which each step was measured."""
    import dagster as dg

    from dagster_plus_k8s_helpers import Usage
    from dagster_plus_k8s_helpers._dagster.execution import EngineEventData

    run = instance.create_run_for_job(job, tags=PARTITION, status=dg.DagsterRunStatus.SUCCESS)
    for step in planned:
        usage = Usage(
            job=f"dagster-step-{step.key}", memory_peak_bytes=900 * MI, memory_limit_bytes=4096 * MI
        )
        data = EngineEventData(metadata=usage.to_metadata())
        instance.report_engine_event("used", run, data, step_key=step.key)


def decided(
    instance: dg.DagsterInstance, job: dg.JobDefinition, planned: list[Any], size: str
) -> tuple[float, int]:
    """CPU seconds to size all steps of a new run, merged as the Job has it, and how many were sized."""
    import dagster_k8s  # noqa: F401  (a run worker has it by then)

    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.usage_history import UsageHistory
    from dagster_plus_k8s_helpers.executor.launching.sizes import Sizes
    from dagster_plus_k8s_helpers.sizing.layer import with_size

    run = instance.create_run_for_job(job, tags=PARTITION)
    context: Any = SimpleNamespace(instance=instance, dagster_run=run)
    began, sized = time.process_time(), 0
    sizes = Sizes(context, History(), UsageHistory(instance, run), size)
    for step in planned:
        found = sizes.decide(step, {})
        if found is not None and found[0].config is not None:
            with_size({}, step.op_name, found[0].config)
            sized += 1
    return time.process_time() - began, sized
