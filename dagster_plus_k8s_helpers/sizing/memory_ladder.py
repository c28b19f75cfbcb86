"""`MemoryLadder`: how much memory the next attempt of a step gets after it was OOMKilled."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NoReturn

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import ArgumentError, K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.immutable import FromYaml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.pod.amounts.quantity import QuantityLike

__all__ = ["MEMORY_LADDER_TAG", "Memory", "MemoryLadder", "ladder_of_step", "listed", "tried_with"]

MEMORY_LADDER_TAG = "dagster-plus-k8s/memory-ladder"
"""Op tag that gives one step its ladder: ``MemoryLadder(...).tags``, ``"on"``, or ``"off"``."""

_REASONS = ("OOMKilled",)
_MI = Quantity("1Mi")
_SHARE_OF_A_NODE = 0.9


@dataclass(frozen=True)
class Memory:
    """The memory of a step's container.

    Args:
        limit: As Kubernetes writes it; empty when there is none.
        request: The same.
    """

    limit: str = ""
    request: str = ""


@answering(
    advice={
        "limit": "write maximum=...",
        "max_memory": "write maximum=...",
        "max_retries": "write retries=...",
    }
)
@dataclass(frozen=True)
class MemoryLadder(FromYaml):
    """Launch a step that was OOMKilled again with more memory.

    Request and limit are multiplied, rounded up to a whole Mi, and capped. An op with a ``RetryPolicy`` is
    retried within it; one without, within ``retries``. Other failures keep to the RetryPolicy alone, at the
    same size.

    Args:
        factor: How many times as much each attempt gets; above 1.
        maximum: The most a step may get. Nine tenths of the allocatable memory of the largest node are a cap
            as well, where the run's service account may list nodes.
        retries: How many times, for an op without a RetryPolicy.
        on: For which of Kubernetes' reasons; ``OOMKilled`` is the only one so far.
        learn: Whether the next run of the step, for the same partition, starts at the size that last worked.
            It is read from the event log.

    Raises:
        K8sConfigError: A value that makes no ladder.

    Source: https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/
    """

    factor: float = 2.0
    maximum: QuantityLike = "64Gi"
    retries: int = 3
    on: Sequence[str] = _REASONS
    learn: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.factor, bool) or not isinstance(self.factor, int | float):
            raise K8sConfigError(f"must be a number, not {self.factor!r}", where="factor")
        if not 1 < self.factor < math.inf:
            raise K8sConfigError(
                f"{self.factor} gives no more memory; write a number above 1", where="factor"
            )
        if not isinstance(self.retries, int) or isinstance(self.retries, bool) or self.retries < 0:
            raise K8sConfigError(f"must be a whole number, not {self.retries!r}", where="retries")
        if not isinstance(self.learn, bool):
            raise K8sConfigError(f"must be True or False, not {self.learn!r}", where="learn")
        try:
            maximum = Quantity(self.maximum)
        except K8sConfigError as error:
            raise error.within("maximum") from None
        if maximum < _MI:
            raise K8sConfigError(
                f"{maximum} is less than 1Mi; did you mean '{maximum}Gi'?"
                if str(maximum).isdigit()
                else f"{maximum} is less than 1Mi",
                where="maximum",
            )
        if isinstance(self.on, str) or any(reason not in _REASONS for reason in self.on):
            raise K8sConfigError(f"must be a list, not {self.on!r}; write {[*_REASONS]!r}", where="on")
        object.__setattr__(self, "maximum", str(maximum))
        object.__setattr__(self, "factor", float(self.factor))
        object.__setattr__(self, "on", tuple(self.on))

    @property
    def tags(self) -> dict[str, str]:
        """Op tags that give one step this ladder, whatever the executor says."""
        return {MEMORY_LADDER_TAG: json.dumps(self.to_dict(), sort_keys=True)}

    def keys(self) -> NoReturn:
        """Tags are a mapping, and a ladder is none: Python asks for keys where it stands for tags."""
        raise ArgumentError("a memory ladder is no tags; write MemoryLadder(...).tags")

    def to_dict(self) -> dict[str, object]:
        """The ladder as JSON: what the tag and the executor's run config hold."""
        return {**asdict(self), "on": list(self.on)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, object]) -> MemoryLadder:
        """A ladder from what `to_dict` gave, or parts of it.

        Raises:
            K8sConfigError: A field that does not exist, or a value that makes no ladder.
        """
        for name in fields:
            if name not in cls.__dataclass_fields__:
                raise UnknownFieldError(name, cls.__dataclass_fields__, of="MemoryLadder")
        return cls(**fields)  # type: ignore[arg-type]  # __post_init__ refuses what is of another type

    def next(self, memory: Memory, largest_node: str = "") -> Memory | None:
        """What follows a size that was too small; ``None`` at the cap, or without a limit to multiply.

        Args:
            memory: The size that was too small.
            largest_node: Allocatable memory of the largest node, when it is known. A tenth of it is left to
                the pods of daemonsets, which are there already.
        """
        if not memory.limit:
            return None
        cap = Quantity(self.maximum)
        if largest_node:
            cap = min(cap, Quantity(f"{math.floor(Quantity(largest_node) * _SHARE_OF_A_NODE / _MI)}Mi"))
        limit = self._raised(memory.limit, cap)
        if limit <= Quantity(memory.limit):
            return None
        request = min(self._raised(memory.request, cap), limit) if memory.request else None
        return Memory(limit.canonical, request.canonical if request is not None else "")

    def capped(self, memory: Memory) -> Memory:
        """A size that was learned, no larger than the ladder's maximum now."""
        cap = Quantity(self.maximum)
        limit, request = (
            min(Quantity(amount), cap).canonical if amount else ""
            for amount in (memory.limit, memory.request)
        )
        return Memory(limit, request)

    def _raised(self, amount: str, cap: Quantity) -> Quantity:
        raised = Quantity(f"{math.ceil(Quantity(amount) * self.factor / _MI)}Mi")
        return min(raised, cap)


def tried_with(sizes: Sequence[str], memory: Memory | None) -> str:
    """What was given to a step whose memory was raised, for a failure that may come of it.

    Args:
        sizes: Limits that were too small.
        memory: What it had last instead of its config's.

    Returns:
        A sentence; empty for a step whose memory was not raised.
    """
    if memory is None or not sizes:
        return ""
    tried = [*(size for size in sizes if size != memory.limit), memory.limit]
    return f"Its memory was raised: it was tried with {listed(tried)}."


def listed(sizes: Sequence[str]) -> str:
    """Sizes as text."""
    return sizes[0] if len(sizes) == 1 else f"{', '.join(sizes[:-1])} and {sizes[-1]}"


def ladder_of_step(tags: Mapping[str, str], default: MemoryLadder | None) -> MemoryLadder | None:
    """The ladder of one step: its own by tag, else the executor's.

    Args:
        tags: Tags of the op.
        default: The executor's.

    Raises:
        K8sConfigError: The tag holds no ladder.
    """
    written = tags.get(MEMORY_LADDER_TAG)
    if written is None:
        return default
    if written in {"on", "off"}:
        return (default or MemoryLadder()) if written == "on" else None
    try:
        fields = json.loads(written)
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise K8sConfigError(
            f"{written[:60]!r} must be 'on', 'off' or MemoryLadder(...).tags",
            where=f"tag {MEMORY_LADDER_TAG}",
        )
    try:
        return MemoryLadder.from_dict(fields)
    except K8sConfigError as error:
        raise error.within(f"tag {MEMORY_LADDER_TAG}") from None
