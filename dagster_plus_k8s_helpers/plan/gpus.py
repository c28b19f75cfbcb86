"""Which of a pod's resources are GPUs, or count as one."""

from __future__ import annotations

__all__ = ["is_gpu"]

_DEVICES = frozenset(
    [
        "aws.amazon.com/neuron",
        "aws.amazon.com/neuroncore",
        "google.com/tpu",
        "gpu.intel.com/i915",
        "gpu.intel.com/xe",
        "habana.ai/gaudi",
    ]
)


def is_gpu(name: str) -> bool:
    """Whether a resource is a GPU, a share or slice of one, or another accelerator given out by the device.

    Source: https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
    """
    return name in _DEVICES or name.endswith(("/gpu", "/gpu.shared")) or name.startswith("nvidia.com/mig-")
