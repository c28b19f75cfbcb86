"""Which attempts are of the last runs, which of this one, and of how many runs they are.

An attempt says of which run it was. Where it does not, the numbers of attempts tell runs apart: they come the
newest first, so within a run they count down.
"""

from __future__ import annotations

from itertools import tee
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dagster_plus_k8s_helpers.sizing.facts import StepFacts
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["lately", "of_this_run", "runs_of"]


def runs_of(usages: Iterable[Usage]) -> int:
    """Of how many runs attempts are, the newest first."""
    return sum(_begin_runs(usages))


def lately(usages: Sequence[Usage], runs: int) -> list[Usage]:
    """What was measured in the last runs, the newest first.

    Args:
        usages: Attempts, the newest first.
        runs: In how many runs.
    """
    found: list[Usage] = []
    measured, again = tee(usage for usage in usages if usage.memory_needed_bytes is not None)
    for usage, begins_run in zip(measured, _begin_runs(again), strict=True):
        runs -= begins_run
        if runs < 0:
            break
        found.append(usage)
    return found


def of_this_run(facts: StepFacts) -> list[Usage]:
    """The earlier attempts of this run, which come first."""
    found: list[Usage] = []
    before = facts.attempt
    # The first attempt has none before it, and asks no storage.
    for usage in facts.usage if before > 1 else ():
        is_known = bool(usage.run and facts.run_id)
        if usage.run != facts.run_id if is_known else usage.attempt >= before:
            break
        found.append(usage)
        before = usage.attempt
    return found


def _begin_runs(usages: Iterable[Usage]) -> Iterator[bool]:
    """Of each attempt, whether it is the first of its run that comes."""
    seen: set[str] = set()
    before: Usage | None = None
    for usage in usages:
        if usage.run:
            yield usage.run not in seen
            seen.add(usage.run)
        else:
            yield before is None or usage.attempt >= before.attempt
            before = usage
