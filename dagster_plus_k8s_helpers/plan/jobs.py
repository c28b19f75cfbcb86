"""Which Dagster job a plan is of, with which tags and run config."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers._dagster import planning
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, PlanError, SelectionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.executor.deployment import Deployment

__all__ = ["DefinitionsOrLoader", "executor_config", "job_of", "loaded", "tags_of"]

DefinitionsOrRepository: TypeAlias = dg.Definitions | dg.RepositoryDefinition
DefinitionsOrLoader: TypeAlias = DefinitionsOrRepository | Callable[[], DefinitionsOrRepository]
"""Definitions, or what loads them: a function is called as if in the deployment that is planned for."""

_IMPLICIT = "the implicit asset job"


def loaded(definitions: DefinitionsOrLoader, deployment: Deployment | None) -> dg.RepositoryDefinition:
    """The repository that definitions make up, loaded as the deployment loads them.

    Raises:
        PlanError: They are no definitions, or do not fit together.
    """
    found: object = definitions
    with _environment_of(deployment):
        if callable(definitions) and not isinstance(definitions, dg.RepositoryDefinition):
            found = definitions()
        if isinstance(found, dg.Definitions):
            # What Dagster has to say of its own parameters, it says wherever else the definitions are loaded.
            with _refusals("definitions"), planning.disable_dagster_warnings():
                found = found.get_repository_def()
    if not isinstance(found, dg.RepositoryDefinition):
        raise PlanError(f"definitions: must be dagster.Definitions, not {type(found).__name__}")
    return found


@contextmanager
def _refusals(where: str) -> Iterator[None]:
    """Turns what Dagster raises of definitions that do not fit together into an error of this package."""
    try:
        yield
    except DagsterPlusK8sError:
        raise
    # DagsterError, CheckError, and what a function of the user's raises.
    except Exception as error:  # noqa: BLE001
        raise PlanError(f"{where}: {planning.reasons(error)}") from None


def job_of(
    definitions: dg.RepositoryDefinition, name: str | None, selection: str | dg.AssetSelection | None
) -> dg.JobDefinition:
    """The job of a name, or the implicit asset job, with what the selection keeps of it.

    Raises:
        PlanError: There is no such job, or no job at all.
        SelectionError: The selection is not in Dagster's syntax, or reaches nothing the job computes.
    """
    job = _named(definitions, name)
    if selection is None:
        return job
    if isinstance(selection, str):
        selection = _dagster.selection_from_text(selection)
    elif not isinstance(selection, dg.AssetSelection):
        raise PlanError(f"selection: must be text or an AssetSelection, not {type(selection).__name__}")
    of_job = _IMPLICIT if name is None else f"the job {name!r}"
    try:
        found = planning.subset_of_assets(job, selection)
    except dg.DagsterError as error:
        raise SelectionError(f"selection: {error}") from None
    if found is None:
        raise SelectionError(f"selection: {selection} reaches no asset that {of_job} computes")
    return found


def tags_of(job: dg.JobDefinition, tags: Mapping[str, str] | None) -> Mapping[str, str]:
    """The tags of a run: those of the job and of the partition, and over them those of the launch.

    Raises:
        PlanError: A tag is no text, or the partition is none of the job's.
    """
    given = {} if tags is None else tags
    if not isinstance(given, Mapping):
        raise PlanError(f"tags: must be a mapping of text, not {type(tags).__name__}")
    for key, value in given.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise PlanError(
                f"tags[{key!r}]: must be text, not {value!r}; K8sConfig has run_tags for a run's tags"
            )
    partition = given.get(planning.PARTITION_NAME_TAG)
    if partition is None:
        return {**job.run_tags, **given}
    try:
        return {**job.run_tags, **planning.tags_of_partition(job, partition), **given}
    except planning.Refusal as refusal:
        raise PlanError(f"tags[{planning.PARTITION_NAME_TAG!r}]: {refusal}") from None


def executor_config(
    job: dg.JobDefinition,
    run_config: Mapping[str, object] | dg.RunConfig | None,
    tags: Mapping[str, str],
) -> Mapping[str, Any]:
    """What a launch tells the executor: ``execution: config:`` of its run config.

    Raises:
        PlanError: The run config is not shaped like one, or the job's config mapping refuses it.
    """
    given = planning.plain_run_config(run_config)
    if given is not None and not planning.maps_config(job):
        _check_sections("run_config", given)
    try:
        config = planning.run_config_of(job, given, tags.get(planning.PARTITION_NAME_TAG))
    except planning.Refusal as refusal:
        raise PlanError(f"run_config: {refusal}") from None
    execution = config.get("execution") or {}
    if not isinstance(execution, Mapping):
        raise PlanError(f"run_config.execution: must be a mapping, not {execution!r}")
    for key in execution:
        if key != "config":
            raise PlanError(f"run_config.execution: there is no {key!r} here{did_you_mean(key, ['config'])}")
    found = execution.get("config") or {}
    if not isinstance(found, Mapping):
        raise PlanError(f"run_config.execution.config: must be a mapping, not {found!r}")
    return found


_SECTIONS = ("execution", "ops", "resources", "loggers", "inputs")


def _check_sections(where: str, config: Mapping[str, object]) -> None:
    if not isinstance(config, Mapping):
        raise PlanError(f"{where}: must be a mapping, not {type(config).__name__}")
    for key in config:
        if key not in _SECTIONS:
            raise PlanError(f"{where}: there is no {key!r} here{did_you_mean(str(key), _SECTIONS)}")


def _named(definitions: dg.RepositoryDefinition, name: str | None) -> dg.JobDefinition:
    if name is None:
        if definitions.has_implicit_global_asset_job_def():
            return definitions.get_implicit_global_asset_job_def()
        jobs = [job.name for job in definitions.get_all_jobs()]
        hint = f"; pass job=, one of {', '.join(map(repr, jobs))}" if jobs else ""
        raise PlanError(f"there are no assets, so no {_IMPLICIT.removeprefix('the ')}{hint}")
    if not isinstance(name, str):
        raise PlanError(f"job: must be the name of a job, not {type(name).__name__}")
    names = definitions.job_names
    if name not in names:
        shown = ", ".join(repr(known) for known in names if not known.startswith("__")) or "none"
        raise PlanError(f"job: there is no job {name!r}{did_you_mean(name, names)}; there are {shown}")
    with _refusals(f"the job {name!r}"), planning.disable_dagster_warnings():
        return definitions.get_job(name)


@contextmanager
def _environment_of(deployment: Deployment | None) -> Iterator[None]:
    """The environment variables by which code sees where it is, as a deployment has them."""
    if deployment is None:
        yield
        return
    before = dict(os.environ)
    for name in _VARIABLES:
        os.environ.pop(name, None)
    if deployment.kind != "local":
        os.environ["DAGSTER_CLOUD_DEPLOYMENT_NAME"] = str(deployment.name)
        os.environ["DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"] = "1" if deployment.kind == "branch" else "0"
        os.environ.setdefault("KUBERNETES_SERVICE_HOST", "kubernetes.invalid")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


_VARIABLES = (
    "DAGSTER_CLOUD_DEPLOYMENT_NAME",
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT",
    "KUBERNETES_SERVICE_HOST",
)
