"""`check`: everything that is wrong with files, with definitions, and with both together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from dagster_plus_k8s_helpers._dagster.executor_config import op_names_of
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.check.asking import JOB_RULES, RULES_OF_JOBS, TAG_RULES
from dagster_plus_k8s_helpers.check.files.hits import not_in
from dagster_plus_k8s_helpers.check.files.settings import check_settings, files_of
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.check.grouped import JobReport, grouped
from dagster_plus_k8s_helpers.check.plannable import CANNOT_PLAN, not_said_yet, plannable, planned_launches
from dagster_plus_k8s_helpers.check.rules.dry_run import not_told_before
from dagster_plus_k8s_helpers.check.rules.lost_configs import lost_configs
from dagster_plus_k8s_helpers.check.rules.objects import not_said_by_cluster
from dagster_plus_k8s_helpers.check.rules.pods import schema_version
from dagster_plus_k8s_helpers.check.subjects.subjects import (
    OF_RUN,
    Asked,
    Hit,
    Planned,
    PodGroup,
    Surroundings,
)
from dagster_plus_k8s_helpers.check.subjects.waivers import (
    OF_DEFINITIONS,
    Owner,
    unused_waivers,
    waived_by_definitions,
    waivers_of,
)
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan.merge.from_files import as_mapping
from dagster_plus_k8s_helpers.plan.merge.jobs import job_of, loaded
from dagster_plus_k8s_helpers.plan.merge.triggers import launches_of
from dagster_plus_k8s_helpers.plan.resolve import steps_of_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.check.plannable import Plannable
    from dagster_plus_k8s_helpers.cluster.objects import ClusterObjects
    from dagster_plus_k8s_helpers.deployment import Deployment
    from dagster_plus_k8s_helpers.findings.finding import Finding
    from dagster_plus_k8s_helpers.plan.merge.from_files import Settings
    from dagster_plus_k8s_helpers.plan.merge.jobs import DefinitionsOrLoader
    from dagster_plus_k8s_helpers.rightsizing.history import Measured

    UsageOf: TypeAlias = Callable[[Sequence[str]], Sequence[Measured]]
    """Reads what attempts of the steps of some jobs took."""

__all__ = ["check", "check_beside"]


@answering
def check(
    definitions: DefinitionsOrLoader | None = None,
    *,
    files: Sequence[str | Path | Source] = (),
    job: str | None = None,
    agent: Settings | None = None,
    location: Settings | None = None,
    nodes: Sequence[NodePool] | None = None,
    queues: Quotas | None = None,
    kubernetes_version: str | None = None,
    deployment: Deployment | None = None,
    cluster: ClusterObjects | None = None,
) -> list[Finding]:
    """What is wrong with files the platform reads, with the pods of definitions, or with both.

    No resource is initialised, and no cluster is asked unless one is given.

    Args:
        definitions: The definitions, or a function that loads them; see `plan`.
        files: Helm values, dagster_cloud.yaml, container_context.yaml, build.yaml: checked on their own,
            and code locations with the agents among them.
        job: Name of the one job to check; every job and the implicit asset job when left out.
        agent: The agent's Helm values: planned with, and checked as the file would be.
        location: The code location's entry in ``dagster_cloud.yaml``: the same.
        nodes: The nodes of the cluster, from `read_nodes`; what depends on them is left out without.
        queues: The queues of the cluster, from `read_queues`; the same.
        kubernetes_version: Version of the cluster, such as ``"1.31"``, whose schemas the Jobs must follow.
        deployment: The Dagster+ deployment to plan for.
        cluster: The cluster to ask for the objects that pods name, from `ClusterObjects.from_kubeconfig`.

    Returns:
        First what is wrong with files, then with definitions, job by job.

    Raises:
        OSError: A file cannot be read.
        PlanError: There is no such job or Kubernetes version, the definitions are none, or the cluster does
            not answer.
        MissingExtraError: A Kubernetes version is given, and the extra ``check`` is not installed.
    """
    found = check_sources([_source(file) for file in files])
    if definitions is None:
        if kubernetes_version is not None:
            schema_version(kubernetes_version)
        return found
    return check_beside(
        found,
        definitions,
        job=job,
        agent=agent,
        location=location,
        nodes=nodes,
        queues=queues,
        kubernetes_version=kubernetes_version,
        deployment=deployment,
        cluster=cluster,
    )


def check_beside(
    found: Sequence[Finding],
    definitions: DefinitionsOrLoader,
    *,
    job: str | None = None,
    agent: Settings | None = None,
    location: Settings | None = None,
    nodes: Sequence[NodePool] | None = None,
    queues: Quotas | None = None,
    kubernetes_version: str | None = None,
    deployment: Deployment | None = None,
    cluster: ClusterObjects | None = None,
    module: str = "",
    usage_of: UsageOf | None = None,
) -> list[Finding]:
    """The same of definitions, beside what is found in files: without what the definitions waive of that.

    With the name of the module that they are loaded from its source is looked at as well; with what reads the
    usage of the steps of jobs, that is.
    """
    version = "" if kubernetes_version is None else schema_version(kubernetes_version)
    around = Surroundings(
        None if agent is None else as_mapping("agent", agent),
        None if location is None else as_mapping("location", location),
        tuple(nodes or ()),
        version,
        cluster,
        module=module,
        quotas=queues,
    )
    repository = loaded(definitions, deployment)
    files = files_of(around.agent, around.location)
    around = replace(around, files=files, metadata=repository.metadata or {})
    waived = _Waived(around.metadata)
    of_files = waived.left_of([*found, *check_settings(around.agent, around.location, found)])
    has_asset_job = repository.has_implicit_global_asset_job_def()
    all_jobs = _all_jobs(repository, has_asset_job=has_asset_job)
    wanted = all_jobs if job is None else [job_of(repository, job, None)]
    if usage_of is not None:
        around = replace(around, usage=tuple(usage_of([item.name for item in wanted])))
    shared = _Shared(repository, around, deployment, _op_names(all_jobs))
    reports = [
        _report(checked, shared, has_asset_job=has_asset_job and not _is_implicit(checked))
        for checked in wanted
    ]
    of_source = waived.left_of(lost_configs(module) if module else ())
    of_cluster = waived.left_of(not_said_by_cluster(cluster))
    # What one job does not need to have waived, another may.
    unused = [] if job is not None else _unused(reports, around, waived.used)
    of_jobs = [*grouped(reports, around.files), *grouped(unused, around.files)]
    return [*of_files, *not_in(of_files, of_jobs), *of_cluster, *of_source]


class _Waived:
    """What definitions waive of what is no job's.

    Attributes:
        used: What of that there was.
    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self._codes = waived_by_definitions(metadata)
        self.used: set[tuple[Owner, str]] = set()

    def left_of(self, findings: Iterable[Finding]) -> list[Finding]:
        """The findings without those that are waived."""
        found = list(findings)
        self.used |= {(Owner(of=OF_DEFINITIONS), item.code) for item in found if item.code in self._codes}
        return [item for item in found if item.code not in self._codes]


@dataclass(frozen=True)
class _Shared:
    """What all jobs of a check have in common."""

    repository: dg.RepositoryDefinition
    around: Surroundings
    deployment: Deployment | None
    op_names: Mapping[dg.ExecutorDefinition, frozenset[str]]


def _source(file: str | Path | Source) -> Source:
    return file if isinstance(file, Source) else Source(str(file), Path(file).read_bytes())


def _all_jobs(repository: dg.RepositoryDefinition, *, has_asset_job: bool) -> list[dg.JobDefinition]:
    named = sorted(
        (job for job in repository.get_all_jobs() if not _is_implicit(job)), key=lambda job: job.name
    )
    return [*([job_of(repository, None, None)] if has_asset_job else []), *named]


def _is_implicit(job: dg.JobDefinition) -> bool:
    return job.name.startswith("__")


def _op_names(jobs: Sequence[dg.JobDefinition]) -> dict[dg.ExecutorDefinition, frozenset[str]]:
    """The names of the ops of all jobs, by the executor of the job."""
    found: dict[dg.ExecutorDefinition, set[str]] = {}
    for job in jobs:
        found.setdefault(job.executor_def, set()).update(op_names_of(job.graph))
    return {executor: frozenset(names) for executor, names in found.items()}


def _report(job: dg.JobDefinition, shared: _Shared, *, has_asset_job: bool) -> JobReport:
    name = "the implicit asset job" if _is_implicit(job) else f"job {job.name!r}"
    op_names = shared.op_names.get(job.executor_def, frozenset())
    launches = launches_of(job, shared.repository.schedule_defs)
    try:
        steps = tuple(steps_of_job(job, job.run_tags))
    except PlanError as error:
        refused_whole = Hit(CANNOT_PLAN, str(error), of="the job")
        asked = Asked(job, (), shared.around, op_names, launches)
        waivers = waivers_of(asked)
        return JobReport(name, (*waivers.mistakes, refused_whole), waivers, asked)
    asked = Asked(job, steps, shared.around, op_names, launches)
    waivers = waivers_of(asked)
    hits = [*waivers.mistakes, *(hit for rule in TAG_RULES for hit in rule(asked))]
    planned = plannable(asked, shared.deployment)
    refused = list(planned.refused)
    if planned.plan is not None:
        of_plan = list(_of_plan(Planned(asked, planned.plan, has_asset_job), planned))
        of_launches = list(_of_launches(asked, shared.deployment, of_plan))
        refused += [hit for hit in of_launches if hit.rule is CANNOT_PLAN]
        hits += [*of_plan, *(hit for hit in of_launches if hit.rule is not CANNOT_PLAN)]
    hits += not_said_yet(refused, list(waivers.left_of(hits)))
    return JobReport(name, tuple(hits), waivers, asked)


def _of_launches(asked: Asked, deployment: Deployment | None, known: Sequence[Hit]) -> Iterator[Hit]:
    """What is wrong with the run's pod in some launches only."""
    said = {(hit.rule, hit.text) for hit in known}
    for whose, planned in planned_launches(asked, deployment):
        if isinstance(planned, Hit):
            yield planned
            continue
        hits = [hit for rule in RULES_OF_JOBS for hit in rule(PodGroup(planned.run), asked.around)]
        yield from (hit._replace(of=f"{hit.of}, {whose}") for hit in hits if (hit.rule, hit.text) not in said)


def _unused(
    reports: Sequence[JobReport], around: Surroundings, elsewhere: Iterable[tuple[Owner, str]]
) -> list[JobReport]:
    """The waivers that waive nothing in any job."""
    used = {report.name: set(report.waivers.used_by(report.hits)) for report in reports}
    anywhere = {one for of_report in used.values() for one in of_report if not one[0].is_of_job}
    anywhere |= set(elsewhere)
    return [
        replace(report, hits=tuple(unused_waivers(report.waivers, anywhere | used[report.name], around)))
        for report in reports
    ]


def _of_plan(job: Planned, planned: Plannable) -> Iterator[Hit]:
    """What the rules say of a plan, but for what is not planned as it is written."""
    known = tuple(step for step in job.asked.steps if step.key not in planned.at_fault)
    job = replace(job, asked=replace(job.asked, steps=known))
    hits = [hit for rule in JOB_RULES for hit in rule(job)]
    hits += [hit for group in job.groups for rule in RULES_OF_JOBS for hit in rule(group, job.asked.around)]
    for hit in not_told_before(hits):
        steps = tuple(key for key in hit.steps if key not in planned.at_fault)
        is_of_run = hit.of == OF_RUN and planned.is_run_at_fault
        if steps or not (hit.steps or is_of_run):
            yield hit._replace(steps=steps)
