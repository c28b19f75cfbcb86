"""The memory of a Job that is about to be sent: read, and raised where Kubernetes looks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

if TYPE_CHECKING:
    from kubernetes.client import V1Job

__all__ = ["memory_in", "raise_memory"]


def memory_in(job: V1Job) -> Memory:
    """What a Job gives the step's container, by itself or as the whole pod."""
    return _memory(_where(job))


def raise_memory(job: V1Job, memory: Memory) -> Memory:
    """Give the step's container of a Job at least this much.

    A config that says more keeps what it says. Where the Job says nothing, as under a LimitRange, it says so
    now.

    Args:
        job: Is changed.
        memory: The size.

    Returns:
        What the Job says now.
    """
    from kubernetes.client import V1ResourceRequirements

    pod, container = job.spec.template.spec, job.spec.template.spec.containers[0]
    if _where(job) is None:
        container.resources = container.resources or V1ResourceRequirements()
    resources = _where(job) or container.resources
    before = _memory(resources)
    limits, requests = dict(resources.limits or {}), dict(resources.requests or {})
    if memory.limit and _is_less(before.limit, memory.limit):
        limits["memory"] = memory.limit
    # Without a request Kubernetes requests the limit: one beside a limit that stays would ask for less.
    may_ask = before.request or limits.get("memory") == memory.limit
    if memory.request and may_ask and _is_less(before.request, memory.request):
        requests["memory"] = memory.request
    resources.limits, resources.requests = limits or None, requests or None
    after = _memory(resources)
    whole = getattr(pod, "resources", None)
    if whole is not None and whole is not resources:
        _make_room(whole, before, after)
    return after


def _where(job: V1Job) -> Any:
    """The resources that set the limit: the container's own, else the pod's (1.34); ``None`` for neither."""
    pod = job.spec.template.spec
    # Clients of before 1.32 know no resources of a pod.
    both = (pod.containers[0].resources, getattr(pod, "resources", None))
    return next((found for found in both if _memory(found).limit), None)


def _make_room(pod: Any, before: Memory, after: Memory) -> None:
    """Raise the pod's own amounts by as much as the container's: they are for all its containers."""
    for amounts, was, now in (
        (pod.limits, before.limit, after.limit),
        (pod.requests, before.request or before.limit, after.request or after.limit),
    ):
        if amounts and "memory" in amounts and was and now:
            grown = Quantity(str(amounts["memory"])) + (Quantity(now) - Quantity(was))
            amounts["memory"] = grown.canonical


def _memory(resources: Any) -> Memory:
    limits, requests = (getattr(resources, kind, None) or {} for kind in ("limits", "requests"))
    return Memory(str(limits.get("memory", "")), str(requests.get("memory", "")))


def _is_less(amount: str, than: str) -> bool:
    return not amount or Quantity(amount) < Quantity(than)
