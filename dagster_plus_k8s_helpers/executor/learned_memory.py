"""The memory a step needed last time, read from the event log by op and partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from dagster_plus_k8s_helpers._dagster.execution import asset_keys_of, engine_events
from dagster_plus_k8s_helpers.executor.history import memory_from
from dagster_plus_k8s_helpers.executor.reports import MEMORY_WORKED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers._dagster.execution import ExecutionStep
    from dagster_plus_k8s_helpers.executor.memory_ladder import Memory

__all__ = ["learned_memory"]

_PARTITION_TAG = "dagster/partition"
_RUNS = 10


def learned_memory(
    instance: dg.DagsterInstance, run: dg.DagsterRun, step: ExecutionStep
) -> tuple[Memory, str] | None:
    """The size with which a step last succeeded after its memory was raised, and the run it was in.

    Args:
        instance: Whose event log is read.
        run: The run that the step is about to start in; its partition counts.
        step: The step.
    """
    for run_id in _runs_before(instance, run, step):
        for metadata in engine_events(instance, run_id, step.key):
            memory = memory_from(metadata, MEMORY_WORKED)
            if memory is not None:
                return memory, run_id
    return None


def _runs_before(instance: dg.DagsterInstance, run: dg.DagsterRun, step: ExecutionStep) -> Iterator[str]:
    """Runs in which the step may have succeeded, newest first."""
    partition = run.tags.get(_PARTITION_TAG)
    keys = asset_keys_of(step)
    if keys:
        # Every ad-hoc run of assets has the same job, so the asset is the way to the run.
        wanted = dg.AssetRecordsFilter(asset_key=keys[0], asset_partitions=[partition] if partition else None)
        for record in instance.fetch_materializations(wanted, limit=1).records:
            if record.run_id != run.run_id:
                yield record.run_id
        return
    filters = dg.RunsFilter(
        job_name=run.job_name, tags={_PARTITION_TAG: partition} if partition is not None else {}
    )
    for found in instance.get_runs(filters, limit=_RUNS):
        if found.run_id != run.run_id:
            yield found.run_id
