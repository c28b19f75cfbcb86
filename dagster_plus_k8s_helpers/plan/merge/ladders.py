"""How much memory the last attempt of a step gets, when a memory ladder raises it from attempt to attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.plan.merge.pods import Container
    from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder

__all__ = ["last_memory", "raised"]


def last_memory(container: Container, ladder: MemoryLadder, policy_retries: int) -> Memory | None:
    """The memory of the last attempt; ``None`` when the ladder does not raise it.

    The largest node is a cap as well where the run may list nodes, which is not known here.

    Args:
        container: The step's container at its first attempt.
        ladder: The step's ladder.
        policy_retries: How often its ``RetryPolicy`` starts it again; those of the ladder count without one.
    """
    first = Memory(container.limits.get("memory") or "", container.requests.get("memory") or "")
    last = first
    try:
        for _ in range(policy_retries or ladder.retries):
            last = ladder.next(last) or last
    # What is no quantity is told of where the plan adds up.
    except QuantityError:
        return None
    return None if last == first else last


def raised(pod_spec: Mapping[str, Any], memory: Memory) -> Mapping[str, Any]:
    """A pod with the memory of another attempt in its first container."""
    first, *others = pod_spec["containers"]
    resources = dict(first["resources"])
    for side, amount in (("limits", memory.limit), ("requests", memory.request)):
        if amount:
            resources[side] = {**resources[side], "memory": amount}
    return {**pod_spec, "containers": [{**first, "resources": resources}, *others]}
