"""What the nodes have, for the memory ladder's cap and for devices that no node has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.diagnosis.api_json import items, mapping, text, value
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["NodeReader", "Nodes"]

# Nodes come with an autoscaler within a minute or two.
_FRESH_SECONDS = 60.0
_CONTROL_PLANE = frozenset({"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"})


@dataclass(frozen=True)
class Nodes:
    """What is known of the nodes; nothing when they may not be listed.

    Args:
        largest_memory: Allocatable memory of the largest node that takes steps.
        resources: What any node has some of.
        known: Whether they could be listed.
    """

    largest_memory: str = ""
    resources: frozenset[str] = frozenset()
    known: bool = False


class NodeReader:
    """Reads the nodes when asked, and again when what it read is old.

    Args:
        cluster: Where they are.
        clock: Seconds that only go forward.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster, self._clock = cluster, clock
        self._nodes, self._fresh_until = Nodes(), clock()

    def read(self) -> Nodes:
        """What the nodes have now, or had a moment ago."""
        if self._clock() >= self._fresh_until:
            try:
                self._nodes = _nodes(self._cluster.nodes())
            except CallError as error:
                if error.is_passing:
                    return self._nodes
                self._nodes = Nodes()
            self._fresh_until = self._clock() + _FRESH_SECONDS
        return self._nodes


def _nodes(nodes: Sequence[ApiObject]) -> Nodes:
    readable: list[Quantity] = []
    for node in filter(_takes_steps, nodes):
        try:
            readable.append(Quantity(text(node, "status", "allocatable", "memory")))
        except K8sConfigError:
            continue
    resources = {
        name
        for node in nodes
        for name, amount in mapping(node, "status", "allocatable").items()
        if str(amount) not in {"", "0"}
    }
    return Nodes(max(readable).canonical if readable else "", frozenset(resources), known=True)


def _takes_steps(node: ApiObject) -> bool:
    """Whether a step can be sent there: the node is ready, open to new pods, and not the control plane's."""
    return (
        value(node, "spec", "unschedulable") is not True
        and not any(text(taint, "key") in _CONTROL_PLANE for taint in items(node, "spec", "taints"))
        and not any(
            text(condition, "type") == "Ready" and text(condition, "status") != "True"
            for condition in items(node, "status", "conditions")
        )
    )
