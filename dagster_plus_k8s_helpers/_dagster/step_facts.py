"""What a size is decided by and Dagster knows: of steps, their outputs, and assets upstream of theirs.

`tests/executor/test_sizes.py` fails when one of these moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from dagster._core.definitions.assets.job.asset_job import IMPLICIT_ASSET_JOB_NAME
from dagster._core.execution.plan.outputs import StepOutputHandle
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    MULTIDIMENSIONAL_PARTITION_PREFIX,
    PARTITION_NAME_TAG,
)
from dagster._utils.warnings import disable_dagster_warnings

from dagster_plus_k8s_helpers._dagster import selection_from_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dagster._core.events import DagsterEvent
    from dagster._core.execution.context.system import PlanOrchestrationContext
    from dagster._core.execution.plan.step import ExecutionStep

__all__ = [
    "ASSET_JOB",
    "Partitions",
    "StepOutputHandle",
    "inputs_of",
    "latest_metadata",
    "mapping_key_of",
    "node_of",
    "nodes_selected",
    "output_of",
    "parents_of",
    "partitions_of",
]

ASSET_JOB = IMPLICIT_ASSET_JOB_NAME
"""The job of runs that Materialize, backfills of assets and automation launch."""


class Partitions(NamedTuple):
    """The partitions of a run.

    Args:
        key: When it has one.
        range: When it has several.
        dimensions: Keys by dimension, of one with more than one.
    """

    key: str | None
    range: dg.PartitionKeyRange | None
    dimensions: Mapping[str, str]

    @property
    def tags(self) -> dict[str, str]:
        """The tags by which a run of the same partitions is found."""
        if self.key is not None:
            return {PARTITION_NAME_TAG: self.key}
        if self.range is None:
            return {}
        return {
            ASSET_PARTITION_RANGE_START_TAG: self.range.start,
            ASSET_PARTITION_RANGE_END_TAG: self.range.end,
        }


def partitions_of(run_tags: Mapping[str, str]) -> Partitions:
    """The partitions of a run, by its tags; nothing public reads those of a range."""
    ends = [run_tags.get(tag) for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)]
    start, end = ends
    return Partitions(
        run_tags.get(PARTITION_NAME_TAG),
        dg.PartitionKeyRange(start, end) if start is not None and end is not None else None,
        {
            tag.removeprefix(MULTIDIMENSIONAL_PARTITION_PREFIX): key
            for tag, key in run_tags.items()
            if tag.startswith(MULTIDIMENSIONAL_PARTITION_PREFIX)
        },
    )


def mapping_key_of(step: ExecutionStep) -> str | None:
    """Of a step that runs once for each output of a dynamic step; ``None`` for others."""
    key: str | None = getattr(step.handle, "mapping_key", None)
    return key


def node_of(step: ExecutionStep) -> str:
    """The op or graph at the top of its job that a step is in."""
    return str(step.node_handle.path[0])


def nodes_selected(job: dg.JobDefinition, text: str) -> frozenset[str]:
    """The ops and graphs at the top of a job that compute assets of a selection.

    ``Definitions.resolve_asset_graph`` is not at hand in a run; the job's own layer of assets is.

    Raises:
        SelectionError: The text is not in Dagster's selection syntax.
    """
    selection = selection_from_text(text)
    with disable_dagster_warnings():
        selected = selection.resolve(job.asset_layer.asset_graph)
    return frozenset(
        data.node_handle.name
        for data in job.asset_layer.data
        if not selected.isdisjoint(data.assets_def.keys)
    )


def inputs_of(step: ExecutionStep) -> Mapping[str, Sequence[StepOutputHandle]]:
    """The outputs of other steps that feed a step, by the name of the input."""
    found = {item.name: item.get_step_output_handle_dependencies() for item in step.step_inputs}
    return {name: handles for name, handles in found.items() if handles}


def output_of(event: DagsterEvent) -> tuple[StepOutputHandle, Mapping[str, Any]] | None:
    """The output that an event tells of, with its metadata; ``None`` when it tells of none or has none."""
    if not event.is_successful_output:
        return None
    data = event.step_output_data
    return (data.step_output_handle, data.metadata) if data.metadata else None


def parents_of(
    plan_context: PlanOrchestrationContext, keys: Iterable[dg.AssetKey]
) -> Mapping[dg.AssetKey, bool]:
    """The assets that assets depend on, and whether they have the same partitions; not those among them."""
    layer = plan_context.job.get_definition().asset_layer
    own, found = set(keys), {}
    for key in own:
        if not layer.has(key):
            continue
        node = layer.get(key)
        for parent in node.parent_keys - own:
            known = layer.get(parent).partitions_def if layer.has(parent) else None
            found[parent] = known is not None and known == node.partitions_def
    return found


def latest_metadata(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None
) -> Mapping[str, Any] | None:
    """Metadata of the latest materialization of an asset; ``None`` when there is none.

    Args:
        instance: Where the event log is.
        key: Which asset.
        partition: Of which partition; of any when it is ``None``.
    """
    wanted = dg.AssetRecordsFilter(
        asset_key=key, asset_partitions=[partition] if partition is not None else None
    )
    for record in instance.fetch_materializations(wanted, limit=1).records:
        if (found := record.asset_materialization) is not None:
            return {name: item.value for name, item in found.metadata.items()}
    return None
