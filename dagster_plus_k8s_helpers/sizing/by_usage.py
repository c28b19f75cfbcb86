"""`sized_by_usage`: the next attempt gets what earlier ones really used, and some more."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts import Resources
from dagster_plus_k8s_helpers.sizing.last_runs import lately, of_this_run, runs_of
from dagster_plus_k8s_helpers.sizing.strategy import Sized, SizeTags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.pod.amounts.quantity import QuantityLike
    from dagster_plus_k8s_helpers.sizing.facts import StepFacts
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["MOST_RUNS", "ByUsage", "sized_by_usage"]

MOST_RUNS = 100
"""So many of the last runs are looked through for those of a step."""

_MI = 2**20
_LEAST_MEMORY = 4 * _MI
_AFTER_OOM = Fraction(5, 4)
_CPU_STEP = Fraction(1, 100)
_CPU_QUANTILE = 0.95
# So many times what a node can have is still an amount that Kubernetes can read.
_MOST_TIMES = 1000
_SHOWN = 10**9


@dataclass(frozen=True, kw_only=True)
class ByUsage:
    """Decides by what earlier attempts took; see `sized_by_usage` for what the fields mean."""

    headroom: float = 1.15
    floor: str | None = None
    maximum: str | None = None
    runs: int = 10
    quantile: float = 1.0
    at_least: int = 3
    band: float = 0.1
    cpu: bool = False

    def __post_init__(self) -> None:
        _check_number("headroom", self.headroom, 1, _MOST_TIMES)
        _check_number("quantile", self.quantile, 0, 1, above=True)
        _check_number("band", self.band, 0, _MOST_TIMES)
        for name in ("runs", "at_least"):
            _check_count(name, getattr(self, name))
        if self.at_least > self.runs:
            raise K8sConfigError(f"{self.at_least} is above runs={self.runs}", where="at_least")
        if not isinstance(self.cpu, bool):
            raise K8sConfigError(f"must be True or False, not {self.cpu!r}", where="cpu")
        for name in ("floor", "maximum"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _amount(name, getattr(self, name)))
        if self.floor and self.maximum and Quantity(self.floor) > Quantity(self.maximum):
            raise K8sConfigError(f"{self.floor} is above maximum={self.maximum!r}", where="floor")

    @property
    def written(self) -> str:
        """What messages call it."""
        return "sized_by_usage"

    def __call__(self, facts: StepFacts) -> Sized:
        """The size for what a step took lately; none while too little is known."""
        known, of = self._known(facts)
        if not known:
            return self._after_oom(facts) or Sized(
                None,
                f"what it used is known of {_runs(of)}, and {self.at_least} are needed"
                if of
                else f"what it used is not known of any run, and {_runs(self.at_least)} are needed",
            )
        amount, why = self._memory(known, facts, of)
        cores = self._cores(known) if self.cpu else None
        cpu = f"{math.ceil(cores * 1000)}m" if cores is not None else None
        resources = Resources(memory=f"{amount // _MI}Mi", cpu=None if cpu is None else (cpu, None))
        also = f"; {cpu} of CPU, as it used with headroom" if cpu else ""
        return Sized(K8sConfig(resources=resources), why + also)

    def to_text(self) -> str:
        """What the tag holds."""
        return json.dumps(
            {"by": "usage", **{field.name: getattr(self, field.name) for field in fields(self)}}
        )

    @classmethod
    def from_fields(cls, given: Mapping[str, Any]) -> ByUsage:
        """From what the tag holds, or parts of it.

        Raises:
            K8sConfigError: A field that does not exist, or a value that makes no sense.
        """
        for name in given:
            if name not in cls.__dataclass_fields__:
                raise UnknownFieldError(name, cls.__dataclass_fields__, of="sized_by_usage")
        return cls(**given).for_launches()

    def for_launches(self) -> ByUsage:
        """The strategy itself, if it asks for no more runs than are read for a launch.

        Raises:
            K8sConfigError: It asks for more.
        """
        if self.runs > MOST_RUNS:
            raise K8sConfigError(f"{self.runs} is above {MOST_RUNS}", where="runs")
        return self

    def _known(self, facts: StepFacts) -> tuple[list[Usage], int]:
        """What to go by: of this partition, else of all; and of how many runs that is."""
        own = lately(facts.usage, self.runs)
        count = runs_of(own)
        if count >= self.at_least:
            return own, count
        others = lately(facts.usage_of_other_partitions, self.runs)
        more = runs_of([*own, *others])
        return ([*own, *others], more) if more >= self.at_least else ([], more)

    def _memory(self, known: Sequence[Usage], facts: StepFacts, of: int) -> tuple[int, str]:
        needed = sorted(usage.memory_needed_bytes or 0 for usage in known)
        used = needed[math.ceil(Fraction(str(self.quantile)) * len(needed)) - 1]
        wanted = _in_mi(used * Fraction(str(self.headroom)))
        most = "the most that" if self.quantile == 1 else f"the quantile {self.quantile:g} of what"
        whose = "this partition" if _is_own(known, facts) else "its partitions"
        why = f"{self.headroom:g} times {_said(used)}, {most} {_runs(of)} of {whose} used"
        if (least := _least_after_oom(known)) > wanted:
            wanted, why = least, f"{_AFTER_OOM_SAID} {_said(_killed_at(known))} with which it was OOMKilled"
        if self.floor and (floor := _in_mi(_bytes(self.floor))) > wanted:
            wanted, why = floor, f"its floor, above {why}"
        given = _in_mi(
            next((usage.memory_limit_bytes for usage in facts.usage if usage.memory_limit_bytes), 0)
        )
        if wanted < given <= wanted * (1 + Fraction(str(self.band))):
            wanted, why = given, f"as before, within {self.band:.0%} of {why}"
        return self._capped(wanted, why)

    def _capped(self, wanted: int, why: str) -> tuple[int, str]:
        cap = max(_bytes(self.maximum) // _MI * _MI, _LEAST_MEMORY) if self.maximum else None
        return (cap, f"its maximum, below {why}") if cap is not None and cap < wanted else (wanted, why)

    def _after_oom(self, facts: StepFacts) -> Sized | None:
        """The size after an OOM in this very run, whose size is known not to be enough."""
        earlier = [usage for usage in of_this_run(facts) if usage.memory_limit_bytes]
        if not (killed_at := _killed_at(earlier)):
            return None
        why = f"{_AFTER_OOM_SAID} {_said(killed_at)} with which it was OOMKilled"
        amount, why = self._capped(_least_after_oom(earlier), why)
        return Sized(K8sConfig(resources=Resources(memory=f"{amount // _MI}Mi")), why)

    def _cores(self, known: Sequence[Usage]) -> Fraction | None:
        cores = sorted(usage.cpu_cores for usage in known if usage.cpu_cores is not None)
        if not cores:
            return None
        used = Fraction(cores[math.ceil(Fraction(str(_CPU_QUANTILE)) * len(cores)) - 1])
        wanted = max(used * Fraction(str(self.headroom)), _CPU_STEP)
        wanted = math.ceil(wanted / _CPU_STEP) * _CPU_STEP
        given = next((usage.cpu_request_cores for usage in known if usage.cpu_request_cores), None)
        if given is not None and wanted < given <= wanted * (1 + Fraction(str(self.band))):
            wanted = Fraction(str(given))
        # A request above the limit that a layer beneath sets would be refused.
        limit = next((usage.cpu_limit_cores for usage in known if usage.cpu_limit_cores), None)
        return wanted if limit is None else min(wanted, Fraction(str(limit)))


@answering(
    advice={
        "factor": "write headroom=...",
        "minimum": "write floor=...",
        "max": "write maximum=...",
        "memory": "write floor=... and maximum=...; the executor's memory_ladder answers an OOM",
    }
)
def sized_by_usage(
    *,
    headroom: float = 1.15,
    floor: QuantityLike | None = None,
    maximum: QuantityLike | None = None,
    runs: int = 10,
    quantile: float = 1.0,
    at_least: int = 3,
    band: float = 0.1,
    cpu: bool = False,
) -> SizeTags:
    """Op tags that give a step the memory which it used lately, for the same partition, and some more.

    Request and limit are what the last runs used, times ``headroom``, in whole Mi; at least a quarter more
    than what it was OOMKilled with. It goes by the runs of the same partition, else by those of all
    partitions. While too few are known, the size stays as it is and the event says so; an OOM in the same run
    counts all the same.

    Args:
        headroom: How many times as much as was used; 1 or more.
        floor: The least it gets.
        maximum: The most it gets, OOM or not.
        runs: How many of the last runs count, 100 at most.
        quantile: Which part of them must have had enough: 1 is all of them, 0.5 the median. Below 1 the
            memory ladder is what answers the others.
        at_least: How many runs must be known.
        band: How much more it may have than it needs before it gets less: 0.1 is a tenth.
        cpu: Whether the CPU request follows too: what 95 of 100 attempts used on average, with the headroom.
            A CPU limit is left alone.

    Raises:
        K8sConfigError: A value that makes no sense.
    """
    strategy = ByUsage(
        headroom=headroom,
        floor=floor,  # type: ignore[arg-type] # text from then on
        maximum=maximum,  # type: ignore[arg-type] # the same
        runs=runs,
        quantile=quantile,
        at_least=at_least,
        band=band,
        cpu=cpu,
    ).for_launches()
    return SizeTags(strategy.to_text(), strategy)


_AFTER_OOM_SAID = f"{float(_AFTER_OOM):g} times the"


def _is_own(known: Sequence[Usage], facts: StepFacts) -> bool:
    # Those of other partitions come last.
    return any(known[-1] is own for own in facts.usage)


def _killed_at(known: Sequence[Usage]) -> int:
    return max((usage.memory_needed_bytes or 0 for usage in known if usage.oom_killed), default=0)


def _least_after_oom(known: Sequence[Usage]) -> int:
    return _in_mi(_killed_at(known) * _AFTER_OOM)


def _in_mi(amount: Fraction | int) -> int:
    """Bytes, up to a whole Mi, and to what a container can have."""
    return max(math.ceil(Fraction(amount) / _MI) * _MI, _LEAST_MEMORY) if amount else 0


def _bytes(amount: str) -> int:
    return math.ceil(Quantity(amount).value)


def _said(amount: int) -> str:
    return f"{math.ceil(amount / _MI)}Mi"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _amount(where: str, amount: QuantityLike) -> str:
    try:
        Resources(memory=amount)
    except K8sConfigError as error:
        raise error.renamed("memory", where) from None
    return str(Quantity(amount))


def _check_number(where: str, number: object, least: float, most: float, *, above: bool = False) -> None:
    # Comparing takes integers that no float can hold, and says no to what is not a number.
    if isinstance(number, bool) or not isinstance(number, int | float) or not -math.inf < number < math.inf:
        raise K8sConfigError(f"must be a number, not {number!r}", where=where)
    if number < least or number > most or (above and number == least):
        span = f"{least:g} or more" if number < least else f"{most:g} or less"
        span = f"above {least:g}, up to {most:g}" if above else span
        # Python writes no number of more digits than it likes.
        raise K8sConfigError(
            f"{number!r} must be {span}" if abs(number) <= _SHOWN else f"must be {span}", where=where
        )


def _check_count(where: str, count: object) -> None:
    if isinstance(count, bool) or not isinstance(count, int):
        raise K8sConfigError(f"must be a whole number, not {count!r}", where=where)
    if count < 1:
        raise K8sConfigError(f"{count} is below 1", where=where)
