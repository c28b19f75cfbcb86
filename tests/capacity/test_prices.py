"""What an hour of a pod costs: its share of the node by its dominant resource, times the node's price."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from dagster_plus_k8s_helpers.capacity.nodes import read_nodes
from dagster_plus_k8s_helpers.capacity.prices import has_prices, hourly_cost
from dagster_plus_k8s_helpers.errors import InvalidFileError

NODES = """
pools:
- {name: small, allocatable: {cpu: 4, memory: 16Gi}, price_per_hour: 0.2, spot_price_per_hour: 0.05}
- {name: large, allocatable: {cpu: 16, memory: 64Gi}, price_per_hour: 0.7}
- {name: own, allocatable: {cpu: 64, memory: 512Gi}}
- {name: gpus, allocatable: {cpu: 8, memory: 32Gi, nvidia.com/gpu: 2}, price_per_hour: 3}
"""


def pod(selector: dict[str, str] | None = None, **requests: str) -> dict[str, Any]:
    amounts = {name.replace("gpu", "nvidia.com/gpu"): amount for name, amount in requests.items()}
    return {"containers": [{"resources": {"requests": amounts}}], "nodeSelector": selector or {}}


@pytest.mark.parametrize(
    ("spec", "pool", "resource", "amount"),
    [
        (pod(cpu="1", memory="2Gi"), "large", "cpu", "0.04375"),
        (pod(cpu="1", memory="8Gi"), "large", "memory", "0.0875"),
        (pod(cpu="8", memory="1Gi"), "large", "cpu", "0.35"),
        (pod(cpu="1", gpu="1"), "gpus", "nvidia.com/gpu", "1.5"),
        (pod(), "small", "", "0"),
    ],
)
def test_the_dominant_resource_says_the_share_and_the_cheapest_pool_the_price(
    spec: dict[str, Any], pool: str, resource: str, amount: str
) -> None:
    cost = hourly_cost(spec, read_nodes(NODES))

    assert cost is not None
    assert (cost.pool, cost.resource, cost.amount, cost.is_spot) == (pool, resource, Decimal(amount), False)


def test_a_pod_that_fits_no_pool_with_a_price_has_no_cost() -> None:
    assert hourly_cost(pod(cpu="32"), read_nodes(NODES)) is None


def test_what_selects_spot_nodes_costs_the_spot_price() -> None:
    nodes = NODES.replace("small,", "small, labels: {cloud.google.com/gke-spot: 'true'},")
    cost = hourly_cost(pod({"cloud.google.com/gke-spot": "true"}, cpu="2"), read_nodes(nodes))

    assert cost is not None
    assert (cost.pool, cost.amount, cost.is_spot) == ("small", Decimal("0.025"), True)


def test_nodes_of_kubectl_have_no_prices() -> None:
    nodes = "{kind: Node, metadata: {name: a}, status: {allocatable: {cpu: 1}}}"

    assert not has_prices(read_nodes(nodes))
    assert has_prices(read_nodes(NODES))


@pytest.mark.parametrize("price", ["-1", "'0.2'", "true", ".nan", ".inf", "$0.2"])
def test_what_is_no_price_is_refused_at_its_line(price: str) -> None:
    with pytest.raises(InvalidFileError, match=r"nodes\.yaml:3:19 pools\[0\]\.price_per_hour"):
        read_nodes(
            f"pools:\n- {{name: a, allocatable: {{cpu: 1}},\n  price_per_hour: {price}}}", "nodes.yaml"
        )
