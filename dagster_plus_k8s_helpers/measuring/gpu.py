"""How much memory of its GPUs is in use, asked of NVIDIA's own library where there is one.

``nvidia-smi`` loads the same library, and would be a process that is started inside of a step.
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["Gpus", "gpus"]

# What the container toolkit puts there with the GPUs, and into no other container.
_DEVICE = "/dev/nvidiactl"
# The second is where GKE has it, which is not on the loader's path.
_LIBRARIES = ("libnvidia-ml.so.1", "/usr/local/nvidia/lib64/libnvidia-ml.so.1")


class _Memory(ctypes.Structure):
    """``nvmlMemory_t``."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class Gpus:
    """The GPUs that this container sees.

    Args:
        library: The NVIDIA Management Library.

    Raises:
        OSError: It does not work here.

    Source: https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        count = ctypes.c_uint()
        if library.nvmlInit_v2() or library.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            raise OSError("the NVIDIA Management Library does not start")
        self._devices = [ctypes.c_void_p() for _ in range(count.value)]
        for index, device in enumerate(self._devices):
            if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(device)):
                raise OSError(f"the GPU {index} cannot be looked at")

    def used(self) -> int | None:
        """Bytes in use on all of them together, whoever uses them; ``None`` when one does not say."""
        memory, total = _Memory(), 0
        for device in self._devices:
            if self._library.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)):
                return None
            total += memory.used
        return total if self._devices else None


def gpus(device: str = _DEVICE, libraries: tuple[str, ...] = _LIBRARIES) -> Gpus | None:
    """The GPUs of this container; ``None``, and no library loaded, where it has none.

    Args:
        device: What is there when a container has GPUs.
        libraries: Where the library may be.
    """
    if not os.path.exists(device):  # noqa: PTH110 - pathlib is an import more
        return None
    for library in libraries:
        try:
            return Gpus(ctypes.CDLL(library))
        # One of an older release lacks some of its names.
        except (OSError, AttributeError):
            continue
    return None
