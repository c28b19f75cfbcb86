"""A plan as YAML: the Jobs alone, for reviews, for snapshots and for whatever reads manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from dagster_plus_k8s_helpers.plan.merge.masked import masked

if TYPE_CHECKING:
    from collections.abc import Collection

    from dagster_plus_k8s_helpers.plan.merge.pods import Pod
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan

__all__ = ["plan_yaml"]


def plan_yaml(plan: RunPlan, *, without_labels: Collection[str] = ()) -> str:
    """The Jobs of a plan, one document each: the run's first, then the steps' in an order they can run in.

    A Job does not say the namespace that it is sent to, so a comment does. Values that look like credentials
    are hidden.

    Args:
        plan: The plan.
        without_labels: Labels to leave out.
    """
    pods = {f"run of {plan.job}": plan.run}
    pods |= {f"step {step.key}": step.pod for step in plan.steps.values() if step.pod is not None}
    return "---\n".join(
        f"# {of}, in the namespace {pod.namespace}\n{_yaml(_manifest(pod, without_labels))}"
        for of, pod in pods.items()
    )


def _manifest(pod: Pod, without_labels: Collection[str]) -> dict[str, Any]:
    manifest: dict[str, Any] = masked(pod.manifest)
    for metadata in (manifest["metadata"], manifest["spec"]["template"]["metadata"]):
        for label in without_labels:
            metadata["labels"].pop(label, None)
    return manifest


def _yaml(manifest: dict[str, Any]) -> str:
    return yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=110)
