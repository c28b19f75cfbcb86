"""A plan as JSON, for other programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.prices import has_prices
from dagster_plus_k8s_helpers.plan.costs import costs_of
from dagster_plus_k8s_helpers.plan.merge.fields import key_of, paths
from dagster_plus_k8s_helpers.plan.merge.masked import masked
from dagster_plus_k8s_helpers.plan.queues import demand, never_admitted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.capacity.fitting import Fit
    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.capacity.totals import Amounts, Peak
    from dagster_plus_k8s_helpers.plan.costs import StepCost
    from dagster_plus_k8s_helpers.plan.merge.layers import Layer
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod, Template
    from dagster_plus_k8s_helpers.plan.merge.sizes import StepSize
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, RunPodShare, StepPlan
    from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["plan_json"]


def plan_json(
    plan: RunPlan,
    pools: Sequence[NodePool] | None = None,
    usage: Mapping[str, Sequence[Usage]] | None = None,
    quotas: Quotas | None = None,
) -> str:
    """A plan as JSON: the Jobs, their layers and origins, who waits for whom, the peak, and where pods fit.

    Steps with the same settings share their layers and origins, under ``settings``. Values that look like
    credentials are hidden.

    Args:
        plan: The plan.
        pools: The nodes of the cluster; ``fit`` is null without, and ``costs`` without their prices.
        usage: What attempts of the steps took, by step key: how long a step takes is null without.
        quotas: Its queues; ``queues`` is null without.
    """
    settings = _Settings()
    whole = {
        "job": plan.job,
        "executor": plan.executor,
        "max_concurrent": plan.max_concurrent,
        "run": settings.pod(plan.run),
        "steps": {step.key: _step(step, settings) for step in plan.steps.values()},
        "settings": settings.described(),
        "in_run_pod": _share(plan.in_run_pod),
        "peak": _peak(plan.peak),
        "last_peak": _peak(plan.last_peak),
        "smallest_peak": _peak(plan.smallest_peak),
        "fit": None if pools is None else _fits(plan.fit(pools)),
        "last_fit": None if pools is None else _fits(plan.last_fit(pools)),
        "costs": {cost.step: _cost(cost) for cost in costs_of(plan, pools, usage)}
        if pools and has_prices(pools)
        else None,
        "queues": None if quotas is None else _queues(plan, quotas),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False, default=str) + "\n"


def _queues(plan: RunPlan, quotas: Quotas) -> dict[str, Any]:
    peaks = {
        name: {
            "peak": _peak(peak),
            "nominal": _texts(quotas.nominal(name)),
            "used": _texts(quotas.used(name)),
            "waiting": quotas.waiting(name),
        }
        for name, peak in demand(plan, quotas).items()
    }
    return {"cluster_queues": peaks, "never_admitted": never_admitted(plan, quotas)}


def _texts(amounts: Mapping[str, Quantity] | None) -> dict[str, str] | None:
    return None if amounts is None else {key: str(amount) for key, amount in amounts.items()}


class _Settings:
    """The templates of a plan by number: what many steps share is written once."""

    def __init__(self) -> None:
        self._numbers: dict[Template, int] = {}

    def pod(self, pod: Pod) -> dict[str, Any]:
        number = self._numbers.setdefault(pod.template, len(self._numbers))
        return {"namespace": pod.namespace, "settings": number, "manifest": masked(pod.manifest)}

    def described(self) -> list[dict[str, Any]]:
        return [
            {"layers": [_layer(layer) for layer in template.layers], "origins": _origins(template)}
            for template in self._numbers
        ]


def _step(step: StepPlan, settings: _Settings) -> dict[str, Any]:
    own = (
        {"namespace": None, "settings": None, "manifest": None}
        if step.pod is None
        else settings.pod(step.pod)
    )
    return {
        "op": step.op_name,
        "runs_in": step.runs_in,
        "depends_on": sorted(step.depends_on),
        "mapped": step.is_mapped,
        "max_retries": step.max_retries,
        "last_memory": None if step.last_memory is None else asdict(step.last_memory),
        "size": None if step.size is None else _size(step.size, step.smallest),
        "asked": {"limits": step.asked.limits, "requests": step.asked.requests, "image": step.asked.image},
        **own,
    }


def _size(size: StepSize, smallest: Pod | None) -> dict[str, Any]:
    """What decides a step's size; its pod is at the largest, and ``smallest`` says the least."""
    return {
        "by": size.by,
        "at_launch": size.at_launch or None,
        "partitions": size.partitions,
        "sizes": [
            {"why": item.why, "config": None if item.config is None else masked(item.config.to_dict())}
            for item in size.sizes
        ],
        "smallest": None
        if smallest is None
        else {"limits": smallest.container.limits, "requests": smallest.container.requests},
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "source": layer.source,
        "namespace": layer.namespace,
        "says": masked(dict(layer.config)),
    }


def _origins(template: Template) -> dict[str, Any]:
    """By path, which layer set a field, what it did, and what the layers below say."""
    origins = {}
    for path, _ in paths(template.sent.manifest):
        origin = template.history.origin(path)
        origins[path] = {
            "layer": origin.layer.name,
            "action": origin.action,
            "below": [
                {
                    "layer": said.layer.name,
                    "value": masked(said.value, key_of(path)),
                    "overridden": said.is_overridden,
                }
                for said in origin.below
            ],
        }
    return origins


def _share(share: RunPodShare | None) -> Mapping[str, Any] | None:
    if share is None:
        return None
    return {
        "limits": share.limits,
        "largest": _amounts(share.largest),
        "total": _amounts(share.total),
        "ignored": list(share.ignored),
        "at_once": _amounts(share.at_once),
    }


def _peak(peak: Peak) -> dict[str, Any]:
    return {
        "at_least": _amounts(peak.at_least),
        "at_most": None if peak.at_most is None else _amounts(peak.at_most),
        "is_exact": peak.is_exact,
    }


def _fits(fits: Mapping[str, Fit]) -> dict[str, Any]:
    """By pod, the pools that take it, and what keeps it off the others."""
    return {
        name: {"pools": list(fit.pools), "reasons": {pool: list(why) for pool, why in fit.reasons.items()}}
        for name, fit in fits.items()
    }


def _cost(cost: StepCost) -> dict[str, Any]:
    """Money in the unit of the prices."""
    hourly = cost.hourly
    return {
        "pool": None if hourly is None else hourly.pool,
        "spot": None if hourly is None else hourly.is_spot,
        "share": None if hourly is None else float(hourly.share),
        "resource": None if hourly is None else hourly.resource,
        "an_hour": None if hourly is None else float(hourly.amount),
        "seconds": cost.seconds,
        "a_run": None if cost.amount is None else float(cost.amount),
        "idle": None if cost.idle is None else float(cost.idle),
    }


def _amounts(amounts: Amounts) -> dict[str, str]:
    """CPU in cores, memory in bytes, GPUs: as text, since they are exact."""
    return {name: f"{getattr(amounts, name).normalize():f}" for name in ("cpu", "memory", "gpu")}
