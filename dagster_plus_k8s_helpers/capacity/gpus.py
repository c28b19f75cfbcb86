"""Which of a pod's resources are GPUs, or count as one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["gpus_of", "is_gpu"]

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


def gpus_of(container: Mapping[str, Any]) -> Iterator[str]:
    """The GPUs that a container of a manifest asks for: a limit of 0, which takes one away, asks for none."""
    for name, count in ((container.get("resources") or {}).get("limits") or {}).items():
        if is_gpu(name) and str(count) != "0":
            yield name


def is_gpu(name: str) -> bool:
    """Whether a resource is a GPU, a share or slice of one, or another accelerator given out by the device.

    Source: https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/
    """
    return name in _DEVICES or name.endswith(("/gpu", "/gpu.shared")) or name.startswith("nvidia.com/mig-")
