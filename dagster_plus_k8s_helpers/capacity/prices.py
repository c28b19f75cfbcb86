"""What an hour of a pod costs: its share of the node it blocks, times what the node costs.

The share is that of the dominant resource, of which the pod takes the largest part: a pod with half of a
node's memory leaves half of its CPUs to pods that then have no memory.

Source: https://www.usenix.org/conference/nsdi11/dominant-resource-fairness-fair-allocation-multiple-resource-types
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.fitting import fit
from dagster_plus_k8s_helpers.capacity.requests import pod_requests
from dagster_plus_k8s_helpers.pod.platforms import SPOT_NODES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.requests import Amounts

__all__ = ["HourlyCost", "dominant_share", "has_prices", "hourly_cost"]


@dataclass(frozen=True, slots=True)
class HourlyCost:
    """What a pod costs an hour.

    Attributes:
        pool: The pool whose node it blocks a share of.
        share: The share, from 0 to 1.
        resource: The resource that it takes the largest part of.
        amount: The cost, in whatever the file of nodes counts.
        is_spot: Whether it is by the price of a spot node.
    """

    pool: str
    share: Decimal
    resource: str
    amount: Decimal
    is_spot: bool


def has_prices(pools: Sequence[NodePool]) -> bool:
    """Whether any pool has a price."""
    return any(pool.price_per_hour is not None or pool.spot_price_per_hour is not None for pool in pools)


def hourly_cost(pod_spec: Mapping[str, Any], pools: Sequence[NodePool]) -> HourlyCost | None:
    """What a pod costs an hour, on the cheapest of the pools that take it and have a price.

    A pod that selects spot nodes, by a label of `spot`, costs the spot price of a pool, where it has one.

    Args:
        pod_spec: Kubernetes' ``PodSpec``, in camelCase as the API server takes it.
        pools: The nodes.

    Returns:
        ``None`` when no pool with a price takes it.
    """
    takes = set(fit(pod_spec, pools).pools)
    requests, wants_spot = pod_requests(pod_spec), _selects_spot(pod_spec)
    costs = []
    for pool in pools:
        is_spot = wants_spot and pool.spot_price_per_hour is not None
        price = pool.spot_price_per_hour if is_spot else pool.price_per_hour
        if pool.name in takes and price is not None:
            share, resource = dominant_share(requests, pool)
            costs.append(HourlyCost(pool.name, share, resource, share * price, is_spot))
    return min(costs, key=lambda cost: cost.amount, default=None)


def dominant_share(requests: Amounts, pool: NodePool) -> tuple[Decimal, str]:
    """The largest part that requests take of anything a node of the pool has, and of what."""
    shares = [
        (amount.value / whole.value, name)
        for name, amount in requests.items()
        if (whole := pool.allocatable.get(name)) is not None and whole.value
    ]
    return max(shares, default=(Decimal(0), ""))


def _selects_spot(pod_spec: Mapping[str, Any]) -> bool:
    selected = pod_spec.get("nodeSelector") or {}
    return any(nodes.selector.items() <= selected.items() for nodes in SPOT_NODES.values())
