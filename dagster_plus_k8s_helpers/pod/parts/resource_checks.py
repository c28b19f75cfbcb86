"""What Kubernetes takes of a resource: its name, its limit, and the request beside that.

Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from __future__ import annotations

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.amounts.checks import check_amount, check_memory_limit, is_native
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.objects.names import check_qualified_name

__all__ = [
    "NAMES",
    "NVIDIA_GPU",
    "check_extended_name",
    "check_limit",
    "check_request",
    "check_resource_name",
]

NVIDIA_GPU = "nvidia.com/gpu"

NAMES = {"cpu": "cpu", "memory": "memory", "gpu": NVIDIA_GPU, "ephemeral_storage": "ephemeral-storage"}
"""The names of resources in ``Resources(...)``, and Kubernetes' own."""


def check_limit(name: str, limit: Quantity) -> None:
    """Refuses a limit that Kubernetes refuses or nobody means.

    Raises:
        K8sConfigError: No usable amount of the resource ``name``.
    """
    if name == "memory":
        check_memory_limit(limit)
    check_amount(name, limit)


def check_request(name: str, request: Quantity, limit: Quantity | None) -> None:
    """Refuses a request that does not go with its limit.

    Raises:
        K8sConfigError: It is above the limit, or differs from it where Kubernetes wants both equal.
    """
    if limit is not None and request > limit:
        meant = (str(limit), str(request))
        raise K8sConfigError(f"the request {request} is above the limit {limit}; did you mean {meant}?")
    if (not is_native(name) or name.startswith("hugepages-")) and request != limit:
        raise K8sConfigError(
            f"Kubernetes does not share out {name}: the request must equal the limit; "
            f"write {limit or request}"
        )


def check_resource_name(name: str) -> None:
    """Refuses a name that Kubernetes has no resource of.

    Raises:
        K8sConfigError: No name of Kubernetes' own, and none that a device plugin can have.
    """
    if name == "gpu":
        raise K8sConfigError(f"'gpu' is no resource; write {NVIDIA_GPU!r}, or another vendor's name")
    if name not in NAMES.values():
        check_extended_name(name)


def check_extended_name(name: str) -> None:
    """Refuses what is no name of a resource beside Kubernetes' own four.

    Raises:
        K8sConfigError: No name that a device plugin can have.
    """
    if not isinstance(name, str):
        raise K8sConfigError(f"the name {name!r} must be text")
    if name in NAMES.values() or name in NAMES:
        field = next(field for field, native in NAMES.items() if name in {field, native})
        raise K8sConfigError(f"{name!r} is not an extended resource; write {field}=...")
    if name.startswith("hugepages-"):
        try:
            Quantity(name.removeprefix("hugepages-"))
        except K8sConfigError as error:
            raise K8sConfigError(f"{name!r}: {error.reason}") from None
        return
    if "/" not in name:
        raise K8sConfigError(
            f"{name!r} has no domain; write the name the device plugin gives it, such as 'amd.com/gpu'"
        )
    if name.startswith("requests."):
        raise K8sConfigError(
            f"{name!r} is what a ResourceQuota calls it; write {name.removeprefix('requests.')!r}"
        )
    check_qualified_name(name, "resource name")
