"""What else launches runs of a job, with tags beside the job's own: partitions and schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from dagster_plus_k8s_helpers._dagster import planning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["launches_of"]


def launches_of(
    job: dg.JobDefinition, schedules: Sequence[dg.ScheduleDefinition]
) -> dict[str, Mapping[str, str]]:
    """The tags of a job's runs, by what launches them; those that no tags are known of are left out.

    Args:
        job: The job. Of its partitions the first and the last are looked at: there may be very many.
        schedules: Those of its definitions, whose ``tags`` are literal. One that targets assets launches a
            job of its own, which is looked at as a part of the implicit asset job.
    """
    found = {f"partition {key!r}": _tags_of(job, key) for key in _partitions(job)}
    for schedule in schedules:
        is_of_assets = schedule.job_name.startswith("__anonymous") and job.name.startswith("__")
        if schedule.job_name == job.name or is_of_assets:
            found[f"schedule {schedule.name!r}"] = schedule.tags or {}
    return {name: tags for name, tags in found.items() if tags}


def _partitions(job: dg.JobDefinition) -> Iterator[str]:
    partitions = job.partitions_def
    # Which keys the others have, only the instance of a deployment knows.
    if isinstance(partitions, dg.StaticPartitionsDefinition | dg.TimeWindowPartitionsDefinition):
        ends = (partitions.get_first_partition_key(), partitions.get_last_partition_key())
        yield from dict.fromkeys(key for key in ends if key is not None)


def _tags_of(job: dg.JobDefinition, partition: str) -> Mapping[str, str]:
    try:
        return planning.tags_of_partition(job, partition)
    except planning.Refusal:  # as a launch of it will say
        return {}
