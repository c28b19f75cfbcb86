"""`StepFacts`: what is known of a step when its size is decided."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.arguments import answering

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["StepFacts"]


@answering
@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """What is known of a step just before an attempt of it is launched.

    A function that decides a size takes it and returns a ``K8sConfig``, or ``None`` to leave the size alone.
    What has to be looked up (``usage``, ``usage_of_other_partitions``, ``upstream``, ``inputs``) is read when
    it is first used.

    Args:
        step_key: Key of the step.
        op_name: Name of its op; that of an asset ``a/b`` is ``a__b``.
        asset_keys: Keys of the assets that it computes.
        mapping_key: Of a step that runs once for each output of a dynamic step.
        partition_key: Of the run, when it has one partition.
        partition_range: The keys of the run, when it has several.
        partition_dimensions: Keys by dimension, of a partition with more than one.
        run_tags: Tags of the run.
        run_id: Id of the run.
        attempt: Which attempt it is in its run, from 1.
        usage: What earlier attempts of this step took, for this partition, in this run and in runs before it,
            the newest first.
        usage_of_other_partitions: What they took for others, the newest first; of a mapped step, for other
            mapping keys too, of each run the newest 50.
        upstream: Metadata of the latest materialization of each asset it depends on, by the asset's key:
            for this partition, where the asset has it.
        inputs: Metadata of the outputs that this run has made for it, by the name of the input; of a mapped
            step that of its ``DynamicOutput``. Where several outputs feed an input, each is under its mapping
            key, or the key of its step: ``files[a]``.
    """

    step_key: str
    op_name: str = ""
    asset_keys: tuple[dg.AssetKey, ...] = ()
    mapping_key: str | None = None
    partition_key: str | None = None
    partition_range: dg.PartitionKeyRange | None = None
    partition_dimensions: Mapping[str, str] = field(default_factory=dict)
    run_tags: Mapping[str, str] = field(default_factory=dict)
    run_id: str = ""
    attempt: int = 1
    usage: Sequence[Usage] = ()
    usage_of_other_partitions: Sequence[Usage] = ()
    upstream: Mapping[dg.AssetKey, Mapping[str, Any]] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
