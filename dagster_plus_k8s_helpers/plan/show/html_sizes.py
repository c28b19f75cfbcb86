"""What pods ask for as a report shows it: as text, and as a share of the nodes or of the largest pod."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.capacity.requests import pod_limits
from dagster_plus_k8s_helpers.capacity.totals import Amounts, amounts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool

__all__ = [
    "RESOURCES",
    "Bar",
    "Size",
    "amount_text",
    "bar",
    "capacity_of",
    "resources_of",
    "scale_of",
    "share_of",
    "size_of",
]

RESOURCES = (("cpu", "CPU"), ("memory", "memory"), ("gpu", "GPU"))
"""The attributes of `Amounts`, and what they are called."""

_LEAST = Decimal("0.01")
_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))


@dataclass(frozen=True, slots=True)
class Size:
    """What a pod requests and may use.

    Attributes:
        requests: What the scheduler sets aside for it.
        limits: What it may use; 0 where it has no limit.
        least: What it requests at the smallest of its sizes, where a launch decides that; else ``None``.
    """

    requests: Amounts
    limits: Amounts
    least: Amounts | None = None

    @property
    def text(self) -> str:
        """In one line, such as ``2 CPU, 8Gi memory, 1 GPU``."""
        parts = [
            f"{self.requested(name)} {label}" for name, label in RESOURCES if getattr(self.requests, name)
        ]
        return ", ".join(parts) or "requests nothing"

    def down_to(self, smallest: Size) -> Size:
        """This size as the largest of several, of which another one is the smallest."""
        return Size(self.requests, self.limits, smallest.requests)

    def requested(self, name: str) -> str:
        """What it requests of a resource: where that is decided at launch, from the least to the most."""
        most, least = getattr(self.requests, name), getattr(self.least or self.requests, name)
        # As large in one as in another: a size by memory may ask for less CPU.
        ends = sorted((least, most))
        return " to ".join(dict.fromkeys(amount_text(name, end) for end in ends))


@dataclass(frozen=True, slots=True)
class Bar:
    """One amount beside what it is measured with.

    Attributes:
        resource: ``cpu``, ``memory`` or ``gpu``.
        label: What it is called.
        text: The amount; with the limit, where that is another.
        percent: Its share of the whole, at most 100.
        limit_percent: The limit's share, likewise.
        is_over: Whether it is more than the whole.
        least_percent: Where the smallest of its sizes ends, where a launch decides that; else ``None``.
    """

    resource: str
    label: str
    text: str
    percent: float
    limit_percent: float
    is_over: bool
    least_percent: float | None = None


def size_of(pod_spec: Mapping[str, Any], where: str) -> Size:
    """The size of a pod.

    Raises:
        PlanError: It asks for something that is no quantity.
    """
    requests = amounts_of(pod_spec, where)
    limits = {name: amount.value for name, amount in pod_limits(pod_spec).items()}
    return Size(requests, Amounts.of({}, limits, where))


def amount_text(name: str, amount: Decimal) -> str:
    """An amount of a resource, short: at most two decimals."""
    if not amount:
        return "none"
    if name == "memory":
        for unit, factor in _UNITS:
            if amount >= factor:
                return f"{_short(amount / factor)}{unit}"
        return f"{_short(amount)} B"
    if name == "cpu" and amount < 1:
        return f"{_short(amount * 1000)}m"
    return _short(amount)


def scale_of(sizes: Iterable[Size], pools: Sequence[NodePool]) -> Amounts:
    """What a full bar stands for: the most that a node has, or without nodes the most that a pod may use."""
    if pools:
        return Amounts.largest(_node(pool) for pool in pools)
    return Amounts.largest(size.requests.at_least(size.limits) for size in sizes)


def capacity_of(pools: Sequence[NodePool]) -> Amounts:
    """What all nodes have together, as far as they take new pods."""
    return Amounts.total(
        Amounts(*(getattr(_node(pool), name) * pool.count for name, _ in RESOURCES))
        for pool in pools
        if not pool.cordoned
    )


def resources_of(sizes: Iterable[Size], scale: Amounts) -> tuple[tuple[str, str], ...]:
    """`RESOURCES`, without GPUs where no pod asks for one and no node has one."""
    has_gpu = scale.gpu or any(size.requests.gpu for size in sizes)
    return RESOURCES if has_gpu else RESOURCES[:2]


def share_of(amount: Decimal, whole: Decimal) -> float:
    """An amount in percent of the whole, at most 100."""
    if not amount:
        return 0
    return min(100.0, round(float(amount / whole) * 100, 1)) if whole else 100.0


def bar(size: Size, scale: Amounts, name: str, label: str) -> Bar:
    """What a size says of one of the `RESOURCES`, beside the scale."""
    request, limit = getattr(size.requests, name), getattr(size.limits, name)
    whole = getattr(scale, name)
    text = size.requested(name)
    if limit > request:
        text += f", up to {amount_text(name, limit)}"
    least = request if size.least is None else getattr(size.least, name)
    return Bar(
        name,
        label,
        text,
        share_of(request, whole),
        share_of(limit, whole),
        request > whole,
        None if least == request else share_of(least, whole),
    )


def _node(pool: NodePool) -> Amounts:
    return Amounts.of({}, {name: str(amount) for name, amount in pool.allocatable.items()}, pool.name)


def _short(number: Decimal) -> str:
    if number < _LEAST:
        return f"<{_LEAST}"
    return f"{number:.2f}".rstrip("0").rstrip(".") if number < 100 else f"{number:.0f}"
