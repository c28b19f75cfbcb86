"""The memory a step needed last time, read from the event log by op and partition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from dagster_plus_k8s_helpers._dagster.execution import asset_keys_of, engine_events
from dagster_plus_k8s_helpers.executor.events.history import memory_from
from dagster_plus_k8s_helpers.executor.events.reports import MEMORY_WORKED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster_plus_k8s_helpers._dagster.execution import ExecutionStep
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

__all__ = ["LearnedMemory"]

_PARTITION_TAG = "dagster/partition"
# Of an asset's materializations or a job's runs: one that somebody made elsewhere, or that needed no more
# memory, must not hide what an earlier one has learned.
_RUNS = 10


class LearnedMemory:
    """Sizes with which steps succeeded after their memory was raised, in runs before this one.

    The log of an earlier run is read once, however many steps ask.

    Args:
        instance: Whose event log is read.
        run: The run that the steps are about to start in; its partition counts.
    """

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        self._instance, self._run = instance, run
        self._by_run: dict[str, Mapping[str, Memory]] = {}
        self._runs_of_job: list[str] | None = None

    def of(self, step: ExecutionStep) -> tuple[Memory, str] | None:
        """The size a step last needed, and the run it was in."""
        for run_id in self._runs_before(step):
            if (memory := self._sizes(run_id).get(step.key)) is not None:
                return memory, run_id
        return None

    def _sizes(self, run_id: str) -> Mapping[str, Memory]:
        if run_id not in self._by_run:
            self._by_run[run_id] = {
                step_key: memory
                for step_key, metadata in engine_events(self._instance, run_id)
                if (memory := memory_from(metadata, MEMORY_WORKED)) is not None
            }
        return self._by_run[run_id]

    def _runs_before(self, step: ExecutionStep) -> Iterator[str]:
        """Runs in which the step may have succeeded, newest first."""
        keys = asset_keys_of(step)
        found = self._runs_that_materialized(keys[0]) if keys else self._runs_of_the_job()
        return (run_id for run_id in dict.fromkeys(found) if run_id != self._run.run_id)

    def _runs_that_materialized(self, key: dg.AssetKey) -> list[str]:
        # Every ad-hoc run of assets has the same job, so the asset is the way to the run.
        partition = self._run.tags.get(_PARTITION_TAG)
        wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition] if partition else None)
        return [
            record.run_id for record in self._instance.fetch_materializations(wanted, limit=_RUNS).records
        ]

    def _runs_of_the_job(self) -> list[str]:
        if self._runs_of_job is None:
            partition = self._run.tags.get(_PARTITION_TAG)
            tags = {_PARTITION_TAG: partition} if partition is not None else {}
            filters = dg.RunsFilter(job_name=self._run.job_name, tags=tags)
            self._runs_of_job = [run.run_id for run in self._instance.get_runs(filters, limit=_RUNS)]
        return self._runs_of_job
