"""What has been tried for a step, read from the event log, and what follows from a failure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.kinds import DiagnosisKind
from dagster_plus_k8s_helpers.sizing.memory_ladder import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory, MemoryLadder

__all__ = ["IN_RUN_POD", "Attempts", "Counts", "Decision", "Rules", "decide"]


IN_RUN_POD = "runs_in"
"""Detail of a diagnosis of a step in the run's pod."""


class Counts(Enum):
    """What a retry counts against; it is written beside the retry, for the cause alone does not say."""

    DISRUPTION = "disruption"
    MEMORY = "memory"
    PLACE = "place"
    POLICY = "policy"


@dataclass
class Attempts:
    """What the event log says of one step so far; folded event by event, so a restart loses nothing.

    Args:
        made: Retries of any cause.
        disruptions: Those that were free because the cluster took the pod away.
        out_of_memory: Those that the ladder gave on its own, without a RetryPolicy.
        moves: Those that took it out of the run's pod, into one of its own.
        own_pod: Whether it has been taken out of the run's pod.
        sizes: Memory limits that were tried, oldest first.
        memory: What the current attempt gets instead of its config's, if anything.
    """

    made: int = 0
    disruptions: int = 0
    out_of_memory: int = 0
    moves: int = 0
    own_pod: bool = False
    sizes: list[str] = field(default_factory=list)
    memory: Memory | None = None

    def retried(self, counts: Counts) -> None:
        """Take in an event that asks for a retry."""
        self.made += 1
        if counts is Counts.MEMORY:
            self.out_of_memory += 1
        elif counts is Counts.DISRUPTION:
            self.disruptions += 1
        elif counts is Counts.PLACE:
            self.moves += 1

    @property
    def free(self) -> int:
        """Retries that do not count against the RetryPolicy."""
        return self.disruptions + self.out_of_memory + self.moves


@dataclass(frozen=True)
class Rules:
    """What a step's retries go by.

    Args:
        policy: The op's; ``None`` when it has none, or when retries are off.
        ladder: The step's memory ladder.
        disruption_retries: How often a disruption is forgiven.
        allowed: Whether anything is retried at all.
        may_move: Whether it may be taken out of the run's pod, should that be too small for it.
    """

    policy: dg.RetryPolicy | None
    ladder: MemoryLadder | None
    disruption_retries: int
    allowed: bool = True
    may_move: bool = False


@dataclass(frozen=True)
class Decision:
    """What follows from a failure.

    Args:
        retry: Whether the step is launched again.
        said: Why, in a sentence that follows the diagnosis.
        delay: Seconds to wait before.
        memory: What the next attempt gets instead of what its config says.
        counts: What the retry counts against.
        own_pod: Whether the next attempt is in a pod of its own, where this one was in the run's.
    """

    retry: bool
    said: str = ""
    delay: float | None = None
    memory: Memory | None = None
    counts: Counts = Counts.POLICY
    own_pod: bool = False


def decide(
    diagnosis: Diagnosis, attempts: Attempts, rules: Rules, memory: Memory, largest_node: str = ""
) -> Decision:
    """Whether a failed step is launched again, and with how much memory.

    Args:
        diagnosis: Why it failed.
        attempts: What was tried before.
        rules: What its retries go by.
        memory: What it had.
        largest_node: Allocatable memory of the largest node, when known.
    """
    if not rules.allowed:
        return Decision(retry=False, said="Retries are disabled.")
    if diagnosis.is_disruption and attempts.disruptions < rules.disruption_retries:
        return _disrupted(diagnosis, attempts, rules)
    if not diagnosis.retryable:
        return Decision(retry=False, said="Another attempt would end the same way.")
    if _moves(diagnosis, rules):
        said = "It starts again in a pod of its own, at no cost to its RetryPolicy."
        return Decision(retry=True, said=said, counts=Counts.PLACE, own_pod=True)
    if _climbs(diagnosis, rules.ladder):
        return _climb(rules.ladder, attempts, rules, memory, largest_node)
    return _follow_policy(attempts, rules)


def _follow_policy(attempts: Attempts, rules: Rules) -> Decision:
    delay = _by_policy(attempts, rules)
    if delay is None:
        return Decision(retry=False, said=_policy_is_over(rules))
    return Decision(retry=True, said=_by_policy_said(attempts, rules), delay=delay, memory=attempts.memory)


def _disrupted(diagnosis: Diagnosis, attempts: Attempts, rules: Rules) -> Decision:
    # What takes the run worker twice may be the step: its memory, where the kernel ends them as one.
    moves = IN_RUN_POD in diagnosis.details and rules.may_move and attempts.disruptions > 0
    where = " in a pod of its own" if moves else ""
    count = f"{attempts.disruptions + 1} of {rules.disruption_retries}"
    return Decision(
        retry=True,
        said=f"It was not the step's fault: it starts again{where} (disruption retry {count}).",
        memory=attempts.memory,
        counts=Counts.DISRUPTION,
        own_pod=moves,
    )


def _moves(diagnosis: Diagnosis, rules: Rules) -> bool:
    """Whether a step is to have a pod of its own, since the run's is too small for it."""
    is_oom = diagnosis.kind is DiagnosisKind.OOM_KILLED
    return is_oom and IN_RUN_POD in diagnosis.details and rules.may_move


def _climbs(diagnosis: Diagnosis, ladder: MemoryLadder | None) -> bool:
    # A container beside the step's has other memory, and so has the run's pod.
    is_elsewhere = not {"beside", IN_RUN_POD}.isdisjoint(diagnosis.details)
    return ladder is not None and diagnosis.kind.value in ladder.on and not is_elsewhere


def _climb(
    ladder: MemoryLadder | None, attempts: Attempts, rules: Rules, memory: Memory, largest_node: str
) -> Decision:
    assert ladder is not None  # noqa: S101  (`_climbs` said so)
    if not memory.limit:
        return Decision(retry=False, said="It has no memory limit that could be raised.")
    tried = listed(_with(attempts.sizes, memory.limit))
    following = ladder.next(memory, largest_node)
    if following is None:
        of_node = f" (the largest node has {largest_node}, a tenth for daemonsets)" if largest_node else ""
        return Decision(
            retry=False, said=f"Tried with {tried}; the cap is {ladder.maximum}{of_node}, so it fails."
        )
    if rules.policy is not None:
        delay = _by_policy(attempts, rules)
        if delay is None:
            return Decision(retry=False, said=f"Tried with {tried}. {_policy_is_over(rules)}")
        said = _by_policy_said(attempts, rules).replace("It starts again", f"It gets {following.limit} next")
        return Decision(retry=True, said=said, delay=delay, memory=following)
    if attempts.out_of_memory >= ladder.retries:
        return Decision(
            retry=False,
            said=f"Tried with {tried}; {_used_up(ladder.retries, 'memory ladder')}.",
        )
    count = f"{attempts.out_of_memory + 1} of {ladder.retries}"
    return Decision(
        retry=True,
        said=f"It gets {following.limit} next (memory retry {count}).",
        memory=following,
        counts=Counts.MEMORY,
    )


def _by_policy(attempts: Attempts, rules: Rules) -> float | None:
    """Seconds until the retry that the policy still has; ``None`` when it has none."""
    counted = attempts.made - attempts.free
    if rules.policy is None or counted >= rules.policy.max_retries:
        return None
    return float(rules.policy.calculate_delay(counted + 1))


def _by_policy_said(attempts: Attempts, rules: Rules) -> str:
    counted = attempts.made - attempts.free
    most = rules.policy.max_retries if rules.policy else 0
    return f"It starts again (retry {counted + 1} of {most} of its RetryPolicy)."


def _policy_is_over(rules: Rules) -> str:
    if rules.policy is None:
        return ""
    said = _used_up(rules.policy.max_retries, "RetryPolicy")
    return f"{said[0].upper()}{said[1:]}."


def _used_up(retries: int, of: str) -> str:
    if retries == 0:
        return f"its {of} has no retries"
    return (
        f"the only retry of its {of} is used up"
        if retries == 1
        else f"the {retries} retries of its {of} are used up"
    )


def _with(sizes: Sequence[str], last: str) -> list[str]:
    return [*(size for size in sizes if size != last), last]
