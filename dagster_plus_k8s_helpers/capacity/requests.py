"""What the scheduler sets aside for a pod: the requests of all its containers, as Kubernetes adds them up.

Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/#resource-sharing-within-containers
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

__all__ = ["Amounts", "at_least", "pod_limits", "pod_requests", "sum_of"]

Amounts: TypeAlias = Mapping[str, Quantity]
"""An amount of each resource, such as ``cpu``, ``memory`` and ``nvidia.com/gpu``."""

_NOTHING = Quantity(0)


def pod_requests(pod_spec: Mapping[str, Any]) -> dict[str, Quantity]:
    """What a pod requests of its node.

    That is the sum over its containers, or what its greediest init container needs when that is more; a
    sidecar counts in both. A limit without a request is a request. Requests of the pod itself take the
    place of the sum.

    Args:
        pod_spec: Kubernetes' ``PodSpec``, in camelCase as the API server takes it.
    """
    return _pod_amounts(pod_spec, _requests)


def pod_limits(pod_spec: Mapping[str, Any]) -> dict[str, Quantity]:
    """The same sum of limits; a resource that one of the containers does not limit is left out."""
    containers = [*(pod_spec.get("containers") or ()), *_sidecars(pod_spec)]
    amounts = _pod_amounts(pod_spec, _limits)
    pod_level = _limits(pod_spec)
    return {
        name: amount
        for name, amount in amounts.items()
        if name in pod_level or all(name in _limits(container) for container in containers)
    }


def sum_of(amounts: Iterable[Amounts]) -> dict[str, Quantity]:
    """Each resource added up."""
    total: dict[str, Quantity] = {}
    for one in amounts:
        for name, amount in one.items():
            total[name] = total[name] + amount if name in total else amount
    return total


def at_least(amounts: Iterable[Amounts]) -> dict[str, Quantity]:
    """The greatest amount of each resource."""
    greatest: dict[str, Quantity] = {}
    for one in amounts:
        for name, amount in one.items():
            greatest[name] = max(greatest.get(name, _NOTHING), amount)
    return greatest


def _pod_amounts(pod_spec: Mapping[str, Any], amounts_of: Any) -> dict[str, Quantity]:
    running = sum_of(amounts_of(container) for container in pod_spec.get("containers") or ())
    sidecars: list[Amounts] = []
    starting: list[Amounts] = []
    for container in pod_spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            sidecars.append(amounts_of(container))
            starting.append(sum_of(sidecars))
        else:
            starting.append(sum_of([*sidecars, amounts_of(container)]))
    needed = at_least([sum_of([running, *sidecars]), *starting])
    return sum_of([{**needed, **amounts_of(pod_spec)}, _quantities(pod_spec.get("overhead"))])


def _sidecars(pod_spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [item for item in pod_spec.get("initContainers") or () if item.get("restartPolicy") == "Always"]


def _requests(holder: Mapping[str, Any]) -> dict[str, Quantity]:
    resources = holder.get("resources") or {}
    return {**_quantities(resources.get("limits")), **_quantities(resources.get("requests"))}


def _limits(holder: Mapping[str, Any]) -> dict[str, Quantity]:
    return _quantities((holder.get("resources") or {}).get("limits"))


def _quantities(amounts: Mapping[str, Any] | None) -> dict[str, Quantity]:
    return {name: Quantity(amount) for name, amount in (amounts or {}).items()}
