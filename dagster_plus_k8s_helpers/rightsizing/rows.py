"""`rows_of`: a row a step, and one for each group of partitions where those need sizes of their own."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.prices import hourly_cost
from dagster_plus_k8s_helpers.rightsizing.asked import BY_USAGE, with_amounts
from dagster_plus_k8s_helpers.rightsizing.given import NEAR, near_their_limit
from dagster_plus_k8s_helpers.rightsizing.groups import groups_of
from dagster_plus_k8s_helpers.rightsizing.recommend import quantile, recommended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.rightsizing.asked import Asks
    from dagster_plus_k8s_helpers.rightsizing.groups import Group
    from dagster_plus_k8s_helpers.rightsizing.history import Measured
    from dagster_plus_k8s_helpers.rightsizing.recommend import Recommended

__all__ = ["Figures", "Row", "rows_of"]

_MONTH = 30 * 86_400.0
_LEAST_SPAN = 86_400.0
_HOUR = 3_600.0
_GIB = 2.0**30
# A core is sold with about 4 GiB of memory; without prices the two have to be added up by something.
_GIB_OF_A_CORE = 4.0
_BAND = 0.1


@dataclass(frozen=True, slots=True)
class Figures:
    """One resource of a row, in bytes or cores; ``None`` where it is not known or not said.

    Attributes:
        request: What the step requests now.
        limit: Its limit now.
        p50: What half of its attempts did not exceed.
        p95: What 19 of 20 did not exceed.
        most: The most that one took.
        new_request: What to request.
        new_limit: The limit to set; ``None`` for none.
    """

    request: float | None
    limit: float | None
    p50: float | None
    p95: float | None
    most: float | None
    new_request: float | None
    new_limit: float | None

    @property
    def times_used(self) -> float | None:
        """How many times as much as it used it asks for."""
        return self.request / self.most if self.request and self.most else None

    @property
    def changes(self) -> bool:
        """Whether another size is worth writing: a larger one, or one that is less by over a tenth of it."""
        if self.new_request is None:
            return False
        if self.request is None:
            return True
        return not self.new_request <= self.request <= self.new_request * (1 + _BAND)


@dataclass(frozen=True)
class Row:
    """One step, or the partitions of it that are alike.

    Attributes:
        asks: What it asks for now.
        group: Its partitions; ``None`` for all of them.
        measured: Its attempts.
        advice: What to ask for.
        pools: The nodes of the cluster, for prices.
    """

    asks: Asks
    group: Group | None
    measured: Sequence[Measured]
    advice: Recommended
    pools: Sequence[NodePool] = ()

    @property
    def step(self) -> str:
        """Key of the step."""
        return self.asks.step

    @property
    def ooms(self) -> int:
        """How many attempts were OOMKilled."""
        return sum(item.usage.oom_killed for item in self.measured)

    @property
    def runs(self) -> int:
        """How many runs it was measured in."""
        return len({item.run_id for item in self.measured})

    @cached_property
    def throttled_share(self) -> float | None:
        """The most that an attempt was held back by its CPU limit, from 0 to 1."""
        shares = (item.usage.cpu_throttled_share for item in self.measured)
        return max((share for share in shares if share is not None), default=None)

    @cached_property
    def seconds(self) -> float | None:
        """How long half of its attempts took at most."""
        taken = sorted(
            item.usage.wall_seconds for item in self.measured if item.usage.wall_seconds is not None
        )
        return quantile(taken, 0.5)

    @cached_property
    def memory(self) -> Figures:
        """Its memory, in bytes."""
        used = sorted(
            item.usage.memory_needed_bytes
            for item in self.measured
            if item.usage.memory_needed_bytes is not None
        )
        asks, new = self.asks, self.advice.memory_bytes
        return _figures(asks.memory_request_bytes, asks.memory_limit_bytes, used, new, new)

    @cached_property
    def cpu(self) -> Figures:
        """Its CPU, in cores: of each attempt the average."""
        used = sorted(item.usage.cpu_cores for item in self.measured if item.usage.cpu_cores is not None)
        asks = self.asks
        return _figures(asks.cpu_request_cores, asks.cpu_limit_cores, used, self.advice.cpu_cores, None)

    @property
    def is_near_limit(self) -> bool:
        """Whether it used over nine tenths of the memory limit that it has now, or was OOMKilled with it.

        An OOM with a limit that was raised since is over. Of a step that is sized at launch each attempt
        counts beside its own limit; one that is sized by its usage follows it already.
        """
        if self.asks.sized_by:
            return bool(self._near)
        memory = self.memory
        if memory.limit is None or memory.most is None:
            return self.ooms > 0
        return memory.most > NEAR * memory.limit

    @cached_property
    def attempts_a_month(self) -> float | None:
        """How many attempts there are in 30 days, at the rate of those that were read.

        ``None`` when they are not a day apart: a backfill of an hour says nothing of a month.
        """
        times = [item.at for item in self.measured]
        span = max(times, default=0.0) - min(times, default=0.0)
        return (len(times) - 1) / span * _MONTH if span >= _LEAST_SPAN else None

    @cached_property
    def hourly(self) -> tuple[Decimal, Decimal] | None:
        """What an hour of it costs, and would with the advice; ``None`` without prices."""
        now = hourly_cost(self.asks.pod_spec, self.pools)
        then = hourly_cost(self._advised_spec(), self.pools)
        return None if now is None or then is None else (now.amount, then.amount)

    @cached_property
    def monthly(self) -> tuple[float, float] | None:
        """What 30 days of it cost, and would; ``None`` without prices, or when the rate is not known."""
        if self.hourly is None or self.attempts_a_month is None or self.seconds is None:
            return None
        hours = self._hours_an_attempt * self.attempts_a_month
        return float(self.hourly[0]) * hours, float(self.hourly[1]) * hours

    @cached_property
    def saving(self) -> float:
        """What the advice saves over the attempts that were read; below 0 when it asks for more.

        In the unit of the prices; without prices in GiB hours, a core counted as 4 GiB.
        """
        hours = self._hours_an_attempt * len(self.measured)
        if self.hourly is not None:
            return float(self.hourly[0] - self.hourly[1]) * hours
        less = (self.memory.request or 0.0) - (self.memory.new_request or self.memory.request or 0.0)
        cores = (self.cpu.request or 0.0) - (self.cpu.new_request or self.cpu.request or 0.0)
        return (less / _GIB + cores * _GIB_OF_A_CORE) * hours

    @property
    def risk(self) -> str:
        """What may go wrong as it is; empty for nothing."""
        if not self.is_near_limit:
            return ""
        near = [item.usage for item in self._near]
        ooms = sum(usage.oom_killed for usage in near) if self.asks.sized_by else self.ooms
        if ooms:
            return f"{ooms} of {len(self.measured)} attempts were OOMKilled"
        if self.asks.sized_by:
            share = max((usage.memory_needed_bytes or 0) / (usage.memory_limit_bytes or 1) for usage in near)
            return f"used {share:.0%} of the memory limit that it was given"
        most, limit = self.memory.most or 0.0, self.memory.limit or 1.0
        return f"used {most / limit:.0%} of its memory limit"

    @cached_property
    def _near(self) -> Sequence[Measured]:
        """Of a step that a function or its partition sizes, the attempts that were given too little."""
        return near_their_limit(self.measured) if self.asks.sized_by not in {"", BY_USAGE} else ()

    @property
    def _hours_an_attempt(self) -> float:
        return sum(item.usage.wall_seconds or 0.0 for item in self.measured) / _HOUR / len(self.measured)

    def _advised_spec(self) -> Mapping[str, Any]:
        """The spec of its pod with what is advised."""
        asks, memory, cpu = self.asks, self.memory, self.cpu
        requests: dict[str, float | None] = {
            "memory": asks.memory_request_bytes,
            "cpu": asks.cpu_request_cores,
        }
        limits: dict[str, float | None] = {"memory": asks.memory_limit_bytes, "cpu": asks.cpu_limit_cores}
        if memory.changes and memory.new_request is not None:
            requests["memory"] = limits["memory"] = int(memory.new_request)
        if cpu.changes:
            requests["cpu"], limits["cpu"] = cpu.new_request, None
        return with_amounts(asks.pod_spec, requests, limits)


def rows_of(
    asked: Sequence[Asks], measured: Iterable[Measured], *, pools: Sequence[NodePool] = ()
) -> list[Row]:
    """The rows of steps that were measured, sorted by what acting on them is worth.

    Those near their limit come first, by how many attempts were OOMKilled; then those that waste the most.

    Args:
        asked: What the steps ask for.
        measured: What their attempts took.
        pools: The nodes of the cluster, with prices.
    """
    by_step: dict[tuple[str, str], list[Measured]] = defaultdict(list)
    for item in measured:
        by_step[item.job, item.step].append(item)
    rows = []
    for asks in asked:
        own = [item for job in asks.jobs for item in by_step.get((job, asks.step), ())]
        if not own:
            continue
        for group, members in groups_of(own):
            newest = sorted(members, key=lambda item: (item.at, item.usage.attempt), reverse=True)
            advice = recommended([item.usage for item in newest])
            # What the plan cannot know is what the newest attempt was given.
            now = asks.given(newest[0].usage) if asks.sized_by else asks
            rows.append(Row(now, group, members, advice, tuple(pools)))
    return sorted(rows, key=lambda row: (not row.is_near_limit, -row.ooms, -row.saving, row.step))


def _figures(
    request: float | None,
    limit: float | None,
    used: Sequence[float],
    new_request: float | None,
    new_limit: float | None,
) -> Figures:
    return Figures(
        request,
        limit,
        quantile(used, 0.5),
        quantile(used, 0.95),
        used[-1] if used else None,
        new_request,
        new_limit,
    )
