"""`check`: everything that is wrong with files, with definitions, and with both together."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.findings import Finding, Where
from dagster_plus_k8s_helpers.plan.checking import Source, check_sources
from dagster_plus_k8s_helpers.plan.checks_allowed import ALLOWED_RULES, EVADED_RULES
from dagster_plus_k8s_helpers.plan.checks_cluster import CLUSTER_RULES
from dagster_plus_k8s_helpers.plan.checks_jobs import JOB_RULES, TAGS_OF_JOBS
from dagster_plus_k8s_helpers.plan.checks_layers import LAYER_RULES, bare_variables, gpu_from_below
from dagster_plus_k8s_helpers.plan.checks_pods import POD_RULES, check_version
from dagster_plus_k8s_helpers.plan.checks_tags import EXECUTOR_RULES, TAG_RULES
from dagster_plus_k8s_helpers.plan.jobs import job_of, loaded
from dagster_plus_k8s_helpers.plan.layers import as_mapping
from dagster_plus_k8s_helpers.plan.resolve import plan_of_job, steps_of_job
from dagster_plus_k8s_helpers.plan.rules import CANNOT_PLAN
from dagster_plus_k8s_helpers.plan.subjects import Asked, Hit, Planned, Surroundings
from dagster_plus_k8s_helpers.plan.waived import waivers_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.executor.deployment import Deployment
    from dagster_plus_k8s_helpers.plan.jobs import DefinitionsOrLoader
    from dagster_plus_k8s_helpers.plan.layers import Settings
    from dagster_plus_k8s_helpers.plan.nodes import NodePool
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
    from dagster_plus_k8s_helpers.plan.subjects import JobRule, PodRule, TagRule

__all__ = ["check"]


def check(
    definitions: DefinitionsOrLoader | None = None,
    *,
    files: Sequence[str | Path | Source] = (),
    job: str | None = None,
    agent: Settings | None = None,
    location: Settings | None = None,
    nodes: Sequence[NodePool] | None = None,
    kubernetes_version: str | None = None,
    deployment: Deployment | None = None,
) -> list[Finding]:
    """What is wrong with files the platform reads, with the pods of definitions, or with both.

    No cluster is asked, and no resource is initialised. Whether a service account, Secret or ConfigMap is
    there is therefore not looked at, nor what a ``PipesK8sClient`` is given inside an asset.

    Args:
        definitions: The definitions, or a function that loads them; see `plan`.
        files: Helm values, dagster_cloud.yaml, container_context.yaml, build.yaml: checked on their own,
            and code locations with the agents among them.
        job: Name of the one job to check; every job and the implicit asset job when left out.
        agent: The agent's Helm values, to plan with.
        location: The code location's entry in ``dagster_cloud.yaml``, to plan with.
        nodes: The nodes of the cluster, from `read_nodes`; what depends on them is left out without.
        kubernetes_version: Version of the cluster, such as ``"1.31"``, whose schemas the Jobs must follow.
        deployment: The Dagster+ deployment to plan for.

    Returns:
        First what is wrong with files, then with definitions, job by job.

    Raises:
        OSError: A file cannot be read.
        PlanError: There is no such job or Kubernetes version, or the definitions are none.
        MissingExtraError: A Kubernetes version is given, and the extra ``check`` is not installed.
    """
    found = check_sources([_source(file) for file in files])
    if kubernetes_version is not None:
        check_version(kubernetes_version)
    if definitions is None:
        return found
    around = Surroundings(
        None if agent is None else as_mapping("agent", agent),
        None if location is None else as_mapping("location", location),
        tuple(nodes or ()),
        kubernetes_version or "",
    )
    repository = loaded(definitions, deployment)
    has_asset_job = repository.has_implicit_global_asset_job_def()
    reports = [
        _report(found_job, around, deployment, has_asset_job=has_asset_job and not _is_implicit(found_job))
        for found_job in _jobs(repository, job, has_asset_job=has_asset_job)
    ]
    return [*found, *_findings(reports)]


_TAG_RULES: tuple[TagRule, ...] = (*TAG_RULES, *TAGS_OF_JOBS, *ALLOWED_RULES)
_JOB_RULES: tuple[JobRule, ...] = (*JOB_RULES, gpu_from_below, bare_variables, *EXECUTOR_RULES, *EVADED_RULES)
_POD_RULES: tuple[PodRule, ...] = (*LAYER_RULES, *POD_RULES, *CLUSTER_RULES)


@dataclass(frozen=True)
class _Report:
    """What is to be said of one job, and in which order its steps come."""

    name: str
    hits: tuple[Hit, ...]
    order: dict[str, int]


def _source(file: str | Path | Source) -> Source:
    return file if isinstance(file, Source) else Source(str(file), Path(file).read_bytes())


def _jobs(
    repository: dg.RepositoryDefinition, name: str | None, *, has_asset_job: bool
) -> list[dg.JobDefinition]:
    if name is not None:
        return [job_of(repository, name, None)]
    named = sorted(
        (job for job in repository.get_all_jobs() if not _is_implicit(job)), key=lambda job: job.name
    )
    return [*([job_of(repository, None, None)] if has_asset_job else []), *named]


def _is_implicit(job: dg.JobDefinition) -> bool:
    return job.name.startswith("__")


def _report(
    job: dg.JobDefinition, around: Surroundings, deployment: Deployment | None, *, has_asset_job: bool
) -> _Report:
    name = "the implicit asset job" if _is_implicit(job) else f"job {job.name!r}"
    try:
        steps = tuple(steps_of_job(job, job.run_tags))
    except PlanError as error:
        return _Report(name, (Hit(CANNOT_PLAN, str(error), of="the job"),), {})
    asked = Asked(job, steps, around)
    hits = [hit for rule in _TAG_RULES for hit in rule(asked)]
    planned: RunPlan | None = None
    try:
        planned = plan_of_job(job, agent=around.agent, location=around.location, deployment=deployment)
    except PlanError as error:
        # The rules for tags say it better, where they say it.
        if not hits:
            hits.append(Hit(CANNOT_PLAN, str(error), of="the job"))
    if planned is not None:
        hits += _of_plan(Planned(asked, planned, has_asset_job))
    waivers = waivers_of(job, steps)
    order = {step.key: index for index, step in enumerate(steps)}
    return _Report(name, (*waivers.mistakes, *waivers.left_of(hits)), order)


def _of_plan(job: Planned) -> Iterator[Hit]:
    for rule in _JOB_RULES:
        yield from rule(job)
    for group in job.groups:
        for pod_rule in _POD_RULES:
            yield from pod_rule(group, job.asked.around)


def _findings(reports: Sequence[_Report]) -> Iterator[Finding]:
    """The findings of all jobs; of a step that is in several of them, once."""
    known: set[tuple[str, str, str]] = set()
    for report in reports:
        hits = sorted(report.hits, key=lambda hit: min((report.order[key] for key in hit.steps), default=-1))
        for hit in hits:
            if not hit.steps:
                if (hit.rule.code, hit.text, hit.of) not in known or hit.rule is not CANNOT_PLAN:
                    yield hit.rule.at(Where(path=report.name), f"{hit.of}: {hit.text}")
                known.add((hit.rule.code, hit.text, hit.of))
                continue
            steps = [key for key in hit.steps if (hit.rule.code, hit.text, key) not in known]
            known.update((hit.rule.code, hit.text, key) for key in steps)
            if steps:
                where = Where(path=f"{report.name}, step {steps[0]!r}")
                yield hit.rule.at(where, f"{_names(steps)}: {hit.text}")


_MOST_NAMED = 3


def _names(steps: Sequence[str]) -> str:
    if len(steps) == 1:
        return f"step {steps[0]!r}"
    named = ", ".join(map(repr, steps[:_MOST_NAMED]))
    return f"steps {named}" + (f" and {len(steps) - _MOST_NAMED} more" if len(steps) > _MOST_NAMED else "")
