"""`plan`: from definitions and layers to the pods of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster import planning
from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.deployment import Deployment
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan.executors import PlannedExecutor
from dagster_plus_k8s_helpers.plan.merge.from_files import (
    LocationFile,
    launcher_config,
    location_of,
    variables_of,
)
from dagster_plus_k8s_helpers.plan.merge.job_layers import JobLayers
from dagster_plus_k8s_helpers.plan.merge.jobs import executor_config, job_of, loaded, tags_of
from dagster_plus_k8s_helpers.plan.merge.pods import Pod, Template
from dagster_plus_k8s_helpers.plan.merge.rendering import JobRenderer, make_launcher, offline
from dagster_plus_k8s_helpers.plan.merge.sizes import PartitionsOfJob
from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
from dagster_plus_k8s_helpers.plan.steps import StepPlanner

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.plan.merge.from_files import Settings
    from dagster_plus_k8s_helpers.plan.merge.jobs import DefinitionsOrLoader

__all__ = ["plan", "plan_of_job", "steps_of_job", "with_partition"]


@answering
def plan(
    definitions: DefinitionsOrLoader,
    *,
    job: str | None = None,
    selection: str | dg.AssetSelection | None = None,
    agent: Settings | None = None,
    location: Settings | None = None,
    run_config: Mapping[str, object] | dg.RunConfig | None = None,
    partition: str | None = None,
    tags: Mapping[str, str] | None = None,
    deployment: Deployment | None = None,
) -> RunPlan:
    """What a run of a job will be in the cluster: the Job of its own pod and of each step's.

    ``dagster_k8s`` itself merges the layers and makes the Jobs. No cluster is needed, no resource is
    initialised, and no op needs its config.

    Args:
        definitions: The definitions; or a function that loads them, which is called with the environment
            variables of the deployment, so that `executor_for_deployment` picks as it would there.
        job: Name of the job; the implicit asset job, which the UI's *Materialize* launches, when left out.
        selection: Which of its assets to plan for, in Dagster's selection syntax.
        agent: The agent's Helm values; what the agent says is left out without.
        location: The code location's entry in ``dagster_cloud.yaml``.
        run_config: Run config of the launch; the job's own when left out. What it says of ``execution``
            counts, the rest is not looked at.
        partition: The partition of the run, whose tags and sizes it gets. Without one, a step whose size goes
            by the partition is planned at the largest of them.
        tags: Tags of the launch, over those of the job and the partition.
        deployment: The Dagster+ deployment to plan for, whose environment variables the pods get.

    Raises:
        PlanError: There is no such job, a file is not shaped like one, or Dagster refuses a config.
        SelectionError: The selection reaches nothing the job computes.

    Source: https://docs.dagster.io/deployment/dagster-plus/hybrid/kubernetes/configuration
    """
    if deployment is not None and not isinstance(deployment, Deployment):
        raise PlanError(f"deployment: must be a Deployment, not {type(deployment).__name__}")
    found = job_of(loaded(definitions, deployment), job, selection)
    if partition is not None:
        tags = with_partition(tags, partition)
    return plan_of_job(
        found, agent=agent, location=location, run_config=run_config, tags=tags, deployment=deployment
    )


def with_partition(tags: Mapping[str, str] | None, partition: str) -> Mapping[str, str]:
    """Tags of a launch with its partition.

    Raises:
        PlanError: It is no text, or the tags name another.
    """
    if not isinstance(partition, str):
        raise PlanError(f"partition: must be text, not {partition!r}")
    said = (tags or {}).get(planning.PARTITION_NAME_TAG, partition)
    if said != partition:
        raise PlanError(
            f"partition: {partition!r} is another one than tags[{planning.PARTITION_NAME_TAG!r}], {said!r}"
        )
    return {**(tags or {}), planning.PARTITION_NAME_TAG: partition}


def plan_of_job(
    job: dg.JobDefinition,
    *,
    agent: Settings | None = None,
    location: Settings | None = None,
    run_config: Mapping[str, object] | dg.RunConfig | None = None,
    tags: Mapping[str, str] | None = None,
    deployment: Deployment | None = None,
    steps: Sequence[planning.Step] | None = None,
) -> RunPlan:
    """The same of a job at hand, and of some of its steps when those are given; see `plan`."""
    run_tags = tags_of(job, tags)
    config = executor_config(job, run_config, run_tags)
    file = LocationFile() if location is None else location_of(location)
    with offline() as kubeconfig:
        executor = PlannedExecutor(job, config, kubeconfig)
        settings = None if agent is None else launcher_config(agent)
        renderer = JobRenderer(
            job.name,
            run_tags,
            file,
            tuple(variables_of(deployment, file.name)),
            make_launcher(settings, kubeconfig),
            make_launcher(None, kubeconfig),
            executor.handler,
        )
        layers = JobLayers(job, renderer, has_agent=agent is not None, has_location=location is not None)
        run = Pod(Template(f"run of {job.name!r}", layers.of_run(), renderer.run_job))
        planner = StepPlanner(renderer, layers, executor, PartitionsOfJob(job, run_tags), run_tags)
        planned = planner.planned(steps_of_job(job, run_tags) if steps is None else steps)
    return RunPlan(
        job.name,
        job.executor_def.name,
        executor.max_concurrent,
        run,
        planned,
        executor.run_pod_concurrency,
    )


def steps_of_job(job: dg.JobDefinition, run_tags: Mapping[str, str]) -> list[planning.Step]:
    """The steps of a job in an order they can run in.

    Raises:
        PlanError: Dagster makes no execution plan of it.
    """
    try:
        return planning.steps_of(job, run_tags)
    # What Dagster itself makes of a job that it took as a definition.
    except Exception as error:  # noqa: BLE001
        raise PlanError(f"the job {job.name!r} has no execution plan: {reason(error)}") from None
