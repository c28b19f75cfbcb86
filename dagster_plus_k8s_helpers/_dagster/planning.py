"""What planning takes from inside Dagster that Dagster does not export.

Only planning needs steps and executors; launching a run and its steps is in `launching`.
`tests/plan/test_layer_order.py` fails when one of them moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from dagster._config import process_config
from dagster._core.definitions.definition_config_schema import ConfiguredDefinitionConfigSchema
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.step import UnresolvedMappedExecutionStep
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.multiprocess import MultiprocessExecutor
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.system_config.objects import OpConfig, ResolvedRunConfig
from dagster._utils.warnings import disable_dagster_warnings

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers._dagster.instance import LaunchInstance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from dagster._core.definitions.configurable import ConfigurableDefinition

__all__ = [
    "PARTITION_NAME_TAG",
    "InProcessExecutor",
    "MultiprocessExecutor",
    "Refusal",
    "Step",
    "accepted_config",
    "disable_dagster_warnings",
    "executor_of",
    "function_of",
    "maps_config",
    "nodes_of_assets",
    "plain_run_config",
    "reason",
    "reasons",
    "references_of",
    "run_config_of",
    "steps_of",
    "subset_of_assets",
    "tags_of_partition",
]

_TOP = "config"


class Refusal(Exception):  # noqa: N818 - what Dagster says, to be put into an error by whoever knows where
    """What Dagster says of a config it does not take."""


class Step(NamedTuple):
    """One step of a job.

    Attributes:
        key: Its key: the path of its op through the graphs, and ``[?]`` for a step that is mapped.
        op_name: Name of the op where it is used.
        tags: Tags of the op's definition and of its use.
        depends_on: Keys of the steps that must end before it starts.
        is_mapped: Whether it runs once for each output of a dynamic step.
        max_retries: How often the op's retry policy starts it again.
        node_handle: Where Dagster keeps the op.
        asset_keys: Keys of the assets that it, or the graph around it, computes.
        size: What of its pod was decided by a strategy, as `K8sConfig.to_dict` has it.
    """

    key: str
    op_name: str
    tags: Mapping[str, str]
    depends_on: frozenset[str]
    is_mapped: bool
    max_retries: int
    node_handle: Any
    asset_keys: tuple[dg.AssetKey, ...] = ()
    size: Mapping[str, Any] = MappingProxyType({})


def steps_of(job: dg.JobDefinition, run_tags: Mapping[str, str]) -> list[Step]:
    """The steps of a job in an order they can run in; only an execution plan knows them.

    The config of ops is taken for given, and that of their inputs: none of it decides which steps there are.
    """
    graph = job.graph
    given = ResolvedRunConfig(ops=dict(_given(graph)), inputs=dict.fromkeys(graph.input_dict))
    plan = ExecutionPlan.build(job, given, tags=dict(run_tags))
    depends_on = plan.get_all_step_deps()
    # The plan's own order takes time that grows with the square of a long job's length.
    level: dict[str, int] = {}
    for key in TopologicalSorter(depends_on).static_order():
        level[key] = 1 + max((level[other] for other in depends_on[key]), default=-1)
    assets: dict[str, list[dg.AssetKey]] = {}
    for asset, node in nodes_of_assets(job).items():
        assets.setdefault(node, []).append(asset)
    steps = []
    for key in sorted(depends_on, key=lambda key: (level[key], key)):
        step = plan.get_step_by_key(key)
        retries = job.get_retry_policy_for_handle(step.node_handle)
        steps.append(
            Step(
                step.key,
                step.node_handle.name,
                step.tags or {},
                frozenset(depends_on[step.key]),
                isinstance(step, UnresolvedMappedExecutionStep),
                retries.max_retries if retries else 0,
                step.node_handle,
                tuple(sorted(assets.get(step.node_handle.path[0], ()))),
            )
        )
    return steps


def function_of(job: dg.JobDefinition, step: Step) -> Callable[..., Any] | None:
    """The decorated function that a step calls; ``None`` for what is made in another way."""
    definition = job.graph.get_node(step.node_handle).definition
    function: Callable[..., Any] | None = None
    if isinstance(definition, dg.OpDefinition):
        function = getattr(definition.compute_fn, "decorated_fn", None)
    return function if hasattr(function, "__code__") else None


def references_of(job: dg.JobDefinition, step: Step) -> list[tuple[str, int]]:
    """The files, and lines, that declare the asset of a step: for that of a component its ``defs.yaml``.

    Which node of a job computes which asset only the job's own layer of assets says.
    """
    node = step.node_handle.path[0]
    return [
        (reference.file_path, reference.line_number or 1)
        for data in job.asset_layer.data
        if data.node_handle.name == node
        for spec in data.assets_def.specs
        if isinstance(found := spec.metadata.get("dagster/code_references"), dg.CodeReferencesMetadataValue)
        for reference in found.code_references
        if isinstance(reference, dg.LocalFileCodeReference)
    ]


def _given(graph: dg.GraphDefinition, within: str = "") -> Iterator[tuple[str, OpConfig]]:
    """What a run config may say of every op and graph of a graph: a value for each input that nothing feeds.

    One that something does feed is passed over by Dagster, but for those of the graph around.
    """
    for name, node in graph.node_dict.items():
        free = [key for key in node.definition.input_dict if not node.container_maps_input(key)]
        yield f"{within}{name}", OpConfig.from_dict({"inputs": dict.fromkeys(free)})
        if isinstance(node.definition, dg.GraphDefinition):
            yield from _given(node.definition, f"{within}{name}.")


def nodes_of_assets(job: dg.JobDefinition) -> Mapping[dg.AssetKey, str]:
    """The node of a job that computes each asset: the first part of the keys of its steps."""
    return {key: data.node_handle.name for data in job.asset_layer.data for key in data.assets_def.keys}


def subset_of_assets(job: dg.JobDefinition, selection: dg.AssetSelection) -> dg.JobDefinition | None:
    """The job with the selected assets and checks only; ``None`` when it computes none of them."""
    graph = job.asset_layer.asset_graph
    with disable_dagster_warnings():
        keys = selection.resolve(graph) & set(job.asset_layer.executable_asset_keys)
        checks = set(selection.resolve_checks(graph))
        if not keys and not checks:
            return None
        return job.get_subset(asset_selection=keys, asset_check_selection=checks)


def tags_of_partition(job: dg.JobDefinition, partition: str) -> Mapping[str, str]:
    """The tags that a run of one partition gets beside those of the job.

    Raises:
        Refusal: The job has no partitions, none of this key, or its own function fails.
    """
    if job.partitioned_config is None and job.partitions_def is None:
        raise Refusal(f"the job {job.name!r} has no partitions, or assets with different ones")
    try:
        # Which keys a dynamic partitions definition has, only the instance of a deployment knows.
        if job.partitions_def and not isinstance(job.partitions_def, dg.DynamicPartitionsDefinition):
            with partition_loading_context() as context:
                job.validate_partition_key(partition, selected_asset_keys=None, context=context)
        return job.get_tags_for_partition_key(partition, selected_asset_keys=None)
    # A user's function makes the tags, and raises what it will.
    except Exception as error:  # noqa: BLE001
        raise Refusal(reasons(error)) from None


def plain_run_config(given: Mapping[str, object] | dg.RunConfig | None) -> Mapping[str, object] | None:
    """A run config as the mapping it stands for."""
    if not isinstance(given, dg.RunConfig):
        return given
    plain: Mapping[str, object] = given.to_config_dict()
    return plain


def run_config_of(
    job: dg.JobDefinition, given: Mapping[str, object] | None, partition: str | None
) -> Mapping[str, object]:
    """The run config that a launch takes: the one given, else that of the partition or of the job.

    A config mapping of the job is applied, as it is at launch. One that cannot do without a config that is
    not given says nothing of the executor.

    Raises:
        Refusal: The config mapping refuses what is given, or a function of the user's fails.
    """
    if given is None and job.run_config is not None:
        return job.run_config
    try:
        if given is None and job.partitioned_config is not None:
            if partition is None:
                return {}
            return job.partitioned_config.get_run_config_for_partition_key(partition)
        if maps_config(job):
            assert job.config_mapping is not None  # noqa: S101 - see maps_config
            mapped: Mapping[str, object] = job.config_mapping.resolve_from_unvalidated_config(given or {})
            return mapped
    # As above.
    except Exception as error:  # noqa: BLE001
        if given is None and isinstance(error, dg.DagsterInvalidConfigError):
            return {}
        raise Refusal(reasons(error)) from None
    return given or {}


def maps_config(job: dg.JobDefinition) -> bool:
    """Whether the run config of a launch is the user's own, out of which the job makes Dagster's."""
    return job.run_config is None and job.config_mapping is not None


def executor_of(
    job: dg.JobDefinition,
    config: Mapping[str, object],
    settled: Callable[[dict[str, Any], Collection[str]], dict[str, Any]],
) -> tuple[dg.Executor, int | None]:
    """The executor of a job, made as a run worker makes it, and how many steps it runs at once.

    A run would resolve the config of every op and resource as well, which may not be at hand.

    Args:
        job: The job.
        config: What a launch says under ``execution: config:``.
        settled: Makes of the accepted config, and the keys its schema has, one that looks for no cluster.
    """
    definition = job.executor_def
    # An empty config would cancel the default that Dagster's own executor has for none.
    given = {_TOP: dict(config)} if config else {}
    accepted = process_config({_TOP: definition.config_schema.as_field()}, given)
    if not accepted.success:
        raise Refusal(reasons(accepted))
    resolved = definition.apply_config_mapping(accepted.value or {})
    if not resolved.success or resolved.value is None:
        raise Refusal(reasons(resolved))
    settings = resolved.value.get(_TOP)
    settings = dict(settings) if isinstance(settings, Mapping) else {}
    context = dg.InitExecutorContext(
        job=InMemoryJob(job),
        executor_def=definition,
        executor_config=settled(settings, _keys(definition)),
        instance=LaunchInstance(None),
    )
    executor = _dagster.create_executor(definition, context)
    return executor, _max_concurrent(executor, settings)


def _keys(executor: ConfigurableDefinition) -> Collection[str]:
    """What can be said to the executor itself, which ``configured`` may hide behind another schema."""
    schema = executor.config_schema
    assert schema is not None  # noqa: S101 - that of an executor is at least one that takes anything
    if isinstance(schema, ConfiguredDefinitionConfigSchema):
        return _keys(schema.parent_def)
    fields: Mapping[str, object] = getattr(schema.as_field().config_type, "fields", None) or {}
    return fields


def _max_concurrent(executor: dg.Executor, config: Mapping[str, Any]) -> int | None:
    """As configured; left out, the multiprocess executor counts the CPUs of where it runs."""
    if isinstance(executor, InProcessExecutor):
        return 1
    of_kind = config.get("multiprocess") or config
    return of_kind.get("max_concurrent") or None


def accepted_config(schema: Mapping[str, Any], config: Mapping[str, object]) -> Mapping[str, Any]:
    """A config as Dagster reads it by a schema: checked, and with its defaults."""
    accepted = process_config(schema, dict(config))
    if not accepted.success or accepted.value is None:
        raise Refusal(reasons(accepted))
    value: Mapping[str, Any] = accepted.value
    return value


def _shortened(message: str) -> str:
    """What is wrong, without all that could be written instead when that is long."""
    wrong, mark, expected = message.partition(" Expected: ")
    wrong = wrong.partition(" You must provide this value in your run config.")[0]
    return wrong if len(expected) > _LONGEST_EXPECTED else wrong + mark + expected


_LONGEST_EXPECTED = 150


def reasons(refused: Any) -> str:
    """What Dagster says, or the exception of the user's own behind it, in one line."""
    errors: Iterable[Any] = getattr(refused, "errors", None) or ()
    said = "; ".join(_shortened(error.message) for error in errors)
    behind = getattr(refused, "user_exception", None) or refused
    if said or not isinstance(behind, Exception) or isinstance(behind, dg.DagsterError):
        return said or " ".join(str(behind).split())
    return f"{type(behind).__name__}: {' '.join(str(behind).split())}"


def reason(error: BaseException) -> str:
    """What an error of Dagster says, in one line and without a traceback."""
    nested = getattr(error, "errors", None)
    if nested:
        return reasons(error)
    return " ".join(str(error).split()) or type(error).__name__
