"""What a run asks of a cluster: its pods by size, where they fit, and its demand from wave to wave."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.capacity.fitting import fit
from dagster_plus_k8s_helpers.capacity.totals import Amounts
from dagster_plus_k8s_helpers.plan.show.html_sizes import (
    Bar,
    Size,
    amount_text,
    bar,
    capacity_of,
    resources_of,
    scale_of,
    share_of,
    size_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.capacity.fitting import Fit
    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.totals import Peak
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod, Template
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, StepPlan

__all__ = ["Chart", "Column", "Group", "PodSizes", "between", "charts_of"]


@dataclass(frozen=True, slots=True)
class Group:
    """Pods of one size that fit the same nodes.

    Attributes:
        keys: Keys of their steps; empty for the run's own pod.
        size: Their size.
        bars: The same as bars.
        fit: Where they fit; ``None`` when no nodes are known.
    """

    keys: tuple[str, ...]
    size: Size
    bars: Sequence[Bar]
    fit: Fit | None


class PodSizes:
    """Sizes of the pods of a plan, each settings looked at once.

    Args:
        plan: The plan.
        pools: The nodes of the cluster.

    Raises:
        PlanError: A pod asks for something that is no quantity.
    """

    def __init__(self, plan: RunPlan, pools: Sequence[NodePool]) -> None:
        self._pools = pools
        self._sizes: dict[Template, Size] = {}
        self._fits: dict[Template, Fit] = {}
        self.run = self.of(plan.run, "run")
        self._steps = {key: (step.pod, self.of_step(step)) for key, step in plan.steps.items() if step.pod}
        self.scale = scale_of(self._sizes.values(), pools)
        self.capacity = capacity_of(pools) if pools else None
        self.resources = resources_of(self._sizes.values(), self.scale)
        self._run_pod = plan.run

    def bars_of(self, size: Size) -> list[Bar]:
        """A size as bars."""
        return [bar(size, self.scale, name, label) for name, label in self.resources]

    def of(self, pod: Pod, where: str) -> Size:
        """The size of one pod."""
        if pod.template not in self._sizes:
            self._sizes[pod.template] = size_of(pod.spec_template, where)
        return self._sizes[pod.template]

    def of_step(self, step: StepPlan) -> Size:
        """The size of the pod of a step, the largest that it may get; nothing when it has none."""
        if step.pod is None:
            return Size(Amounts(), Amounts())
        where = f"step {step.key!r}"
        largest = self.of(step.pod, where)
        return largest if step.smallest is None else largest.down_to(self.of(step.smallest, where))

    def fit_of(self, pod: Pod) -> Fit | None:
        """Where a pod fits; ``None`` when no nodes are known."""
        if not self._pools:
            return None
        if pod.template not in self._fits:
            self._fits[pod.template] = fit(pod.spec_template, self._pools)
        return self._fits[pod.template]

    def groups(self) -> list[Group]:
        """The pods by size, the run's own first and then the largest."""
        alike: dict[object, list[str]] = {}
        for key, (pod, size) in self._steps.items():
            found = self.fit_of(pod)
            likeness = (size, found.pools if found else (), found.message if found else "")
            alike.setdefault(likeness, []).append(key)
        groups = [self._group(keys, *self._steps[keys[0]]) for keys in alike.values()]
        groups.sort(key=lambda group: _weight(group.size), reverse=True)
        return [self._group((), self._run_pod, self.run), *groups]

    def _group(self, keys: Sequence[str], pod: Pod, size: Size) -> Group:
        return Group(tuple(keys), size, self.bars_of(size), self.fit_of(pod))

    def requests_of(self, key: str) -> Amounts:
        """What the pod of a step requests; nothing when it has none."""
        return self._steps[key][1].requests if key in self._steps else Amounts()


@dataclass(frozen=True, slots=True)
class Column:
    """Demand of one wave.

    Attributes:
        text: The amount.
        percent: Its share of the highest of the chart.
    """

    text: str
    percent: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Demand for one resource from wave to wave.

    Attributes:
        resource: ``cpu``, ``memory`` or ``gpu``.
        label: What it is called.
        columns: A column a wave.
        peak: The most the run requests at one time, in words.
        peak_percent: Where the bound that no run exceeds is drawn; ``None`` when there is no such bound.
        capacity: What the nodes have together; empty when no nodes are known.
        capacity_percent: Share of that which the peak is.
        is_over: Whether the peak is more than the nodes have together.
        smallest: The peak when each step gets the smallest size that it may get at launch; empty when that
            is no other one.
    """

    resource: str
    label: str
    columns: Sequence[Column]
    peak: str
    peak_percent: float | None
    capacity: str
    capacity_percent: float
    is_over: bool
    smallest: str


def charts_of(plan: RunPlan, sizes: PodSizes, waves: Sequence[Sequence[str]]) -> list[Chart]:
    """Demand from wave to wave, the run's own pod included.

    Of a wave with more steps than ``max_concurrent`` the heaviest count, resource by resource.
    """
    return [_chart(plan, sizes, waves, name, label) for name, label in sizes.resources]


def _chart(plan: RunPlan, sizes: PodSizes, waves: Sequence[Sequence[str]], name: str, label: str) -> Chart:
    own: Decimal = getattr(sizes.run.requests, name)
    demands = [own + _heaviest(plan, sizes, wave, name) for wave in waves]
    peak = plan.peak
    low: Decimal = getattr(peak.at_least, name)
    high: Decimal | None = None if peak.at_most is None else getattr(peak.at_most, name)
    top = max([low, *demands, *([] if high is None else [high])])
    capacity: Decimal | None = None if sizes.capacity is None else getattr(sizes.capacity, name)
    return Chart(
        name,
        label,
        [Column(amount_text(name, demand), share_of(demand, top)) for demand in demands],
        between(name, low, high),
        None if high is None else share_of(high, top),
        "" if capacity is None else amount_text(name, capacity),
        0 if capacity is None else share_of(low, capacity),
        is_over=capacity is not None and low > capacity,
        smallest=_smallest(plan, name),
    )


def _smallest(plan: RunPlan, name: str) -> str:
    said = [_peak(name, peak) for peak in (plan.smallest_peak, plan.peak)]
    return "" if said[0] == said[1] else said[0]


def _peak(name: str, peak: Peak) -> str:
    high = None if peak.at_most is None else getattr(peak.at_most, name)
    return between(name, getattr(peak.at_least, name), high)


def _heaviest(plan: RunPlan, sizes: PodSizes, wave: Sequence[str], name: str) -> Decimal:
    weights: list[Decimal] = []
    for key in wave:
        copies = plan.max_concurrent or 1 if plan.steps[key].is_mapped else 1
        weights += [getattr(sizes.requests_of(key), name)] * copies
    if plan.max_concurrent is not None:
        weights = heapq.nlargest(plan.max_concurrent, weights)
    return sum(weights, Decimal(0))


def between(name: str, low: Decimal, high: Decimal | None) -> str:
    """What is needed of a resource at one time: at least the one, at most the other if that is bounded."""
    if high == low:
        return amount_text(name, low)
    if high is None:
        return f"at least {amount_text(name, low)}"
    return f"{amount_text(name, low)} to {amount_text(name, high)}"


def _weight(size: Size) -> tuple[Decimal, Decimal, Decimal]:
    return (size.requests.gpu, size.requests.memory, size.requests.cpu)
