"""`asked_of`: what each step asks for now, and which layer says it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan.merge.jobs import job_of, loaded
from dagster_plus_k8s_helpers.plan.resolve import plan_of_job, steps_of_job, with_partition
from dagster_plus_k8s_helpers.plan.sources import source_of
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.sizing.by_usage import ByUsage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.deployment import Deployment
    from dagster_plus_k8s_helpers.findings.finding import Where
    from dagster_plus_k8s_helpers.plan.merge.from_files import Settings
    from dagster_plus_k8s_helpers.plan.merge.jobs import DefinitionsOrLoader
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["BY_USAGE", "Asks", "asked_in", "asked_of", "with_amounts"]

BY_USAGE = ByUsage().written
"""What a plan calls a step that is sized by its usage."""

_PATH = "spec.template.spec.containers[0].resources"


@dataclass(frozen=True)
class Asks:
    """What a step's container asks for, in bytes and cores; ``None`` where nothing is said.

    Attributes:
        step: Key of the step.
        op_name: Name of its op.
        jobs: Names of the jobs that have it with the same settings.
        memory_request_bytes: What it requests; Kubernetes requests the limit where there is no request.
        memory_limit_bytes: Its limit.
        cpu_request_cores: What it requests, likewise.
        cpu_limit_cores: Its limit.
        said_by: By ``memory`` and ``cpu``, the layers that say it, such as ``op tags``.
        source: The line of code that the step comes from.
        pod_spec: The spec of its pod, in camelCase.
        sized_by: What decides its size at launch, as a plan calls it; empty for nothing.
    """

    step: str
    op_name: str
    jobs: tuple[str, ...]
    memory_request_bytes: int | None
    memory_limit_bytes: int | None
    cpu_request_cores: float | None
    cpu_limit_cores: float | None
    said_by: Mapping[str, tuple[str, ...]]
    source: Where | None
    pod_spec: Mapping[str, Any]
    sized_by: str = ""

    def given(self, usage: Usage) -> Asks:
        """The same with what an attempt was given, for a step whose size is decided at launch."""
        return replace(
            self,
            memory_request_bytes=usage.memory_request_bytes,
            memory_limit_bytes=usage.memory_limit_bytes,
            cpu_request_cores=usage.cpu_request_cores,
            cpu_limit_cores=usage.cpu_limit_cores,
            pod_spec=with_amounts(
                self.pod_spec,
                {"memory": usage.memory_request_bytes, "cpu": usage.cpu_request_cores},
                {"memory": usage.memory_limit_bytes, "cpu": usage.cpu_limit_cores},
            ),
        )


def with_amounts(
    spec: Mapping[str, Any], requests: Mapping[str, float | None], limits: Mapping[str, float | None]
) -> Mapping[str, Any]:
    """A pod's spec whose first container asks for other amounts, in bytes and cores; ``None`` for nothing."""
    changed: dict[str, Any] = copy.deepcopy(dict(spec))
    resources = changed["containers"][0].get("resources") or {}
    changed["containers"][0]["resources"] = {
        **resources,
        **{
            kind: {
                **{name: amount for name, amount in (resources.get(kind) or {}).items() if name not in said},
                **{name: str(amount) for name, amount in said.items() if amount is not None},
            }
            for kind, said in (("requests", requests), ("limits", limits))
        },
    }
    return changed


def asked_of(
    definitions: DefinitionsOrLoader,
    *,
    job: str | None = None,
    agent: Settings | None = None,
    location: Settings | None = None,
    run_config: Mapping[str, object] | None = None,
    partition: str | None = None,
    tags: Mapping[str, str] | None = None,
    deployment: Deployment | None = None,
) -> list[Asks]:
    """What the steps of definitions ask for that have a pod of their own.

    A step that several jobs have with the same settings is there once.

    Args:
        definitions: The definitions, or what loads them; see `plan`.
        job: Only of this job; of every job and the implicit one when left out.
        agent: The agent's Helm values.
        location: The code location's entry in ``dagster_cloud.yaml``.
        run_config: Run config of the launch.
        partition: Its partition, which every job must have.
        tags: Tags of the launch.
        deployment: The deployment to plan for.

    Raises:
        PlanError: There is no such job, or Dagster refuses a config.
    """
    repository = loaded(definitions, deployment)
    if partition is not None:
        tags = with_partition(tags, partition)
    found: dict[object, Asks] = {}
    for planned in _jobs(repository) if job is None else [job_of(repository, job, None)]:
        steps = steps_of_job(planned, planned.run_tags)
        made = plan_of_job(
            planned,
            agent=agent,
            location=location,
            run_config=run_config,
            tags=tags,
            deployment=deployment,
            steps=steps,
        )
        lines = {step.key: source_of(planned, step) for step in steps}
        for asks in asked_in(made, lines):
            same = (asks.step, asks.source, _amounts(asks))
            before = found.get(same)
            found[same] = asks if before is None else replace(before, jobs=(*before.jobs, *asks.jobs))
    return list(found.values())


def asked_in(plan: RunPlan, sources: Mapping[str, Where | None] | None = None) -> Iterator[Asks]:
    """What the steps of a plan ask for that have a pod of their own.

    Args:
        plan: The plan.
        sources: The line of code of each step, where it is known.
    """
    for step in plan.steps.values():
        if step.pod is None:
            continue
        container = step.pod.container
        yield Asks(
            step.key,
            step.op_name,
            (plan.job,),
            _bytes(container.requests, container.limits),
            _bytes(container.limits),
            _cores(container.requests, container.limits),
            _cores(container.limits),
            {name: tuple(_layers(step.pod, name)) for name in ("memory", "cpu")},
            (sources or {}).get(step.key),
            step.pod.spec_template,
            "" if step.size is None else step.size.by,
        )


def _jobs(repository: dg.RepositoryDefinition) -> Iterator[dg.JobDefinition]:
    """Every job by name, and the implicit one first, if there is one."""
    if repository.has_implicit_global_asset_job_def():
        yield repository.get_implicit_global_asset_job_def()
    named = (job for job in repository.get_all_jobs() if not job.name.startswith("__"))
    yield from sorted(named, key=lambda job: job.name)


def _amounts(asks: Asks) -> tuple[object, ...]:
    return (
        asks.memory_request_bytes,
        asks.memory_limit_bytes,
        asks.cpu_request_cores,
        asks.cpu_limit_cores,
    )


def _layers(pod: Pod, name: str) -> Iterator[str]:
    """The layers that say an amount, the request's first."""
    said: dict[str, None] = {}
    container = pod.container
    for kind, amounts in (("requests", container.requests), ("limits", container.limits)):
        if name in amounts:
            said.setdefault(pod.origin(f"{_PATH}.{kind}.{name}").layer.name)
    yield from said


def _bytes(*amounts: Mapping[str, str]) -> int | None:
    found = _first("memory", amounts)
    return None if found is None else int(found.value)


def _cores(*amounts: Mapping[str, str]) -> float | None:
    found = _first("cpu", amounts)
    return None if found is None else float(found.value)


def _first(name: str, amounts: Sequence[Mapping[str, str]]) -> Quantity | None:
    written = next((said[name] for said in amounts if name in said), None)
    try:
        return None if written is None else Quantity(written)
    except ValueError as error:
        raise PlanError(str(error)) from None
