"""Rewriting the op tags of assets that are defined already; what is passed in stays as it is."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import dagster as dg

from dagster_plus_k8s_helpers import _dagster
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, SelectionError

__all__ = ["Assets", "Selection", "Update", "rewrite_op_tags"]

Tags: TypeAlias = Mapping[str, str]

Update: TypeAlias = Callable[[str, Tags], Mapping[str, Any]]
"""From the name of an op and its tags to the tags it shall have."""

Selection: TypeAlias = str | dg.AssetSelection | Callable[[dg.AssetSpec], bool]
"""Dagster's selection syntax, a selection object, or what says yes or no to each spec."""

Assets: TypeAlias = dg.AssetsDefinition | dg.SourceAsset | dg.AssetSpec | dg.OpDefinition | dg.GraphDefinition
"""What can stand in a list beside assets: ops and graphs too, which no selection reaches."""

# The same original with the same new tags must become the same object, across calls: Dagster refuses two
# different definitions of one name in a job or repository.
_LOCK = threading.Lock()
_REWRITTEN: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


def rewrite_op_tags(target: Any, update: Update, selection: Selection | None = None) -> Any:
    """A copy of definitions, of a list of assets or of one asset, with the tags of selected ops updated.

    Raises:
        SelectionError: Nothing selected is computed by an op.
        DagsterPlusK8sError: A case that Dagster has no room for.
    """
    if isinstance(target, dg.Definitions):
        return _rewrite_definitions(target, update, selection)
    if isinstance(target, Assets):
        return _Rewriter([target], update, selection).rewrite_all()[0]
    if isinstance(target, str) or not isinstance(target, Iterable):
        target = [target]
    return _Rewriter(list(target), update, selection).rewrite_all()


def _rewrite_definitions(
    definitions: dg.Definitions, update: Update, selection: Selection | None
) -> dg.Definitions:
    assets, checks = list(definitions.assets or ()), list(definitions.asset_checks or ())
    schedules, sensors = list(definitions.schedules or ()), list(definitions.sensors or ())
    rewriter = _Rewriter([*assets, *checks, *_only_in_targets(assets, schedules, sensors)], update, selection)
    rewriter.rewrite_all()

    def rewritten(automation: Any) -> Any:
        return _dagster.with_targets(automation, rewriter) if _target_assets(automation) else automation

    fields: dict[str, list[Any]] = {
        "assets": [rewriter(asset) for asset in assets],
        "asset_checks": [rewriter(check) for check in checks],
        "schedules": [rewritten(schedule) for schedule in schedules],
        "sensors": [rewritten(sensor) for sensor in sensors],
    }
    return _dagster.with_definitions(definitions, **{name: items for name, items in fields.items() if items})


def _target_assets(automation: Any) -> list[Any]:
    """The assets that a schedule or sensor holds itself, as ``target=[asset]`` makes it."""
    if isinstance(automation, dg.ScheduleDefinition):
        return list(automation.target.assets_defs)
    if isinstance(automation, dg.SensorDefinition):
        return [asset for target in automation.targets for asset in target.assets_defs]
    return []


def _only_in_targets(assets: list[Any], schedules: list[Any], sensors: list[Any]) -> list[Any]:
    known = {key for asset in assets if isinstance(asset, dg.AssetsDefinition) for key in asset.keys}
    held = [asset for automation in (*schedules, *sensors) for asset in _target_assets(automation)]
    return [asset for asset in held if not (isinstance(asset, dg.AssetsDefinition) and asset.keys <= known)]


class _Rewriter:
    """Rewrites assets one by one; the same object in gives the same object out."""

    def __init__(self, items: list[Any], update: Update, selection: Selection | None) -> None:
        for item in items:
            if not isinstance(item, Assets | _dagster.CacheableAssetsDefinition):
                raise SelectionError(
                    f"{type(item).__name__} is neither an asset nor an op; pass Definitions, assets, checks, "
                    "ops or graphs"
                )
            if isinstance(item, _dagster.CacheableAssetsDefinition):
                raise SelectionError(
                    f"the assets of {type(item).__name__} are not known before they load; apply the config "
                    "in its build_definitions"
                )
        self._items = items
        self._update = update
        self._selection = selection
        self._keys = _selected(items, selection)
        self._done: dict[int, Any] = {}

    def rewrite_all(self) -> list[Any]:
        rewritten = [self(item) for item in self._items]
        if not any(self._is_selected(item) for item in self._items):
            found = ", ".join(sorted(key.to_user_string() for key in self._keys)[:5])
            raise SelectionError(
                f"the selection {_shown(self._selection)} reaches only assets without an op of their own "
                f"(external and source assets): {found}"
                if self._keys
                else f"the selection {_shown(self._selection)} matches no asset"
            )
        return rewritten

    def __call__(self, item: Any) -> Any:
        if id(item) not in self._done:
            self._done[id(item)] = self._rewrite(item) if self._is_selected(item) else item
        return self._done[id(item)]

    def _is_selected(self, item: Any) -> bool:
        if isinstance(item, dg.AssetsDefinition):
            return item.is_executable and bool(self._keys & {*item.keys, *item.check_keys})
        if isinstance(item, dg.SourceAsset):
            return _dagster.op_of_source_asset(item) is not None and item.key in self._keys
        return isinstance(item, dg.OpDefinition | dg.GraphDefinition) and self._selection is None

    def _rewrite(self, item: Any) -> Any:
        if isinstance(item, dg.SourceAsset):
            tags = _updated(item.op.name, item.op.tags, self._update)
            return _dagster.with_source_asset_op_tags(item, tags)
        if not isinstance(item, dg.AssetsDefinition):
            return _rewrite_node(item, self._update)
        node = _rewrite_node(item.node_def, self._update)
        return item if node is item.node_def else _dagster.with_node(item, node)


def _selected(items: Iterable[Any], selection: Selection | None) -> set[dg.AssetKey | dg.AssetCheckKey]:
    assets = [item for item in items if isinstance(item, dg.AssetsDefinition | dg.SourceAsset | dg.AssetSpec)]
    written = selection
    if isinstance(selection, str):
        selection = _dagster.selection_from_text(selection)
    if not isinstance(selection, dg.AssetSelection | None) and not _is_function(selection):
        raise SelectionError(
            f"a selection must be text, an AssetSelection or a function of AssetSpec, not {selection!r}"
        )
    if isinstance(selection, dg.AssetSelection):
        try:
            return _dagster.selected_keys(assets, selection)
        except dg.DagsterInvalidSubsetError:
            raise SelectionError(f"the selection {_shown(written)} matches no asset") from None
    specs = [spec for asset in assets for spec in _specs(asset)]
    chosen = {spec.key for spec in specs if selection is None or selection(spec)}
    checks = {key for asset in assets if isinstance(asset, dg.AssetsDefinition) for key in asset.check_keys}
    return {*chosen, *(key for key in checks if selection is None or key.asset_key in chosen)}


def _is_function(selection: object) -> bool:
    """Whether it can be asked of a spec; an asset is callable too."""
    return callable(selection) and not isinstance(selection, Assets)


def _specs(asset: dg.AssetsDefinition | dg.SourceAsset | dg.AssetSpec) -> list[dg.AssetSpec]:
    if isinstance(asset, dg.AssetSpec):
        return [asset]
    if isinstance(asset, dg.AssetsDefinition):
        return list(asset.specs)
    return [
        dg.AssetSpec(
            asset.key,
            group_name=asset.group_name,
            tags=asset.tags,
            metadata=asset.raw_metadata,
            description=asset.description,
        )
    ]


def _rewrite_node(node: Any, update: Update) -> Any:
    return _rewrite_graph(node, update) if isinstance(node, dg.GraphDefinition) else _rewrite_op(node, update)


def _rewrite_op(op: dg.OpDefinition, update: Update) -> dg.OpDefinition:
    tags = _updated(op.name, op.tags, update)
    if tags == dict(op.tags):
        return op
    key = json.dumps(tags, sort_keys=True)
    rewritten: dg.OpDefinition = _once(op, key, lambda: _dagster.with_op_tags(op, tags))
    return rewritten


def _rewrite_graph(graph: dg.GraphDefinition, update: Update, *, nested: bool = False) -> dg.GraphDefinition:
    """Puts the tags on the invocations of the ops in a graph.

    They win over the op's own, and leave the op itself the same object, which other graphs and jobs of
    the repository may share.
    """
    if graph.is_subselected:
        raise DagsterPlusK8sError(f"the graph {graph.name!r} is a part of another one; apply it to the whole")
    by_name = {
        invocation.alias or invocation.name: (invocation, deps)
        for invocation, deps in graph.dependencies.items()
    }
    definitions: dict[int, Any] = {}
    dependencies: dict[Any, Any] = {}
    for name, node in sorted(graph.node_dict.items()):
        invocation, deps = by_name.get(name, (dg.NodeInvocation(name), {}))
        definition: Any = node.definition
        tags = dict(invocation.tags)
        if isinstance(definition, dg.GraphDefinition):
            definition = _rewrite_graph(definition, update, nested=True)
        else:
            tags |= _updated(f"{graph.name}.{name}", node.tags, update)
            tags = {k: v for k, v in tags.items() if k in invocation.tags or definition.tags.get(k) != v}
        definitions[id(definition)] = definition
        alias = name if name != definition.name else None
        dependencies[invocation._replace(name=definition.name, alias=alias, tags=tags)] = deps
    key = json.dumps([[i.name, i.alias, sorted(i.tags.items())] for i in dependencies])
    # An untouched nested graph of this name may be in the same job. Renaming it leaves its node's name, and
    # with it step keys and config, as they are; the top-level graph's own name is that of its node.
    name = f"{graph.name}__{hashlib.sha256(key.encode()).hexdigest()[:8]}" if nested else graph.name
    rewritten: dg.GraphDefinition = _once(
        graph,
        name + key,
        lambda: _dagster.rebuilt_graph(
            graph, name=name, node_defs=list(definitions.values()), dependencies=dependencies
        ),
    )
    return rewritten


def _updated(name: str, tags: Tags, update: Update) -> dict[str, str]:
    return {k: v if isinstance(v, str) else json.dumps(v) for k, v in update(name, tags).items()}


def _once(original: Any, key: str, make: Callable[[], Any]) -> Any:
    with _LOCK:
        made = _REWRITTEN.setdefault(original, {})
        if key not in made:
            made[key] = make()
        return made[key]


def _shown(selection: Selection | None) -> str:
    if selection is None:
        return "(everything)"
    return repr(selection) if isinstance(selection, str) else str(selection)
