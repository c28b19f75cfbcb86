"""What is different between a plan that was saved and one of now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.comparing.report import Fact, PodSide, Report, Row, folded, rows_of_pod
from dagster_plus_k8s_helpers.comparing.saved import LAST_PEAK, PEAK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster_plus_k8s_helpers.comparing.saved import SavedPlan, SavedPod

__all__ = ["compare_plans"]

_JOBS_ALONE = (
    "the earlier plan is YAML, which holds the Jobs alone: save it with -o json to compare the peak, "
    "costs and who waits for whom too"
)


def compare_plans(old: SavedPlan, new: SavedPlan) -> Report:
    """Pods that came and went, what is different in the others, and the peak and costs before and after."""
    rows = [*_came_and_went(old, new)]
    for name, pod in new.pods.items():
        if name in old.pods:
            rows += _rows(name, old.pods[name], pod, is_whole=old.is_whole and new.is_whole)
    both = old.is_whole and new.is_whole
    return Report(
        f"plan of {new.job}" if old.job == new.job else f"plan of {new.job}, which was of {old.job}",
        folded(rows, [*new.pods, *old.pods]),
        facts=tuple(fact for fact in _facts(old.facts, new.facts) if _is_told(fact, old, new))
        if both
        else (),
        notes=() if both else (_JOBS_ALONE,),
    )


def _is_told(fact: Fact, old: SavedPlan, new: SavedPlan) -> bool:
    """Whether a fact says anything: that of last attempts only where there are some."""
    return fact.name != LAST_PEAK or any(plan.facts[PEAK] != plan.facts[LAST_PEAK] for plan in (old, new))


def _came_and_went(old: SavedPlan, new: SavedPlan) -> Iterator[Row]:
    for name, pod in new.pods.items():
        if name not in old.pods and (pod.side is not None or old.is_whole):
            yield Row("added", "", None, _asked(pod), pods=(name,))
    for name, pod in old.pods.items():
        if name not in new.pods and (pod.side is not None or new.is_whole):
            yield Row("removed", "", _asked(pod), None, pods=(name,))


def _asked(pod: SavedPod) -> str:
    """What a pod asks for, in a few words."""
    if pod.side is None:
        return f"in the {pod.facts.get('runs in', 'run pod')}"
    containers = pod.side.manifest["spec"]["template"]["spec"]["containers"]
    resources = containers[0].get("resources") or {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    shown = [
        f"{name} {_pair(requests.get(name), limits.get(name))}" for name in sorted({**requests, **limits})
    ]
    return ", ".join(shown) or "no requests, no limits"


def _pair(request: object, limit: object) -> str:
    if request is None or request == limit:
        return str(limit)
    return f"{request} / {'-' if limit is None else limit}"


def _rows(name: str, old: SavedPod, new: SavedPod, *, is_whole: bool) -> Iterator[Row]:
    if is_whole:
        for fact in _facts(old.facts, new.facts):
            if fact.old != fact.new:
                yield Row("changed", fact.name, fact.old or None, fact.new or None, pods=(name,))
    if old.side is not None and new.side is not None:
        if old.namespace != new.namespace:
            yield Row("changed", "namespace", old.namespace, new.namespace, pods=(name,))
        yield from rows_of_pod(name, PodSide(*old.side), PodSide(*new.side))


def _facts(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Fact]:
    """What both sides can say: costs are there only where prices were given."""
    yield from (Fact(name, old[name], new[name]) for name in new if name in old)
