"""Where a size stands among the layers of a step: above its op tags, below ``per_step_k8s_config``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_k8s.container_context import K8sContainerContext

    from dagster_plus_k8s_helpers.pod.config import K8sConfig

__all__ = ["entry_of", "over_size", "with_size", "within_limits"]


def with_size(per_step: dict[str, Any], op_name: str, size: K8sConfig | None) -> dict[str, Any]:
    """The ``per_step_k8s_config`` of a step handler with the size of one step in place of its op's entry.

    The executor gives it to the stock handler for the launch of that step, and the plan for the Job that it
    renders, so that both send the same. What the entry says is laid over that by `over_size`: in one config
    with the size it would be merged as that is, and the size as the entry.

    Args:
        per_step: As the handler has it.
        op_name: Whose step is sized.
        size: What was decided; ``None`` leaves everything as it is.
    """
    if size is None or not size:
        return per_step
    return {**per_step, op_name: entry_of(size, per_step.get(op_name) or {})}


def over_size(
    merged: K8sContainerContext, size: K8sConfig, per_step: Mapping[str, Any]
) -> K8sContainerContext:
    """The layers of a step up to its size, with what ``per_step_k8s_config`` says of its op over them.

    Each is merged by ``dagster_k8s``, with its own merge behaviour.

    Args:
        merged: The layers as the stock handler merges them, with the size in place of the entry.
        size: What was decided.
        per_step: The entry of the op; empty for none.
    """
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import UserDefinedDagsterK8sConfig

    if not size:
        return merged
    if per_step:
        entry = UserDefinedDagsterK8sConfig.from_dict(per_step)
        merged = merged.merge(K8sContainerContext(run_k8s_config=entry))
    return within_limits(merged, size)


def within_limits(merged: K8sContainerContext, size: K8sConfig) -> K8sContainerContext:
    """The merged layers of a step, in which no request of its size is above a limit of another layer.

    Kubernetes would refuse the pod: a size that only requests, as ``sized_by_usage(cpu=True)`` does for CPU,
    gets what the limit allows.

    Args:
        merged: All layers, that of the size among them.
        size: What was decided.
    """
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import UserDefinedDagsterK8sConfig

    if size.resources is None:
        return merged
    said = merged.run_k8s_config.container_config.get("resources") or {}
    limits, requests = said.get("limits") or {}, said.get("requests") or {}
    above = {
        name: limits[name]
        for name, request in size.resources.requests.items()
        if name in limits
        and requests.get(name) == str(request)
        and Quantity(str(request)) > Quantity(str(limits[name]))
    }
    if not above:
        return merged
    config = {"container_config": {"resources": {"requests": above}}}
    return merged.merge(K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(config)))


def entry_of(size: K8sConfig, per_step: Mapping[str, Any]) -> dict[str, Any]:
    """The size as an entry of ``per_step_k8s_config``, with a request beside each limit that has none.

    Kubernetes would request the same, but a request of a layer beneath would stay, and may be above it.
    Where the entry that comes above has a limit of its own, nothing is said for it.

    Args:
        size: What was decided.
        per_step: The entry of the op; empty for none.
    """
    config = size.to_dict()
    resources = config.get("container_config", {}).get("resources")
    if not resources or not resources.get("limits"):
        return config
    above = ((per_step.get("container_config") or {}).get("resources") or {}).get("limits") or {}
    said = {name: limit for name, limit in resources["limits"].items() if name not in above}
    resources["requests"] = {**said, **(resources.get("requests") or {})}
    return config
