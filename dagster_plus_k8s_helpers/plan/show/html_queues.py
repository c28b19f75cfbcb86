"""What a run asks of the queues of Kueue, as a report shows it: beside the quota and what is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.capacity.totals import Amounts
from dagster_plus_k8s_helpers.plan.queues import demand, queue_of
from dagster_plus_k8s_helpers.plan.show.html_demand import between
from dagster_plus_k8s_helpers.plan.show.html_sizes import RESOURCES, Bar, amount_text, share_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.capacity.totals import Peak
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
    from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

__all__ = ["QueueRow", "queue_rows", "queues_by_step"]


@dataclass(frozen=True, slots=True)
class QueueRow:
    """What a run asks of one ClusterQueue.

    Attributes:
        name: Its name.
        bars: The peak of each resource beside its nominal quota.
        left: What is left of the quota now, in one line; empty when that is not known.
        waiting: How many workloads wait in it; ``None`` when that is not known.
    """

    name: str
    bars: Sequence[Bar]
    left: str
    waiting: int | None


def queue_rows(plan: RunPlan, quotas: Quotas | None) -> list[QueueRow]:
    """A row a ClusterQueue that pods of the run are in; none without quotas.

    Args:
        plan: The plan.
        quotas: The queues of the cluster.

    Raises:
        PlanError: A pod asks for something that is no quantity.
    """
    if quotas is None:
        return []
    peaks = demand(plan, quotas)
    nominal = {name: _amounts(quotas.nominal(name)) for name in peaks}
    # GPUs are nobody's business where no pod wants any, and no queue has any.
    known = Amounts.largest([*nominal.values(), *(peak.at_least for peak in peaks.values())])
    resources = [item for item in RESOURCES if getattr(known, item[0])]
    return [_row(name, peak, nominal[name], quotas, resources) for name, peak in peaks.items()]


def queues_by_step(plan: RunPlan) -> dict[str, str]:
    """The LocalQueue that the Job of each step names, by step key."""
    queues = {key: queue_of(step.pod) for key, step in plan.steps.items() if step.pod is not None}
    return {key: queue for key, queue in queues.items() if queue}


def _row(
    name: str, peak: Peak, nominal: Amounts, quotas: Quotas, resources: Sequence[tuple[str, str]]
) -> QueueRow:
    free = quotas.free(name)
    left = None if free is None else _amounts(free)
    said = [
        f"{amount_text(resource, getattr(left, resource))} {label}"
        for resource, label in resources
        if left is not None and getattr(nominal, resource)
    ]
    bars = [_bar(resource, label, peak, nominal) for resource, label in resources]
    return QueueRow(name, bars, ", ".join(said), quotas.waiting(name))


def _bar(resource: str, label: str, peak: Peak, nominal: Amounts) -> Bar:
    low, quota = getattr(peak.at_least, resource), getattr(nominal, resource)
    high = None if peak.at_most is None else getattr(peak.at_most, resource)
    text = f"{between(resource, low, high)} of {amount_text(resource, quota)}"
    most = quota if high is None else high
    return Bar(resource, label, text, share_of(low, quota), share_of(most, quota), low > quota)


def _amounts(amounts: Mapping[str, Quantity]) -> Amounts:
    return Amounts.of({}, {name: str(amount) for name, amount in amounts.items()}, "quota")
