"""Which steps of a run can run at the same time, for what two of them cannot share."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dagster_plus_k8s_helpers.check.subjects.subjects import Planned
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan

__all__ = ["two_at_once"]


def two_at_once(job: Planned, keys: Collection[str]) -> tuple[str, str] | None:
    """Two of some steps that can run at once; a mapped one does with itself. ``None`` when there are none.

    Args:
        job: The job with its plan.
        keys: Keys of its steps. Those that a limit of one, or a pool, may keep apart are passed over.
    """
    if job.plan.max_concurrent == 1:
        return None
    apart = _kept_apart(job)
    kept = [key for key in job.plan.steps if key in keys and key not in apart]
    mapped = next((key for key in kept if job.plan.steps[key].is_mapped), None)
    if mapped is not None:
        return mapped, mapped
    depth = _depths(job.plan)
    # A step is deeper than those it waits for: the steps are a chain when each waits for the one before.
    kept.sort(key=lambda key: depth[key])
    for first, second in pairwise(kept):
        if depth[first] == depth[second] or not _waits(job.plan, second, first):
            return first, second
    return None


def _kept_apart(job: Planned) -> frozenset[str]:
    """Steps that a pool, or a limit of one for a tag, lets run one after the other."""
    limits = (job.asked.executor.resolved or {}).get("tag_concurrency_limits") or ()
    keys = {item.get("key") for item in limits if item.get("limit") == 1}
    return frozenset(
        step.key
        for step in job.asked.steps
        if keys & step.tags.keys() or job.asked.job.get_node(step.node_handle).definition.pools
    )


def _depths(plan: RunPlan) -> Mapping[str, int]:
    """How many steps at most are done before each."""
    depth: dict[str, int] = {}
    for step in plan.steps.values():
        depth[step.key] = 1 + max((depth[key] for key in step.depends_on if key in depth), default=-1)
    return depth


def _waits(plan: RunPlan, key: str, other: str) -> bool:
    """Whether a step starts after another has ended."""
    todo, seen = [key], {key}
    while todo:
        for above in plan.steps[todo.pop()].depends_on:
            if above == other:
                return True
            if above not in seen and above in plan.steps:
                seen.add(above)
                todo.append(above)
    return False
