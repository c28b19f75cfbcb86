"""A plan as YAML and JSON, for reviews, for snapshots and for other programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
    from dagster_plus_k8s_helpers.plan.totals import Amounts

__all__ = ["plan_json", "plan_yaml"]


def plan_yaml(plan: RunPlan) -> str:
    """The Jobs of a plan, one document each: the run's first, then the steps' in an order they can run in."""
    parts = [f"# run of {plan.job}\n{_yaml(plan.run.manifest)}"]
    parts += [
        f"# step {step.key}\n{_yaml(step.pod.manifest)}"
        for step in plan.steps.values()
        if step.pod is not None
    ]
    return "---\n".join(parts)


def plan_json(plan: RunPlan) -> str:
    """A plan as JSON: the Jobs, who waits for whom, where steps run that have no pod, and the peak."""
    steps = {
        step.key: {
            "op": step.op_name,
            "runs_in": step.runs_in,
            "depends_on": sorted(step.depends_on),
            "mapped": step.is_mapped,
            "max_retries": step.max_retries,
            "manifest": None if step.pod is None else step.pod.manifest,
        }
        for step in plan.steps.values()
    }
    whole = {
        "job": plan.job,
        "executor": plan.executor,
        "max_concurrent": plan.max_concurrent,
        "run": {"manifest": plan.run.manifest},
        "steps": steps,
        "peak": {
            "at_least": _amounts(plan.peak.at_least),
            "at_most": None if plan.peak.at_most is None else _amounts(plan.peak.at_most),
        },
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _amounts(amounts: Amounts) -> dict[str, str]:
    """CPU in cores, memory in bytes, GPUs: as text, since they are exact."""
    return {name: f"{getattr(amounts, name).normalize():f}" for name in ("cpu", "memory", "gpu")}


def _yaml(manifest: Any) -> str:
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=110)
