"""Where a size stands among the layers of a step: above its op tags, below ``per_step_k8s_config``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_k8s.container_context import K8sContainerContext

    from dagster_plus_k8s_helpers.pod.config import K8sConfig

__all__ = ["above_op_tags", "with_size", "within_limits"]


def with_size(per_step: dict[str, Any], op_name: str, size: K8sConfig | None) -> dict[str, Any]:
    """The ``per_step_k8s_config`` of a step handler with the size of one step in it.

    The executor gives it to the stock handler for the launch of that step, and the plan for the Job that it
    renders, so that both send the same.

    Args:
        per_step: As the handler has it.
        op_name: Whose step is sized.
        size: What was decided; ``None`` leaves everything as it is.
    """
    if size is None or not size:
        return per_step
    return {**per_step, op_name: above_op_tags(size, per_step.get(op_name) or {})}


def above_op_tags(size: K8sConfig, per_step: Mapping[str, Any]) -> Mapping[str, Any]:
    """A size with what ``per_step_k8s_config`` says of an op laid over it, by the merge of ``dagster_k8s``.

    It stands in the place of the op's own entry, which the stock handler merges above the op tags. The merge
    behaviour is that of the entry, where it has one.

    Args:
        size: What was decided.
        per_step: The entry of the op; empty for none.
    """
    from dagster_k8s.container_context import K8sContainerContext
    from dagster_k8s.job import UserDefinedDagsterK8sConfig

    beneath, above = (
        K8sContainerContext(run_k8s_config=UserDefinedDagsterK8sConfig.from_dict(config))
        for config in (_with_requests(size, per_step), per_step)
    )
    merged: Mapping[str, Any] = (
        beneath.merge(above).run_k8s_config.to_dict() if per_step else beneath.run_k8s_config.to_dict()
    )
    return {name: said for name, said in merged.items() if said}


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


def _with_requests(size: K8sConfig, per_step: Mapping[str, Any]) -> dict[str, Any]:
    """The size with a request beside each limit that has none.

    Kubernetes would request the same, but a request of a layer beneath would stay, and may be above it.
    Where the entry above has a limit of its own, nothing is said for it.
    """
    config = size.to_dict()
    resources = config.get("container_config", {}).get("resources")
    if not resources or not resources.get("limits"):
        return config
    above = ((per_step.get("container_config") or {}).get("resources") or {}).get("limits") or {}
    said = {name: limit for name, limit in resources["limits"].items() if name not in above}
    resources["requests"] = {**said, **(resources.get("requests") or {})}
    return config
