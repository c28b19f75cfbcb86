"""How clusters label and taint their GPU and preemptible nodes, as data.

Every value can be overridden where `gpu()` and `spot()` are called.
"""

from __future__ import annotations

from typing import NamedTuple

from dagster_plus_k8s_helpers.pod.parts.toleration import Toleration

__all__ = ["GPU_NODES", "NODE_TAINTS", "SPOT_NODES", "GpuNodes", "NodeTaint", "SpotNodes"]


class GpuNodes(NamedTuple):
    """The GPU nodes of one platform.

    Attributes:
        selector: Label that every GPU node has.
        product_label: Key of the label that names the GPU's model.
        tolerations: Taints that keep other pods off these nodes.
        source: Where the platform documents it.
    """

    selector: dict[str, str]
    product_label: str
    tolerations: tuple[Toleration, ...]
    source: str


class SpotNodes(NamedTuple):
    """The preemptible nodes of one platform.

    Attributes:
        selector: Label that every preemptible node has.
        tolerations: Taints that keep other pods off these nodes.
        source: Where the platform documents it.
    """

    selector: dict[str, str]
    tolerations: tuple[Toleration, ...]
    source: str


_NVIDIA_TAINT = Toleration("nvidia.com/gpu", effect="NoSchedule")

GPU_NODES = {
    "nvidia": GpuNodes(
        {"nvidia.com/gpu.present": "true"},
        "nvidia.com/gpu.product",
        (_NVIDIA_TAINT,),
        "https://github.com/NVIDIA/k8s-device-plugin/tree/main/docs/gpu-feature-discovery",
    ),
    "gke": GpuNodes(
        {"cloud.google.com/gke-gpu": "true"},
        "cloud.google.com/gke-accelerator",
        (_NVIDIA_TAINT,),
        "https://cloud.google.com/kubernetes-engine/docs/how-to/gpus",
    ),
    # Managed node groups get no GPU label from EKS itself; NVIDIA's feature discovery gives them one.
    "eks": GpuNodes(
        {"nvidia.com/gpu.present": "true"},
        "k8s.amazonaws.com/accelerator",
        (_NVIDIA_TAINT,),
        "https://docs.aws.amazon.com/eks/latest/userguide/ml-eks-optimized-ami.html",
    ),
    "eks-auto": GpuNodes(
        {"eks.amazonaws.com/instance-gpu-manufacturer": "nvidia"},
        "eks.amazonaws.com/instance-gpu-name",
        (_NVIDIA_TAINT,),
        "https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html",
    ),
    "karpenter": GpuNodes(
        {"karpenter.k8s.aws/instance-gpu-manufacturer": "nvidia"},
        "karpenter.k8s.aws/instance-gpu-name",
        (_NVIDIA_TAINT,),
        "https://karpenter.sh/docs/concepts/scheduling/",
    ),
    "aks": GpuNodes(
        {"kubernetes.azure.com/accelerator": "nvidia"},
        "nvidia.com/gpu.product",
        (Toleration("sku", "gpu", effect="NoSchedule"), _NVIDIA_TAINT),
        "https://learn.microsoft.com/azure/aks/use-nvidia-gpu",
    ),
}

SPOT_NODES = {
    "gke": SpotNodes(
        {"cloud.google.com/gke-spot": "true"},
        (Toleration("cloud.google.com/gke-spot", "true", effect="NoSchedule"),),
        "https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms",
    ),
    "eks": SpotNodes(
        {"eks.amazonaws.com/capacityType": "SPOT"},
        (Toleration("eks.amazonaws.com/capacityType", "SPOT", effect="NoSchedule"),),
        "https://docs.aws.amazon.com/eks/latest/userguide/managed-node-groups.html",
    ),
    "eks-auto": SpotNodes(
        {"karpenter.sh/capacity-type": "spot"},
        (Toleration("karpenter.sh/capacity-type", "spot", effect="NoSchedule"),),
        "https://docs.aws.amazon.com/eks/latest/userguide/create-node-pool.html",
    ),
    "karpenter": SpotNodes(
        {"karpenter.sh/capacity-type": "spot"},
        (Toleration("karpenter.sh/capacity-type", "spot", effect="NoSchedule"),),
        "https://karpenter.sh/docs/concepts/scheduling/",
    ),
    "aks": SpotNodes(
        {"kubernetes.azure.com/scalesetpriority": "spot"},
        (Toleration("kubernetes.azure.com/scalesetpriority", "spot", effect="NoSchedule"),),
        "https://learn.microsoft.com/azure/aks/spot-node-pool",
    ),
}


class NodeTaint(NamedTuple):
    """A taint of nodes that a label selects.

    Attributes:
        label: Key and value of the label.
        toleration: What a pod needs to run there.
        whose: Who puts the taint there, for messages.
        source: Where that is documented.
    """

    label: tuple[str, str]
    toleration: Toleration
    whose: str
    source: str


# Not here: nvidia.com/gpu, which the admission plugin ExtendedResourceToleration of GKE, EKS and AKS
# tolerates for whoever asks for the resource, and what each cluster's own node pools are tainted with.
NODE_TAINTS = (
    NodeTaint(
        ("kubernetes.azure.com/accelerator", "nvidia"),
        Toleration("sku", "gpu", effect="NoSchedule"),
        "AKS has its GPU node pools made with",
        "https://learn.microsoft.com/azure/aks/use-nvidia-gpu",
    ),
    NodeTaint(
        ("kubernetes.azure.com/scalesetpriority", "spot"),
        Toleration("kubernetes.azure.com/scalesetpriority", "spot", effect="NoSchedule"),
        "AKS gives each of its Spot nodes",
        "https://learn.microsoft.com/azure/aks/spot-node-pool",
    ),
)
