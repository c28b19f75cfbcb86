"""How much a run can ask of the cluster at one time.

The exact answer is the heaviest set of steps of which none waits for another, with at most
``max_concurrent`` members. `peak_of` has it where ``max_concurrent`` does not cut into that set; else it
gives two bounds: `Peak.at_least`, which a real set of steps reaches, and `Peak.at_most`, which no run
exceeds. `Peak.is_exact` says whether they are one.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.capacity.antichain import heaviest_antichain
from dagster_plus_k8s_helpers.capacity.gpus import is_gpu
from dagster_plus_k8s_helpers.capacity.requests import pod_requests
from dagster_plus_k8s_helpers.errors import PlanError, QuantityError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Amounts", "Peak", "Task", "amounts_of", "peak_of"]

_NOTHING = Quantity(0)
_MOST_FOR_EXACT = 20_000


@answering
@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU in cores, memory in bytes, and GPUs of any vendor, with what `is_gpu` takes for one."""

    cpu: Decimal = Decimal(0)
    memory: Decimal = Decimal(0)
    gpu: Decimal = Decimal(0)

    @classmethod
    def of(cls, limits: Mapping[str, Any], requests: Mapping[str, Any], where: str) -> Amounts:
        """What the scheduler counts: the request, which is the limit where there is none."""
        effective = {**limits, **requests}
        return cls(
            _amount(effective.get("cpu"), f"{where}, cpu"),
            _amount(effective.get("memory"), f"{where}, memory"),
            sum(
                (_amount(amount, f"{where}, {name}") for name, amount in effective.items() if is_gpu(name)),
                Decimal(0),
            ),
        )

    @classmethod
    def total(cls, amounts: Iterable[Amounts]) -> Amounts:
        """All together."""
        total = cls()
        for item in amounts:
            total += item
        return total

    @classmethod
    def largest(cls, amounts: Iterable[Amounts]) -> Amounts:
        """The largest of each."""
        largest = cls()
        for item in amounts:
            largest = largest.at_least(item)
        return largest

    def __add__(self, other: Amounts) -> Amounts:
        return Amounts(self.cpu + other.cpu, self.memory + other.memory, self.gpu + other.gpu)

    def at_least(self, other: Amounts) -> Amounts:
        """The larger of each."""
        return Amounts(max(self.cpu, other.cpu), max(self.memory, other.memory), max(self.gpu, other.gpu))


@answering
@dataclass(frozen=True, slots=True)
class Peak:
    """The most that is requested at one time.

    Attributes:
        at_least: What some steps that can run together do request. Each resource on its own: the steps
            that need the most memory may be others than those that need the most CPU.
        at_most: What no run exceeds; ``None`` when dynamic steps have no ``max_concurrent`` to bound them.
    """

    at_least: Amounts
    at_most: Amounts | None

    @property
    def is_exact(self) -> bool:
        """Whether the two bounds are one."""
        return self.at_least == self.at_most

    def plus(self, constant: Amounts) -> Peak:
        """With what runs all the time."""
        return Peak(self.at_least + constant, None if self.at_most is None else self.at_most + constant)


class Task(NamedTuple):
    """A step as far as its weight goes."""

    key: str
    amounts: Amounts
    depends_on: frozenset[str]
    is_mapped: bool


def amounts_of(pod_spec: Mapping[str, Any], where: str) -> Amounts:
    """What the scheduler counts for a pod; see `pod_requests`.

    Raises:
        PlanError: It asks for something that is no quantity.
    """
    try:
        requests = pod_requests(pod_spec)
    except QuantityError as error:
        raise PlanError(f"{where}: {error.reason}") from None
    return Amounts(
        requests.get("cpu", _NOTHING).value,
        requests.get("memory", _NOTHING).value,
        sum((amount.value for name, amount in requests.items() if is_gpu(name)), Decimal(0)),
    )


def peak_of(tasks: Sequence[Task], max_concurrent: int | None) -> Peak:
    """Bounds of what the steps request at one time.

    ``at_least``: the steps that are equally far from the start, or from the end, can all run together;
    the heaviest ``max_concurrent`` of the heaviest such group. ``at_most``: the steps are laid out in
    chains, each step behind one it waits for; of a chain one step runs at a time, so no more than the
    heaviest steps of the ``max_concurrent`` heaviest chains. Both in time linear in steps and
    dependencies, but for a sort. Where they differ, the heaviest steps that can run together are looked
    for, unless steps are mapped or there are too many. Limits by tag (``tag_concurrency_limits``) are not
    taken into account.

    Args:
        tasks: The steps in an order they can run in.
        max_concurrent: How many may run at once.
    """
    groups = [*_levels(tasks), *_levels_from_end(tasks)]
    chains = _chains(tasks)
    has_mapped = any(task.is_mapped for task in tasks)
    copies = max_concurrent if has_mapped else 1
    lower, upper = [], []
    for item in fields(Amounts):
        lower.append(
            max((_heaviest(group, item.name, max_concurrent) for group in groups), default=Decimal(0))
        )
        heads = [
            max((getattr(task.amounts, item.name) for task in chain), default=Decimal(0)) for chain in chains
        ]
        for task in tasks:
            if task.is_mapped and copies is not None:
                heads.extend([getattr(task.amounts, item.name)] * (copies - 1))
        chosen = heads if max_concurrent is None else heapq.nlargest(max_concurrent, heads)
        upper.append(sum(chosen, Decimal(0)))
        if lower[-1] != upper[-1] and not has_mapped and _is_small(tasks):
            together = _together(tasks, item.name)
            lower[-1] = max(lower[-1], _heaviest(together, item.name, max_concurrent))
            upper[-1] = min(upper[-1], _heaviest(together, item.name, None))
    return Peak(Amounts(*lower), None if copies is None else Amounts(*upper))


def _is_small(tasks: Sequence[Task]) -> bool:
    return len(tasks) + sum(len(task.depends_on) for task in tasks) <= _MOST_FOR_EXACT


def _together(tasks: Sequence[Task], name: str) -> list[Task]:
    """The steps that need the most of a resource among those that can run at one time."""
    weights = {task.key: getattr(task.amounts, name) for task in tasks}
    chosen = set(heaviest_antichain(weights, {task.key: task.depends_on for task in tasks}))
    return [task for task in tasks if task.key in chosen]


def _heaviest(group: Sequence[Task], name: str, count: int | None) -> Decimal:
    weights = [getattr(task.amounts, name) for task in group]
    return sum(weights if count is None else heapq.nlargest(count, weights), Decimal(0))


def _levels(tasks: Sequence[Task]) -> list[list[Task]]:
    """Steps by how many others they wait for in a row."""
    depth: dict[str, int] = {}
    for task in tasks:
        depth[task.key] = 1 + max((depth[key] for key in task.depends_on if key in depth), default=-1)
    return _grouped(tasks, depth)


def _levels_from_end(tasks: Sequence[Task]) -> list[list[Task]]:
    """Steps by how many others wait for them in a row."""
    height = {task.key: 0 for task in tasks}
    for task in reversed(tasks):
        for key in task.depends_on:
            if key in height:
                height[key] = max(height[key], height[task.key] + 1)
    return _grouped(tasks, height)


def _grouped(tasks: Sequence[Task], place: Mapping[str, int]) -> list[list[Task]]:
    groups: dict[int, list[Task]] = {}
    for task in tasks:
        groups.setdefault(place[task.key], []).append(task)
    return list(groups.values())


def _chains(tasks: Sequence[Task]) -> list[list[Task]]:
    """The steps in chains, each behind the lightest step it waits for that ends a chain."""
    ends: dict[str, list[Task]] = {}
    chains: list[list[Task]] = []
    for task in tasks:
        free = [key for key in task.depends_on if key in ends]
        if free:
            chain = ends.pop(max(free, key=lambda key: (_size(ends[key][-1]), key)))
        else:
            chain = []
            chains.append(chain)
        chain.append(task)
        ends[task.key] = chain
    return chains


def _size(task: Task) -> tuple[Decimal, Decimal, Decimal]:
    return (task.amounts.gpu, task.amounts.memory, task.amounts.cpu)


def _amount(value: Any, where: str) -> Decimal:
    if value is None:
        return Decimal(0)
    try:
        return _parsed(value)
    except QuantityError as error:
        raise PlanError(f"{where}: {error.reason}") from None


@lru_cache(maxsize=4096)
def _parsed(value: Any) -> Decimal:
    return Quantity(value).value
