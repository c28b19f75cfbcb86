"""`run_size_by_partition`: the size of a run's own pod by its partition, as tags of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.sizing.by_partition import ByPartition, sized_by_partition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.pod.config import K8sConfig

__all__ = ["RunSizes", "run_size_by_partition"]


@dataclass(frozen=True)
class RunSizes:
    """Tags of a run by its partition.

    Args:
        sizes: What decides.
    """

    sizes: ByPartition

    def __call__(self, partition_key: str) -> dict[str, str]:
        """The tags of the run of a partition; none where its size is left alone.

        Args:
            partition_key: Its key.

        Raises:
            K8sConfigError: It is no text, such as the key of a run that has no partition.
        """
        if not isinstance(partition_key, str):
            raise K8sConfigError(f"must be text, not {partition_key!r:.60}", where="partition_key")
        size = self.sizes.of(partition_key).config
        return dict(size.run_tags) if size is not None else {}


@answering(
    advice={
        "default": "write otherwise=...",
        "partitions": "write sizes=..., or give it without a name",
    },
    otherwise="the sizes are one mapping; write {{'{name}': K8sConfig(...)}}",
)
def run_size_by_partition(sizes: Mapping[str, K8sConfig], *, otherwise: K8sConfig | None = None) -> RunSizes:
    """Sizes the run's own pod by its partition, for jobs whose steps share that pod.

    The result goes into ``tags_for_partition_key_fn`` of a ``PartitionedConfig``, and then reaches runs of
    the job that are launched from the UI, by a schedule or sensor, and by a backfill of the job. Called with
    a partition key, it gives the tags for a ``RunRequest``. Materialize, automation and backfills of assets
    run the implicit asset job, which has no ``PartitionedConfig``; there `sized_by_partition` sizes the
    steps, with the k8s executor.

    The tags take the place of the whole config in the job's tags, as tags of a run do.

    Args:
        sizes: What partitions get, by their key or a pattern; as in `sized_by_partition`.
        otherwise: What all others get; the job's own size when it is left out.

    Raises:
        K8sConfigError: No partition, a key that is no text, or a size that is no ``K8sConfig`` or one that
            Dagster would refuse.

    Source: https://docs.dagster.io/api/dagster/partitions#dagster.PartitionedConfig
    """
    return RunSizes(cast("ByPartition", sized_by_partition(sizes, otherwise=otherwise).strategy))
