"""Presets for where a pod runs and what it shares with its node: `gpu`, `spot` and `shm`.

Each is a `K8sConfig`, to be merged into another: ``SMALL | gpu(1) | spot("gke")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.pod.amounts.checks import check_size
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts.resource_checks import NVIDIA_GPU
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.pod.parts.toleration import Toleration
from dagster_plus_k8s_helpers.pod.parts.volumes import Volume
from dagster_plus_k8s_helpers.pod.platforms import GPU_NODES, SPOT_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.pod.amounts.quantity import QuantityLike

__all__ = ["Toleration", "gpu", "shm", "spot"]

T = TypeVar("T")


_PLATFORM = "write platform={name!r}"


@answering(
    advice={
        **dict.fromkeys(GPU_NODES, _PLATFORM),
        **dict.fromkeys(("gpus", "gpu", "number", "amount"), "write count=..."),
    }
)
def gpu(
    count: int = 1,
    *,
    product: str | None = None,
    platform: str = "nvidia",
    resource: str = NVIDIA_GPU,
    product_label: str | None = None,
    node_selector: Mapping[str, str] | None = None,
    tolerations: Sequence[Toleration] | None = None,
) -> K8sConfig:
    """GPUs for the main container: the limit, the node selector and the tolerations together.

    Args:
        count: Whole GPUs.
        product: Only this model, spelt as the platform's label spells it: ``"nvidia-l4"`` on GKE,
            ``"l4"`` on Karpenter, ``"NVIDIA-L4"`` with NVIDIA's feature discovery.
        platform: ``nvidia`` (NVIDIA's feature discovery, on any cluster), ``gke``, ``eks``, ``eks-auto``,
            ``karpenter`` or ``aks``.
        resource: Name of the resource, such as ``nvidia.com/mig-1g.5gb`` or ``amd.com/gpu``.
        product_label: Key of the label for ``product``, instead of the platform's.
        node_selector: Instead of the platform's label for GPU nodes; an empty one selects none.
        tolerations: Instead of the platform's.

    Raises:
        K8sConfigError: A platform that is not known, or a count that is not whole.
    """
    nodes = _known(platform, GPU_NODES)
    if not count:
        raise K8sConfigError(f"must be a number of GPUs, not {count!r}", where="count")
    if not resource.startswith("nvidia.com/") and (node_selector is None or tolerations is None):
        raise K8sConfigError(
            f"the platform {platform!r} labels and taints NVIDIA's nodes; say node_selector and tolerations "
            f"for {resource}, if empty ones"
        )
    selector = dict(nodes.selector if node_selector is None else node_selector)
    if product is not None:
        selector[product_label or nodes.product_label] = product
    return K8sConfig(
        resources=Resources.from_dict({"limits": {resource: count}}),
        node_selector=selector or None,
        tolerations=nodes.tolerations if tolerations is None else tolerations,
    )


@answering(
    advice={
        **dict.fromkeys(SPOT_NODES, _PLATFORM),
        "platform": f"write one of {', '.join(map(repr, sorted(SPOT_NODES)))}",
    }
)
def spot(
    platform: str,
    *,
    node_selector: Mapping[str, str] | None = None,
    tolerations: Sequence[Toleration] | None = None,
) -> K8sConfig:
    """Preemptible nodes: the node selector and the tolerations together.

    Args:
        platform: ``gke``, ``eks``, ``eks-auto``, ``karpenter`` or ``aks``.
        node_selector: Instead of the platform's label for preemptible nodes.
        tolerations: Instead of the platform's.

    Raises:
        K8sConfigError: A platform that is not known.
    """
    nodes = _known(platform, SPOT_NODES)
    return K8sConfig(
        node_selector=nodes.selector if node_selector is None else node_selector,
        tolerations=nodes.tolerations if tolerations is None else tolerations,
    )


@answering
def shm(size: QuantityLike) -> K8sConfig:
    """Shared memory of a size, at ``/dev/shm``; container runtimes give 64 MiB otherwise.

    Args:
        size: Bytes, such as ``"8Gi"``; what is used counts against the memory limit.

    Raises:
        QuantityError: ``size`` is not a quantity.
    """
    try:
        check_size(Quantity(size))
    except K8sConfigError as error:
        raise error.within("size") from None
    return K8sConfig(volumes=[Volume.empty_dir("dshm", "/dev/shm", size_limit=size, medium="Memory")])  # noqa: S108 - the point


def _known(platform: str, table: Mapping[str, T]) -> T:
    if not isinstance(platform, str) or platform not in table:
        raise K8sConfigError(
            f"platform {platform!r} is none of {', '.join(sorted(table))}{did_you_mean(str(platform), table)}"
        )
    return table[platform]
