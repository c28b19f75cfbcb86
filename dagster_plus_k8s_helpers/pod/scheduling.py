"""Presets for where a pod runs and which queue it waits in: `gpu`, `spot`, `shm`, `kueue`, `kai`, `volcano`.

Each is a `K8sConfig`, to be merged into another: ``SMALL | gpu(1) | spot("gke")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.pod.amounts.checks import check_size
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.objects.names import check_qualified_name
from dagster_plus_k8s_helpers.pod.parts.resource_checks import NVIDIA_GPU
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.pod.parts.toleration import Toleration
from dagster_plus_k8s_helpers.pod.parts.volumes import Volume
from dagster_plus_k8s_helpers.pod.platforms import GPU_NODES, SPOT_NODES
from dagster_plus_k8s_helpers.pod.queues import POD_QUEUES, TOPOLOGIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.pod.amounts.quantity import QuantityLike

__all__ = ["Toleration", "gpu", "kai", "kueue", "shm", "spot", "volcano"]

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


@answering(
    advice={
        **dict.fromkeys(("queue_name", "local_queue", "name"), "write queue=..."),
        **dict.fromkeys(("priority", "priority_class_name"), "write priority_class=..."),
    }
)
def kueue(
    queue: str, *, priority_class: str | None = None, topology: str | None = None, required: bool = True
) -> K8sConfig:
    """A queue of Kueue: its label on the Job, which Kueue then suspends until the queue has room for it.

    Args:
        queue: The LocalQueue, which must be in the namespace of the Job.
        priority_class: Its WorkloadPriorityClass, which the queue goes by.
        topology: A level of the Topology of the queue's flavor: the key of a node label, such as
            ``cloud.google.com/gce-topology-block``. Kueue then places the pod itself.
        required: Whether the pod must fit into one domain of that level, or only should.

    Raises:
        K8sConfigError: A name that Kubernetes refuses.

    Source: https://kueue.sigs.k8s.io/docs/tasks/run/jobs/
    """
    if not isinstance(queue, str) or not queue:
        raise K8sConfigError(f"must be the name of a LocalQueue, not {queue!r}", where="queue")
    annotations = None
    if topology is not None:
        if not isinstance(topology, str):
            raise K8sConfigError(f"must be the key of a node label, not {topology!r}", where="topology")
        try:
            check_qualified_name(topology, "node label")
        except K8sConfigError as error:
            raise error.within("topology") from None
        annotations = {TOPOLOGIES["required" if required else "preferred"]: topology}
    return K8sConfig(queue=queue, priority_class=priority_class, annotations=annotations)


@answering
def kai(queue: str) -> K8sConfig:
    """A queue of the KAI scheduler: its label on the pod, and the scheduler that reads it.

    Args:
        queue: A leaf of its queues.

    Raises:
        K8sConfigError: A name that is no value of a label.

    Source: https://github.com/kai-scheduler/KAI-Scheduler/tree/main/docs/quickstart
    """
    return _in_pod_queue("kai", queue)


@answering
def volcano(queue: str) -> K8sConfig:
    """A queue of Volcano: its annotation on the pod, and the scheduler that reads it.

    Args:
        queue: Its name.

    Raises:
        K8sConfigError: No name at all.

    Source: https://volcano.sh/en/docs/queue/
    """
    return _in_pod_queue("volcano", queue)


def _in_pod_queue(system: str, queue: str) -> K8sConfig:
    if not isinstance(queue, str) or not queue:
        raise K8sConfigError(f"must be the name of a queue, not {queue!r}", where="queue")
    known = POD_QUEUES[system]
    return K8sConfig(
        scheduler_name=known.scheduler,
        labels={known.label: queue} if known.label else None,
        annotations={known.annotation: queue} if known.annotation else None,
    )


def _known(platform: str, table: Mapping[str, T]) -> T:
    if not isinstance(platform, str) or platform not in table:
        raise K8sConfigError(
            f"platform {platform!r} is none of {', '.join(sorted(table))}{did_you_mean(str(platform), table)}"
        )
    return table[platform]
