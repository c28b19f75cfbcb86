"""The partitions that a job and its assets have, as far as they are known without an instance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["dimensions_of", "partition_keys", "partitions_by_node"]


def partitions_by_node(job: dg.JobDefinition) -> Mapping[str, dg.PartitionsDefinition]:
    """The partitions of a job's assets, by the node that computes them; those that have none are left out."""
    return {
        data.node_handle.name: data.assets_def.partitions_def
        for data in job.asset_layer.data
        if data.assets_def.partitions_def is not None
    }


def partition_keys(partitions: dg.PartitionsDefinition) -> Sequence[str] | None:
    """The keys that there are by now, oldest first; ``None`` where only the instance of a deployment knows.

    Args:
        partitions: The partitions of a job or an asset.
    """
    if _are_dynamic(partitions):
        return None
    with partition_loading_context():
        return partitions.get_partition_keys()


def dimensions_of(partitions: dg.PartitionsDefinition | None, key: str) -> Mapping[str, str]:
    """The key in each dimension, of partitions with more than one; else nothing.

    Args:
        partitions: The partitions.
        key: One of their keys, as text.
    """
    if not isinstance(partitions, dg.MultiPartitionsDefinition):
        return {}
    return dict(partitions.get_partition_key_from_str(key).keys_by_dimension)


def _are_dynamic(partitions: dg.PartitionsDefinition) -> bool:
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        return any(_are_dynamic(item.partitions_def) for item in partitions.partitions_defs)
    return isinstance(partitions, dg.DynamicPartitionsDefinition)
