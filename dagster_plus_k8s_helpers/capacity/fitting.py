"""Whether a pod fits the nodes of a cluster, and what keeps it off in the scheduler's own terms.

What depends on the other pods of the moment is not judged: pod affinity, topology spread, ports, volumes
and how much of a node is free.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.nodes import NodePool
from dagster_plus_k8s_helpers.capacity.requests import Amounts, pod_requests
from dagster_plus_k8s_helpers.errors import ArgumentError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.nodes import Taint

__all__ = ["Fit", "fit", "tolerates"]


@dataclass(frozen=True, slots=True)
class Fit:
    """Where a pod fits.

    Attributes:
        pools: Names of the pools whose empty nodes take it.
        reasons: By pool, everything that keeps the pod off it.
        count: By pool, how many nodes it has.
    """

    pools: tuple[str, ...]
    reasons: Mapping[str, tuple[str, ...]]
    count: Mapping[str, int]

    def __bool__(self) -> bool:
        return bool(self.pools)

    @property
    def message(self) -> str:
        """What the scheduler's event would say of a pod that fits nowhere; empty for one that fits."""
        if self.pools:
            return ""
        total = sum(self.count.values())
        nodes: dict[str, int] = {}
        for pool, reasons in self.reasons.items():
            for reason in reasons:
                nodes[reason] = nodes.get(reason, 0) + self.count[pool]
        causes = ", ".join(f"{number} {reason}" for reason, number in nodes.items())
        return f"0/{total} nodes are available: {causes or 'there are none'}"


def fit(pod_spec: Mapping[str, Any], pools: Sequence[NodePool]) -> Fit:
    """Where a pod fits, were the nodes empty.

    Args:
        pod_spec: Kubernetes' ``PodSpec``, in camelCase as the API server takes it.
        pools: The nodes.

    Raises:
        ArgumentError: Something else is among them.
    """
    wrong = next((pool for pool in pools if not isinstance(pool, NodePool)), None)
    if wrong is not None:
        raise ArgumentError(f"nodes must be NodePools, as read_nodes gives them, not {type(wrong).__name__}")
    requests = pod_requests(pod_spec)
    reasons = {pool.name: tuple(_reasons(pod_spec, requests, pool)) for pool in pools}
    return Fit(
        pools=tuple(name for name, why in reasons.items() if not why),
        reasons={name: why for name, why in reasons.items() if why},
        count={pool.name: pool.count for pool in pools},
    )


def _reasons(pod_spec: Mapping[str, Any], requests: Amounts, pool: NodePool) -> list[str]:
    reasons = []
    tolerations = pod_spec.get("tolerations") or ()
    if pool.cordoned:
        reasons.append("node(s) were unschedulable")
    if not _selected(pod_spec, pool):
        reasons.append("node(s) didn't match Pod's node affinity/selector")
    reasons += [
        f"node(s) had untolerated taint {taint}"
        for taint in pool.taints
        if taint.effect != "PreferNoSchedule" and not any(tolerates(item, taint) for item in tolerations)
    ]
    nothing = Quantity(0)
    reasons += [
        f"Insufficient {name}"
        for name, amount in requests.items()
        if amount > pool.allocatable.get(name, nothing)
    ]
    return reasons


def tolerates(toleration: Mapping[str, Any], taint: Taint) -> bool:
    """Whether one of a pod's tolerations, in camelCase, lets it onto nodes with a taint."""
    if toleration.get("effect") not in (None, "", taint.effect):
        return False
    key, operator = toleration.get("key"), toleration.get("operator") or "Equal"
    if not key:
        return operator == "Exists"
    if key != taint.key:
        return False
    value = toleration.get("value") or ""
    return operator == "Exists" or _compares(operator, taint.value, value)


def _selected(pod_spec: Mapping[str, Any], pool: NodePool) -> bool:
    wanted = pod_spec.get("nodeSelector") or {}
    if any(pool.labels.get(key) != value for key, value in wanted.items()):
        return False
    affinity = ((pod_spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if not affinity:
        return True
    return any(_matches(term, pool) for term in affinity.get("nodeSelectorTerms") or ())


def _matches(term: Mapping[str, Any], pool: NodePool) -> bool:
    expressions = term.get("matchExpressions") or ()
    fields = term.get("matchFields") or ()
    if not expressions and not fields:
        return False  # an empty term matches nothing
    return all(_meets(item, pool.labels) for item in expressions) and all(
        _meets(item, {"metadata.name": pool.name}) for item in fields
    )


def _meets(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    actual = labels.get(requirement["key"])
    operator: str = requirement["operator"]
    values: Sequence[str] = requirement.get("values") or []
    if operator == "Exists":
        return actual is not None
    if operator == "DoesNotExist":
        return actual is None
    if operator == "NotIn":
        return actual not in values
    if operator == "In":
        return actual in values
    return actual is not None and bool(values) and _compares(operator, actual, values[0])


def _compares(operator: str, actual: str, wanted: str) -> bool:
    if operator == "Equal":
        return actual == wanted
    try:
        left, right = int(actual), int(wanted)
    except ValueError:
        return False
    return left > right if operator == "Gt" else left < right
