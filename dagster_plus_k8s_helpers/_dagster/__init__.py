"""Everything this package takes from inside Dagster that Dagster does not export, in one place.

What planning alone takes is in `planning` and `launching`, and what runs with a run in `execution`.

Each function says why nothing public will do. `tests/test_dagster_internals.py` fails when one moves.
"""

from __future__ import annotations

import copy
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

import dagster as dg
from dagster._core.definitions.assets.definition.cacheable_assets_definition import CacheableAssetsDefinition
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.events import DagsterEvent
from dagster._serdes import deserialize_value, serialize_value
from dagster._utils.warnings import disable_dagster_warnings
from dagster.components.definitions import LazyDefinitions
from dagster_shared.record import replace

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, SelectionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dagster._core.definitions.definition_config_schema import IDefinitionConfigSchema
    from dagster._core.definitions.executor_definition import ExecutorRequirement

OPEN = (
    "components",
    "endings",
    "event_pages",
    "execution",
    "executor_config",
    "late_events",
    "launching",
    "paged_executor",
    "partitions",
    "planning",
    "step_arguments",
    "step_facts",
)
"""The modules of it that other rooms may use, beside what it says itself."""

__all__ = [
    "CacheableAssetsDefinition",
    "DagsterEvent",
    "ExecutorFactory",
    "LateExecutorDefinition",
    "LazyDefinitions",
    "config_fields",
    "create_executor",
    "deserialize_value",
    "op_of_source_asset",
    "rebuilt_graph",
    "selected_keys",
    "selection_from_text",
    "serialize_value",
    "with_definitions",
    "with_node",
    "with_op_tags",
    "with_source_asset_op_tags",
    "with_specs",
    "with_targets",
]

P = ParamSpec("P")
Automation = TypeVar("Automation", dg.ScheduleDefinition, dg.SensorDefinition)


class LateExecutorDefinition(dg.ExecutorDefinition):
    """An executor that is made when Dagster first looks at its config or runs it.

    A definition takes its config schema at once, and the schema of the k8s executor comes with
    ``dagster_k8s`` and ``kubernetes``: the better part of a second, for nothing when another executor of
    `executor_for_deployment` is the one that runs.

    Args:
        name: Name of the executor.
        make: Makes it.
    """

    def __init__(self, name: str, make: Callable[[], dg.ExecutorDefinition]) -> None:
        self._make = make
        super().__init__(
            name=name,
            requirements=self._late_requirements,
            executor_creation_fn=lambda context: create_executor(self._made, context),
        )

    def _late_requirements(self, config: Mapping[str, object]) -> Sequence[ExecutorRequirement]:
        return self._made.get_requirements(config)

    @cached_property
    def _made(self) -> dg.ExecutorDefinition:
        return self._make()

    @property
    def config_schema(self) -> IDefinitionConfigSchema:
        """The schema of the executor that is made."""
        return self._made.config_schema


class ExecutorFactory(LateExecutorDefinition, Generic[P]):
    """A function that makes executors, and itself the one that it makes without arguments.

    Dagster's own executors are definitions and stand in ``Definitions`` without a call, so users write
    ``executor=k8s_executor``; a mere function is refused there with a text that does not say why.

    Args:
        make: The function.
    """

    def __init__(self, make: Callable[P, dg.ExecutorDefinition]) -> None:
        super().__init__("k8s", make)
        self._make_another = make
        update_wrapper(self, make)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> dg.ExecutorDefinition:
        """An executor with these settings."""
        return self._make_another(*args, **kwargs)

    def __reduce__(self) -> str:
        return self._make_another.__name__  # as a function is pickled: by its name


def config_fields(executor: dg.ExecutorDefinition) -> Mapping[str, dg.Field]:
    """The fields of an executor's config; an executor definition tells its schema to Dagster alone."""
    fields: Mapping[str, dg.Field] = executor.config_schema.config_type.fields  # type: ignore[union-attr] # a Shape
    return fields


def create_executor(executor: dg.ExecutorDefinition, init_context: dg.InitExecutorContext) -> dg.Executor:
    """What an executor definition makes of a config; ``configured`` would leave a launch nothing to say."""
    create = executor.executor_creation_fn
    assert create is not None  # noqa: S101 - every executor of a library has one
    return create(init_context)


def selection_from_text(text: str) -> dg.AssetSelection:
    """Dagster's selection syntax over every asset, observable sources too, which is a beta parameter."""
    with disable_dagster_warnings():
        try:
            return dg.AssetSelection.from_string(text, include_sources=True)
        except dg.DagsterError as error:
            raise SelectionError(f"{text!r} is not in Dagster's selection syntax: {error}") from None


def with_op_tags(op: dg.OpDefinition, tags: Mapping[str, str]) -> dg.OpDefinition:
    """A copy of an op with other tags.

    ``OpDefinition.with_replaced_properties`` always keeps the tags; making a new one would lose its
    subclass and whatever a later Dagster gives an op.
    """
    changed = copy.copy(op)
    changed._tags = dict(tags)
    if dict(changed.tags) != dict(tags):
        raise DagsterPlusK8sError("this release of dagster keeps the tags of an op in another place")
    return changed


def with_node(assets: dg.AssetsDefinition, node: dg.OpDefinition | dg.GraphDefinition) -> dg.AssetsDefinition:
    """A copy of an assets definition computed by another op or graph.

    The same steps as in ``AssetsDefinition.with_resources``, which every ``Definitions`` takes.
    """
    with disable_dagster_warnings():
        return type(assets)(**{**assets.get_attributes_dict(), "node_def": node})


def op_of_source_asset(source: dg.SourceAsset) -> dg.OpDefinition | None:
    """The op that observes a source asset, when it is observable."""
    return source.op if source.is_observable else None


def with_source_asset_op_tags(source: dg.SourceAsset, tags: Mapping[str, str]) -> dg.SourceAsset:
    """A copy of an observable source asset whose op has other tags; its constructor takes no node."""
    changed = copy.copy(source)
    changed.op_tags = dict(tags)
    changed._node_def = None
    return changed


def rebuilt_graph(
    graph: dg.GraphDefinition,
    *,
    name: str,
    node_defs: Sequence[dg.OpDefinition | dg.GraphDefinition],
    dependencies: Mapping[Any, Any],
) -> dg.GraphDefinition:
    """A graph with other nodes and dependencies and everything else as it is.

    ``GraphDefinition.copy`` loses the composition function and the order of the inputs.
    """
    return dg.GraphDefinition(
        name=name,
        description=graph.description,
        node_defs=node_defs,
        dependencies=dict(dependencies),
        input_mappings=graph.input_mappings,
        output_mappings=graph.output_mappings,
        config=graph.config_mapping,
        tags=graph.tags,
        input_assets=graph.input_assets,
        composition_fn=graph.composition_fn,
        positional_inputs=graph.positional_inputs,
    )


def selected_keys(
    assets: Iterable[dg.AssetsDefinition | dg.SourceAsset | dg.AssetSpec], selection: dg.AssetSelection
) -> set[dg.AssetKey | dg.AssetCheckKey]:
    """Keys of the assets and checks of a selection.

    ``Definitions.resolve_asset_graph`` would want every resource to be there.
    """
    known = [dg.AssetsDefinition(specs=[item]) if isinstance(item, dg.AssetSpec) else item for item in assets]
    with disable_dagster_warnings():
        graph = AssetGraph.from_assets([*known, *_stand_ins(known)])
    return {*selection.resolve(graph), *selection.resolve_checks(graph)}


def _stand_ins(assets: Sequence[dg.AssetsDefinition | dg.SourceAsset]) -> list[dg.AssetsDefinition]:
    """External assets for the inputs that none of the assets produces: a graph wants them all.

    Dagster may resolve an input to another asset by its last part within a group or by its table's name;
    such an input gets none.
    """
    specs = [spec for item in assets if isinstance(item, dg.AssetsDefinition) for spec in item.specs]
    keys = {spec.key for spec in specs} | {item.key for item in assets if isinstance(item, dg.SourceAsset)}
    by_name = {(spec.group_name, spec.key.path[-1]) for spec in specs}
    absent = {
        dep.asset_key
        for spec in specs
        for dep in spec.deps
        if dep.asset_key not in keys
        and not dep.metadata
        and (spec.group_name, dep.asset_key.path[0]) not in by_name
    }
    return [dg.AssetsDefinition(specs=[dg.AssetSpec(key)]) for key in absent]


def with_targets(automation: Automation, rewrite: Any) -> Automation:
    """A copy of a schedule or sensor whose target holds rewritten assets; neither has a setter."""
    changed = copy.copy(automation)
    if isinstance(changed, dg.ScheduleDefinition):
        changed._target = _rewritten(changed.target, rewrite)
    else:
        changed._targets = [_rewritten(target, rewrite) for target in changed.targets]
    return changed


def _rewritten(target: Any, rewrite: Any) -> Any:
    return target._replace(assets_defs=[rewrite(item) for item in target.assets_defs])


def with_definitions(definitions: dg.Definitions, **fields: Any) -> dg.Definitions:
    """A copy of definitions with some fields replaced and every other one, new ones too, as it is."""
    changed: dg.Definitions = replace(definitions, **fields)
    return changed


def with_specs(definitions: dg.Definitions, update: Callable[[dg.AssetSpec], dg.AssetSpec]) -> dg.Definitions:
    """A copy of definitions with other asset specs, in the targets of schedules and sensors as well.

    ``Definitions.map_asset_specs`` leaves those with the assets as they were, which Dagster then refuses
    as a second definition of the same asset.
    """
    done: dict[int, Any] = {}

    def updated(item: Any) -> Any:
        if not isinstance(item, dg.AssetsDefinition | dg.AssetSpec):
            return item
        if id(item) not in done:
            with disable_dagster_warnings():
                done[id(item)] = next(iter(dg.map_asset_specs(update, [item])))
        return done[id(item)]

    fields: dict[str, list[Any]] = {
        "assets": [updated(item) for item in definitions.assets or ()],
        "schedules": [_retargeted(item, updated) for item in definitions.schedules or ()],
        "sensors": [_retargeted(item, updated) for item in definitions.sensors or ()],
    }
    return with_definitions(definitions, **{name: items for name, items in fields.items() if items})


def _retargeted(automation: Any, update: Callable[[Any], Any]) -> Any:
    if isinstance(automation, dg.ScheduleDefinition):
        held = list(automation.target.assets_defs)
    elif isinstance(automation, dg.SensorDefinition):
        held = [item for target in automation.targets for item in target.assets_defs]
    else:
        return automation
    return with_targets(automation, update) if held else automation
