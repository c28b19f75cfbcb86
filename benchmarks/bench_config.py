"""Building a pod config with resources, a node selector and tolerations, and its tags.

Beside the same pod from the models of the kubernetes client, and beside a dictionary written by hand,
which checks nothing.
"""

from __future__ import annotations

import itertools
import timeit
from typing import TYPE_CHECKING, Any

from kubernetes import client

from benchmarks.results import Comparison, compared
from dagster_plus_k8s_helpers import K8sConfig, Resources, Toleration

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS = 2000
ROUNDS = 7
AMOUNTS = itertools.count(100)


def ours() -> dict[str, Any]:
    """A K8sConfig."""
    return K8sConfig(
        resources=Resources(cpu="500m", memory="2Gi"),
        node_selector={"pool": "batch"},
        tolerations=[Toleration("pool", "batch", effect="NoSchedule")],
    ).tags


def ours_with_other_amounts() -> dict[str, Any]:
    """The same, with amounts that no config before it had."""
    amount = next(AMOUNTS)
    return K8sConfig(
        resources=Resources(cpu=f"{amount}m", memory=f"{amount}Mi"),
        node_selector={"pool": "batch"},
        tolerations=[Toleration("pool", "batch", effect="NoSchedule")],
    ).tags


def kubernetes_models() -> dict[str, Any]:
    """Models of the kubernetes client."""
    container = client.V1Container(
        name="dagster", resources=client.V1ResourceRequirements(limits={"cpu": "500m", "memory": "2Gi"})
    )
    pod = client.V1PodSpec(
        containers=[container],
        node_selector={"pool": "batch"},
        tolerations=[client.V1Toleration(key="pool", operator="Equal", value="batch", effect="NoSchedule")],
    ).to_dict()
    return {"dagster-k8s/config": {"container_config": pod.pop("containers")[0], "pod_spec_config": pod}}


def by_hand() -> dict[str, Any]:
    """A dictionary."""
    return {
        "dagster-k8s/config": {
            "container_config": {"resources": {"limits": {"cpu": "500m", "memory": "2Gi"}}},
            "pod_spec_config": {
                "node_selector": {"pool": "batch"},
                "tolerations": [
                    {"key": "pool", "operator": "Equal", "value": "batch", "effect": "NoSchedule"},
                ],
            },
        }
    }


def main() -> None:
    """Print a line each."""
    taken = {make: microseconds(make) for make in (ours, ours_with_other_amounts, kubernetes_models, by_hand)}
    for make, time in taken.items():
        print(f"{make.__name__:26} {time:8.1f} us   {time / taken[ours]:6.2f} of ours")
    theirs = taken[kubernetes_models] / 1e6
    compared(Comparison("a pod config", "config", taken[ours] / 1e6, theirs, "kubernetes.client models"))


def microseconds(make: Callable[[], object]) -> float:
    """The fastest of several rounds, by call."""
    return min(timeit.repeat(make, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


if __name__ == "__main__":
    main()
