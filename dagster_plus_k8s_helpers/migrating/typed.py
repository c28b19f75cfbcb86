"""What ``dagster-k8s/config`` holds, as the arguments of `K8sConfig`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.migrating import parts, volumes
from dagster_plus_k8s_helpers.migrating.expressions import (
    Call,
    Code,
    Item,
    Items,
    Node,
    comments_of,
    gathered,
)
from dagster_plus_k8s_helpers.migrating.fields import by_key, fields_of
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import RAW_FIELDS, SECTIONS
from dagster_plus_k8s_helpers.pod.queues import KUEUE_PRIORITY, KUEUE_QUEUE
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["config_call", "config_items", "tags_call", "with_names"]

_NAMES = {(row.section, row.key): name for name, row in K8sConfig.FIELDS.items()}
_RAW = {section: name for name, section in RAW_FIELDS.items()}
_QUEUES = {KUEUE_QUEUE: "queue", KUEUE_PRIORITY: "priority_class"}

_TYPED: dict[str, Callable[[Node], Node | None]] = {
    "resources": parts.resources,
    "tolerations": lambda node: parts.typed_list(node, parts.toleration),
    "env": parts.env,
    "env_from": lambda node: parts.typed_list(node, parts.env_from),
    "image_pull_secrets": lambda node: parts.typed_list(node, parts.image_pull_secrets),
    "init_containers": lambda node: parts.typed_list(
        node, lambda given: parts.container(given, volumes.mount)
    ),
}
"""What types a field; `_pair` does it for volumes and their mounts, which belong together."""


def config_items(config: Items, *, typed: bool = True) -> tuple[Item, ...] | None:
    """The arguments of `K8sConfig` that say what a dictionary says; ``None`` where its keys are not known.

    Args:
        config: The dictionary.
        typed: Whether resources, volumes and the like become objects of their own.
    """
    known = spellings(*SECTIONS, "merge_behavior")
    sections = by_key(config)
    if sections is None:
        return None
    found: dict[str, Item] = {}
    for key, item in sections.items():
        name = known.get(key)
        if name is None:
            return None
        if name == "merge_behavior":
            found[name] = _argument(name, item, item.node)
        else:
            _add_section(found, name, item, typed=typed)
    if typed:
        _pair(found)
    return tuple(found.values())


def config_call(config: Items, *, typed: bool = True) -> Call | None:
    """``K8sConfig(...)`` for a dictionary."""
    items = config_items(config, typed=typed)
    return None if items is None else Call("K8sConfig", items, below=config.below)


def tags_call(config: Items, *, typed: bool = True) -> Call | None:
    """``k8s_tags(...)`` for a dictionary: the arguments of `Resources` are its own."""
    items = config_items(config, typed=typed)
    if items is None:
        return None
    flat: list[Item] = []
    for item in items:
        if isinstance(item.node, Call) and item.node.function == "Resources":
            first, *others = item.node.items
            above = (*item.above, *item.node.below, *((item.beside,) if item.beside else ()), *first.above)
            flat += [replace(first, above=above), *others]
        else:
            flat.append(item)
    return Call("k8s_tags", tuple(flat), below=config.below)


def _argument(name: str, item: Item, node: Node) -> Item:
    said = item.of(node)
    return Item(said.node, Code(name, None), above=said.above, beside=said.beside)


def _add_section(found: dict[str, Item], section: str, item: Item, *, typed: bool) -> None:
    fields = fields_of(item.node, SECTIONS[section])
    raw = _RAW[section]
    if fields is None or not isinstance(item.node, Items):
        found[raw] = _argument(raw, item, item.node)
        return
    own: dict[str, Item] = {}
    rest: list[Item] = []
    for key, given in fields.items():
        name = _NAMES.get((section, key))
        if name is not None:
            typing = _TYPED.get(name) if typed else None
            own[name] = _argument(name, given, (typing(given.node) if typing else None) or given.node)
        elif typed and section == "job_metadata" and key == "labels":
            rest += _queued(own, given)
        else:
            rest.append(given)
    above = (*item.above, *item.node.below, *((item.beside,) if item.beside else ()))
    if rest:
        own[raw] = Item(Items("{}", tuple(rest)), Code(raw, None))
    if own and above:
        first = next(iter(own))
        own[first] = replace(own[first], above=(*above, *own[first].above))
    found.update(own)


def _queued(own: dict[str, Item], labels: Item) -> list[Item]:
    """Takes the labels of Kueue out of those of a Job; what is left of them."""
    named = by_key(labels.node)
    if named is None or not isinstance(labels.node, Items):
        return [labels]
    for key, name in _QUEUES.items():
        if key in named:
            own[name] = _argument(name, named[key], named[key].node)
    kept = tuple(item for key, item in named.items() if key not in _QUEUES)
    if not kept and not list(comments_of(Items("{}", (), labels.node.below))) and len(named) > len(kept):
        return []
    return [replace(labels, node=Items("{}", kept, labels.node.below))]


def _pair(found: dict[str, Item]) -> None:
    """Types volumes and mounts, and says of each volume where it is mounted, as far as `Volume` can."""
    volume, mount = found.get("volumes"), found.get("volume_mounts")
    if volume is not None and mount is not None and _is_list(volume.node) and _is_list(mount.node):
        typed, left = volumes.paired(_as_items(volume.node), _as_items(mount.node))
        found["volumes"] = replace(volume, node=typed)
        if left.items or left.below:
            found["volume_mounts"] = replace(mount, node=left)
        else:
            del found["volume_mounts"]
            above, beside = gathered([replace(mount, node=Code("", None))])
            more = (*volume.above, *above, *((beside,) if beside else ()))
            found["volumes"] = replace(found["volumes"], above=more)
        return
    for item, name, typing in ((volume, "volumes", volumes.volume), (mount, "volume_mounts", volumes.mount)):
        node = None if item is None else parts.typed_list(item.node, typing)
        if item is not None and node is not None:
            found[name] = replace(item, node=node)


def _is_list(node: Node) -> bool:
    return isinstance(node, Items) and not node.is_mapping


def _as_items(node: Node) -> Items:
    assert isinstance(node, Items)  # noqa: S101 - for the type checker: _is_list has said so
    return node


def with_names(node: Node, names: dict[str, str]) -> Node:
    """The expression with what it calls under the names that a module has for it."""
    if isinstance(node, Code):
        return node
    items = tuple(replace(item, node=with_names(item.node, names)) for item in node.items)
    if isinstance(node, Items):
        return replace(node, items=items)
    head, dot, rest = node.function.partition(".")
    return replace(node, items=items, function=f"{names.get(head, head)}{dot}{rest}")
