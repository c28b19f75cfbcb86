"""What steps took and needed in earlier runs, read from the event log by op and partition."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

import dagster as dg

from dagster_plus_k8s_helpers._dagster.event_pages import BEGUN, UnreadableRunError, engine_event_pages
from dagster_plus_k8s_helpers._dagster.execution import asset_keys_of
from dagster_plus_k8s_helpers._dagster.step_facts import ASSET_JOB, partitions_of
from dagster_plus_k8s_helpers.executor.events.history import memory_from
from dagster_plus_k8s_helpers.executor.events.reports import MEMORY_WORKED, RETRY_OF_JOB
from dagster_plus_k8s_helpers.executor.events.usage_log import UsageLog
from dagster_plus_k8s_helpers.sizing.by_usage import MOST_RUNS
from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers._dagster.execution import ExecutionStep
    from dagster_plus_k8s_helpers._dagster.step_facts import Partitions
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["UsageHistory"]

# Of an asset's materializations or a job's runs: one that somebody made elsewhere, or that needed no more
# memory, must not hide what an earlier one has learned.
_RUNS = 10
_PAGE = 5_000
_NAMES = (USAGE_OF, MEMORY_WORKED, RETRY_OF_JOB)


@dataclass
class _Log:
    """What the executor's events of one run say."""

    usage: UsageLog
    worked: dict[str, Memory] = field(default_factory=dict)


@dataclass(frozen=True)
class _Runs:
    """When runs were, in seconds since 1970, by their ids; the newest first.

    Args:
        own: Of the same partitions.
        others: Of others.
    """

    own: dict[str, float]
    others: dict[str, float]


class UsageHistory:
    """What runs before this one know of its steps.

    The log of an earlier run is read once, however many steps ask, and not before it is needed.

    Args:
        instance: Whose event log is read.
        run: The run that the steps are about to start in; its partitions count.
    """

    def __init__(self, instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
        self._instance, self._run = instance, run
        self._partitions = partitions_of(run.tags)
        self._logs: dict[str, _Log] = {}
        self._runs_of: dict[tuple[str, ...], _Runs] = {}
        self._runs_of_job: list[str] | None = None

    def worked(self, step: ExecutionStep) -> tuple[Memory, str] | None:
        """The size with which a step last succeeded after its memory was raised, and the run it was in."""
        for run_id in self._runs_before(step):
            if (memory := self._log(run_id).worked.get(step.key)) is not None:
                return memory, run_id
        return None

    def usage(self, step: ExecutionStep) -> Iterator[Usage]:
        """What attempts of a step took, for the same partitions, the newest first."""
        for run_id in self._runs(step).own:
            yield from self._log(run_id).usage.of(step.key)

    def usage_of_others(self, step: ExecutionStep) -> Iterator[Usage]:
        """What attempts took for other partitions and, of a mapped step, for other mapping keys."""
        runs = self._runs(step)
        for run_id in runs.own:
            yield from self._log(run_id).usage.of_siblings(step.key)
        for run_id in runs.others:
            log = self._log(run_id).usage
            yield from log.of(step.key)
            yield from log.of_siblings(step.key)

    def _log(self, run_id: str) -> _Log:
        if run_id not in self._logs:
            log = _Log(UsageLog(run_id))
            pages = engine_event_pages(self._instance, run_id, _PAGE, _NAMES)
            # A run whose file is damaged must not keep the others from being of use.
            with suppress(UnreadableRunError):
                for event in (event for _, page in pages for event in page):
                    log.usage.note(event.step_key, event.metadata)
                    if (memory := memory_from(event.metadata, MEMORY_WORKED)) is not None:
                        log.worked[event.step_key] = memory
            self._logs[run_id] = log
        return self._logs[run_id]

    def _runs(self, step: ExecutionStep) -> _Runs:
        """Runs in which a step may have been attempted, whatever became of them.

        Those of its job, for an asset the implicit asset job's too: a query for all steps of the run, where
        one for each asset would take long with a storage behind an API. Most runs of the implicit asset job
        are of other assets, so there an asset that is in none of the newest is looked for by its
        materializations too; the others stay, for a run that was OOMKilled has materialized nothing.
        """
        keys = asset_keys_of(step)
        names = tuple(dict.fromkeys((self._run.job_name, ASSET_JOB) if keys else (self._run.job_name,)))
        if names not in self._runs_of:
            self._runs_of[names] = self._runs_named(names)
        found = self._runs_of[names]
        if keys and self._run.job_name == ASSET_JOB and not self._is_in(step, found):
            by_asset = (str(keys[0]),)
            if by_asset not in self._runs_of:
                self._runs_of[by_asset] = _both(found, self._runs_of_asset(keys[0]))
            return self._runs_of[by_asset]
        return found

    def _is_in(self, step: ExecutionStep, runs: _Runs) -> bool:
        return any(self._log(run_id).usage.of(step.key) for run_id in islice(runs.own, _RUNS))

    def _runs_named(self, names: tuple[str, ...]) -> _Runs:
        # One page of any partition, and one of this: its runs may all be older.
        records = [record for name in names for record in self._records(name, {})]
        if self._partitions.tags:
            records += [record for name in names for record in self._records(name, self._partitions.tags)]
        newest = sorted(records, key=lambda record: record.create_timestamp, reverse=True)
        found = _Runs({}, {})
        for record in newest:
            run = record.dagster_run
            if run.run_id != self._run.run_id:
                runs = found.own if partitions_of(run.tags) == self._partitions else found.others
                runs[run.run_id] = record.create_timestamp.timestamp()
        return found

    def _records(self, job_name: str, tags: dict[str, str]) -> list[dg.RunRecord]:
        # Hundreds of a backfill may be queued, and would take the place of those that say something.
        filters = dg.RunsFilter(job_name=job_name, tags=tags, statuses=BEGUN)
        return list(self._instance.get_run_records(filters, limit=MOST_RUNS))

    def _runs_of_asset(self, key: dg.AssetKey) -> _Runs:
        own = self._runs_that_materialized(key, self._partitions)
        anywhere = self._runs_that_materialized(key, partitions_of({}))
        return _Runs(own, {run_id: at for run_id, at in anywhere.items() if run_id not in own})

    def _runs_before(self, step: ExecutionStep) -> Iterator[str]:
        """Runs in which the step may have succeeded, newest first."""
        keys = asset_keys_of(step)
        if keys:
            return iter(self._runs_that_materialized(keys[0], self._partitions))
        if self._runs_of_job is None:
            filters = dg.RunsFilter(job_name=self._run.job_name, tags=self._partitions.tags)
            self._runs_of_job = [run.run_id for run in self._instance.get_runs(filters, limit=_RUNS)]
        return (run_id for run_id in self._runs_of_job if run_id != self._run.run_id)

    def _runs_that_materialized(self, key: dg.AssetKey, partitions: Partitions) -> dict[str, float]:
        # Every ad-hoc run of assets has the same job, so the asset is the way to the run.
        wanted = dg.AssetRecordsFilter(
            asset_key=key, asset_partitions=[partitions.key] if partitions.key else None
        )
        found = self._instance.fetch_materializations(wanted, limit=_RUNS).records
        at: dict[str, float] = {}
        for record in found:
            if record.run_id != self._run.run_id:
                at.setdefault(record.run_id, record.timestamp)
        return at


def _both(named: _Runs, by_asset: _Runs) -> _Runs:
    """The runs of jobs and those that materialized an asset."""
    own = _newest_first({**by_asset.own, **named.own})
    # A materialization for any partition may be of a run of the same.
    others = _newest_first({**by_asset.others, **named.others})
    return _Runs(own, {run_id: at for run_id, at in others.items() if run_id not in own})


def _newest_first(runs: dict[str, float]) -> dict[str, float]:
    return dict(sorted(runs.items(), key=lambda item: item[1], reverse=True))
