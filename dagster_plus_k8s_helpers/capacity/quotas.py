"""`Quotas`: what the queues of Kueue may give, and whether they ever give what a pod asks for.

Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.capacity.requests import sum_of
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.capacity.queue_objects import ClusterSpec, Flavor, Group
    from dagster_plus_k8s_helpers.capacity.requests import Amounts

__all__ = ["Quotas"]

_PODS = "pods"


@answering
@dataclass(frozen=True)
class Quotas:
    """The queues of a cluster.

    What nodes a flavor has is not looked at: a pod that a quota has room for may still fit no node.

    Attributes:
        cluster_queues: Specs of the ClusterQueues, by name.
        local_queues: The ClusterQueue of each LocalQueue, by its namespace and name.
        statuses: What the ClusterQueues had given when they were read, by name; a file may not say it.
    """

    cluster_queues: Mapping[str, Any]
    local_queues: Mapping[tuple[str, str], str]
    statuses: Mapping[str, Any] = field(default_factory=dict)

    def nominal(self, cluster_queue: str) -> dict[str, Quantity]:
        """The nominal quota of each resource, of all flavors together; empty for one that is not known."""
        spec = self.cluster_queues.get(cluster_queue)
        quotas = (quota for group in _groups(spec) for flavor in group.flavors for quota in flavor.resources)
        return sum_of({quota.name: quota.nominal_quota} for quota in quotas)

    def used(self, cluster_queue: str) -> dict[str, Quantity] | None:
        """What a ClusterQueue has given of each resource, with what it borrowed; ``None`` when not known.

        Args:
            cluster_queue: Its name.
        """
        status = self.statuses.get(cluster_queue)
        if status is None or status.flavors_reservation is None:
            return None
        used = (item for flavor in status.flavors_reservation for item in flavor.resources)
        return sum_of({item.name: item.total} for item in used)

    def free(self, cluster_queue: str) -> dict[str, Quantity] | None:
        """What is left of the nominal quota of each resource, of all flavors together.

        Args:
            cluster_queue: Its name.
        """
        used = self.used(cluster_queue)
        if used is None:
            return None
        return {
            name: amount - min(amount, used[name]) if name in used else amount
            for name, amount in self.nominal(cluster_queue).items()
        }

    def waiting(self, cluster_queue: str) -> int | None:
        """How many Workloads wait in a ClusterQueue; ``None`` when that is not known.

        Args:
            cluster_queue: Its name.
        """
        status = self.statuses.get(cluster_queue)
        return None if status is None else status.pending_workloads

    def cluster_queues_of(self, namespace: str | None, queue: str) -> list[str]:
        """The ClusterQueues that a LocalQueue may be of: several where its namespace is not known.

        Args:
            namespace: Where it is; ``None`` for anywhere.
            queue: Its name.
        """
        return sorted(
            {
                found
                for (where, name), found in self.local_queues.items()
                if name == queue and namespace in (None, where)
            }
        )

    def never(self, namespace: str | None, queue: str, requests: Amounts) -> str | None:
        """Why a queue never admits a pod, were all of it free; ``None`` when it may.

        A queue in a cohort borrows without a bound unless it has a borrowing limit: how much there is to
        borrow is for the whole cohort to say.

        Args:
            namespace: Of the Job; ``None`` where only the launch says it: any queue of the name will do.
            queue: The LocalQueue that it names.
            requests: What its pod requests.

        Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/#resource-groups
        """
        found = self.cluster_queues_of(namespace, queue)
        if not found:
            return f"there is no LocalQueue {queue!r}" + (
                f" in the namespace {namespace!r}" if namespace else ""
            )
        reasons = [self._never(queue, cluster_queue, requests) for cluster_queue in found]
        return reasons[0] if all(reasons) else None

    def _never(self, queue: str, cluster_queue: str, requests: Amounts) -> str | None:
        spec = self.cluster_queues.get(cluster_queue)
        if spec is None:
            return f"the LocalQueue {queue!r} is of the ClusterQueue {cluster_queue!r}, which there is not"
        wanted = {name: amount for name, amount in requests.items() if amount.value}
        groups = _groups(spec)
        covered = {quota.name for group in groups for flavor in group.flavors for quota in flavor.resources}
        if _PODS in covered:
            wanted[_PODS] = Quantity(1)
        if missing := sorted(wanted.keys() - covered):
            return f"the ClusterQueue {cluster_queue!r} has no quota of {', '.join(missing)}"
        in_cohort = bool(spec.cohort_name or spec.cohort)
        for group in groups:
            short = [_short(flavor, wanted, in_cohort=in_cohort) for flavor in group.flavors]
            # One flavor gives all that the group covers.
            if short and all(short):
                return (
                    f"the ClusterQueue {cluster_queue!r} never has so much: {'; '.join(filter(None, short))}"
                )
        return None


def _groups(spec: ClusterSpec | None) -> tuple[Group, ...]:
    return () if spec is None else spec.resource_groups


def _short(flavor: Flavor, wanted: Amounts, *, in_cohort: bool) -> str:
    """What a flavor has too little of, in words; empty when it may have enough."""
    for quota in flavor.resources:
        amount = wanted.get(quota.name)
        if amount is None or (in_cohort and quota.borrowing_limit is None):
            continue
        most = quota.nominal_quota
        if in_cohort and quota.borrowing_limit is not None:
            most += quota.borrowing_limit
        if amount > most:
            return f"{quota.name} {amount}, of which the flavor {flavor.name!r} has {most}"
    return ""
