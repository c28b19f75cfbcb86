"""The Jobs of a Dagster job alone, without an agent or a code location: see `plan` for all layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import DeploymentError
from dagster_plus_k8s_helpers.plan.merge.rendering import Manifest
from dagster_plus_k8s_helpers.plan.resolve import plan_of_job

if TYPE_CHECKING:
    import dagster as dg

__all__ = ["Manifest", "run_manifest", "step_manifests"]


def step_manifests(job: dg.JobDefinition) -> dict[str, Manifest]:
    """The Job of each step of a Dagster job, by step key.

    Takes in what the executor, the op tags and the per-step config say; the agent and the code location
    say nothing here. No cluster is needed, and no resource is initialised.

    Args:
        job: The job, with an executor made by `k8s_executor` or ``dagster_k8s.k8s_job_executor``.

    Raises:
        DeploymentError: The job has another executor, whose steps have no Jobs of their own.
        PlanError: Dagster refuses a config.
    """
    steps = plan_of_job(job).steps
    for step in steps.values():
        if step.pod is None:
            raise DeploymentError(
                f"the executor {job.executor_def.name!r} of the job {job.name!r} starts no pods of its own; "
                "load the definitions as the deployment would and make the executor with k8s_executor(...)"
            )
    return {key: step.manifest for key, step in steps.items()}


def run_manifest(job: dg.JobDefinition) -> Manifest:
    """The Job of the run's own pod, from the tags of the job."""
    return plan_of_job(job).run.manifest
