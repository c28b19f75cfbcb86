"""`K8sExecutorComponent`: the executor of a project, by deployment."""

# Dagster reads the annotations themselves: no postponed ones here.
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Annotated, Any

import dagster as dg

from dagster_plus_k8s_helpers._dagster.components import refused_by
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.components.attributes import KnownAttributes
from dagster_plus_k8s_helpers.components.models import as_written, read
from dagster_plus_k8s_helpers.components.scaffolds import starting_with
from dagster_plus_k8s_helpers.components.schemas import (
    BOOLEAN,
    NUMBER,
    TEXT,
    WHOLE,
    Schema,
    described,
    descriptions,
    list_of,
    mapping_of,
    object_of,
    one_of,
    worded,
)
from dagster_plus_k8s_helpers.components.template_vars import scope
from dagster_plus_k8s_helpers.components.value_schemas import config_schema, ladder_schema, size_schema
from dagster_plus_k8s_helpers.components.values import (
    AMOUNTS,
    CONFIG_FIELDS,
    config_of,
    entries_of,
    known_only,
    ladder_of,
    size_of,
    within,
)
from dagster_plus_k8s_helpers.deployment import BY_NAME, executor_for_deployment
from dagster_plus_k8s_helpers.errors import DeploymentError, K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.executor.k8s import k8s_executor

__all__ = ["K8sExecutorComponent"]

_STOCK: Mapping[str, dg.ExecutorDefinition] = {
    "in_process": dg.in_process_executor,
    "multiprocess": dg.multiprocess_executor,
}
_WORDS = "in_process, multiprocess, k8s, or a mapping of settings of k8s_executor"
_SLIPS = {
    **{name: f"step_config: {{{name}: ...}}" for name in CONFIG_FIELDS},
    **{name: f"step_config: {{resources: {{{name}: ...}}}}" for name in AMOUNTS},
    "config": "step_config: ...",
    "k8s_config": "step_config: ...",
    "step_k8s_config": "step_config: ...",
    "per_step_k8s_config": "per_step_config: ...",
    "job_namespace": "namespace: ...",
    "job_image": "image: ...",
    "enable_owner_references": "owner_references: ...",
    "resources": "step_config: {resources: ...}",
}
_READ = {
    "step_config": config_of,
    "per_step_config": lambda value: entries_of(value, config_of),
    "memory_ladder": ladder_of,
    "size": size_of,
}


def executor_of(value: object) -> dg.ExecutorDefinition | None:
    """An executor by its name, or the k8s executor by its settings.

    Raises:
        K8sConfigError: Neither, or a setting that the executor refuses.
    """
    if value is None or isinstance(value, dg.ExecutorDefinition):
        return value
    if isinstance(value, str) and value in _STOCK:
        return _STOCK[value]
    if value == "k8s":
        return k8s_executor()
    if not isinstance(value, Mapping):
        near = did_you_mean(value.lower(), (*_STOCK, "k8s")) if isinstance(value, str) else ""
        raise K8sConfigError(f"must be {_WORDS}{near or f', not {type(value).__name__}'}")
    known_only(value, _settings(), "k8s_executor", _SLIPS)
    given = {
        name: within(name, _READ[name], setting) if name in _READ and setting is not None else setting
        for name, setting in value.items()
    }
    return k8s_executor(**given)


@cache
def executor_schema() -> Schema:
    """What may be written for an executor."""
    config = worded({"type": "object"}, "a mapping such as {resources: {cpu: 500m, memory: 2Gi}}")
    limit = object_of(
        {"key": TEXT, "limit": WHOLE, "value": worded({"type": ["string", "object"]}, "text")},
        "a mapping such as {key: KEY, limit: 2}",
    )
    kinds: Mapping[str, Schema] = {
        "tag_concurrency_limits": list_of(limit),
        "step_config": config_schema(),
        "per_step_config": mapping_of(config, "a mapping from ops to configs"),
        "retries": one_of("enabled", "disabled"),
        "size": size_schema(),
        "memory_ladder": ladder_schema(),
        "record_usage": worded({"enum": [True, False, "asset"]}, "true, false or asset"),
        "in_run_pod": worded({"type": ["string", "array"]}, "a selection, or a list of ops"),
    }
    said = descriptions(k8s_executor)
    properties = {
        name: described(kinds.get(name) or _plain(setting), said.get(name, ""))
        for name, setting in _settings().items()
    }
    return {
        "title": "Executor",
        "description": "in_process, multiprocess, k8s, or settings of k8s_executor.",
        "examples": [{"max_concurrent": 20, "memory_ladder": {"maximum": "64Gi"}}],
        "if": {"type": "string"},
        "then": one_of(*_STOCK, "k8s"),
        "else": object_of(properties, _WORDS, slips=_SLIPS, near=True),
    }


def _settings() -> Mapping[str, inspect.Parameter]:
    return inspect.signature(k8s_executor).parameters


def _plain(setting: inspect.Parameter) -> Schema:
    """By the annotation, which is text."""
    kind = str(setting.annotation).removesuffix(" | None")
    return {"int": WHOLE, "float": NUMBER, "bool": BOOLEAN}.get(kind, TEXT)


@cache
def executors_schema() -> Schema:
    """What may be written for executors by the name of a deployment."""
    return {
        "title": "Executors",
        "examples": [{"prod": "k8s"}],
        **mapping_of(executor_schema(), "a mapping such as {prod: k8s}"),
    }


ExecutorModel = as_written("ExecutorModel", "An executor.", executor_schema)
ExecutorsModel = as_written("ExecutorsModel", "Executors by the name of a deployment.", executors_schema)


def _executor(context: dg.ResolutionContext, written: object) -> Any:
    return read(context, written, executor_of)


def _resolved(description: str, example: object) -> dg.Resolver:
    """How an attribute becomes an executor.

    Args:
        description: When it is taken, as editors show it.
        example: What may be written.
    """
    return dg.Resolver(_executor, model_field_type=ExecutorModel, description=description, examples=[example])


def _executors(context: dg.ResolutionContext, written: object) -> Any:
    return read(context, written, lambda value: entries_of(value or {}, executor_of))


@dg.scaffold_with(starting_with({"local": "multiprocess", "default": {"max_concurrent": 20}}))
@answering(otherwise=BY_NAME)
@dataclass(kw_only=True)
class K8sExecutorComponent(KnownAttributes, dg.Component):
    """The executor of a project, by the deployment in which it loads: the most specific one given.

    Each is ``in_process``, ``multiprocess``, ``k8s``, or a mapping of settings of ``k8s_executor``, such as
    ``{max_concurrent: 20, memory_ladder: {maximum: 64Gi}}``. A project has one such component.

    Args:
        local: Outside Dagster+: ``dg dev``, tests, CI.
        branch: In every branch deployment that ``deployments`` does not name.
        deployments: By the name of the deployment.
        default: Wherever none of the others applies.
    """

    OTHERWISE = "for a deployment of that name write deployments: {{{name}: ...}}"

    local: Annotated[
        dg.ExecutorDefinition | None,
        _resolved("Outside Dagster+: dg dev, tests, CI.", "multiprocess"),
    ] = None
    branch: Annotated[
        dg.ExecutorDefinition | None,
        _resolved("In every branch deployment that deployments does not name.", "in_process"),
    ] = None
    deployments: Annotated[
        Mapping[str, dg.ExecutorDefinition],
        dg.Resolver(
            _executors,
            model_field_type=ExecutorsModel,
            description="By the name of the deployment.",
            examples=[{"prod": {"max_concurrent": 50}}],
        ),
    ] = field(default_factory=dict)
    default: Annotated[
        dg.ExecutorDefinition | None,
        _resolved(
            "Wherever none of the others applies.",
            {"max_concurrent": 20, "memory_ladder": {"maximum": "64Gi"}},
        ),
    ] = None

    @classmethod
    def _elsewhere(cls) -> Mapping[str, str]:
        return {name: f"write default: {{{{{name}: ...}}}}" for name in _settings()}

    @classmethod
    def get_additional_scope(cls) -> Mapping[str, Any]:
        """What templates may call here."""
        return scope()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The executor for the deployment in which this loads."""
        try:
            executor = executor_for_deployment(
                local=self.local, branch=self.branch, deployments=self.deployments, default=self.default
            )
        except DeploymentError as error:
            raise refused_by(context, "", str(error)) from None
        return dg.Definitions(executor=executor)
