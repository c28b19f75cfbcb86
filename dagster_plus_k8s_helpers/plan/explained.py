"""Where the fields of a pod come from, as a tree for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan.origins import Origin
    from dagster_plus_k8s_helpers.plan.pods import Pod

__all__ = ["explained"]

_LONGEST = 60


def explained(pod: Pod, title: str, path: str = "") -> Tree:
    """A tree of the fields at and below a path, each with the layer that set it and what was said below.

    Args:
        pod: The pod.
        title: What stands at the root of the tree.
        path: The field; the whole Job when empty.

    Raises:
        PlanError: The Job has no such field.
    """
    tree = Tree(Text(title, style="bold"))
    layers = tree.add(Text("layers, from the lowest up", style="dim"))
    for layer in pod.layers:
        layers.add(Text(str(layer), style="dim"))
    if path:
        origin = pod.origin(path)
        _grow(pod, tree, path, path, origin.value)
    else:
        for key, value in pod.manifest.items():
            _grow(pod, tree, key, key, value)
    return tree


def _grow(pod: Pod, tree: Tree, label: str, path: str, value: Any) -> None:
    if isinstance(value, dict) and value:
        branch = tree.add(Text(label))
        for key, item in value.items():
            _grow(pod, branch, key, f"{path}.{key}", item)
    elif isinstance(value, list) and value:
        branch = tree.add(Text(label))
        for index, item in enumerate(value):
            _grow(pod, branch, f"[{index}]", f"{path}[{index}]", item)
    else:
        _add_leaf(tree, label, pod.origin(path))


def _add_leaf(tree: Tree, label: str, origin: Origin) -> None:
    line = Text(f"{label}: ")
    line.append(_shown(origin.value), style="bold")
    line.append(f"  {origin.action} by {origin.layer.name}", style="cyan")
    leaf = tree.add(line)
    for said in reversed(origin.below):
        verb = "said, overridden:" if said.is_overridden else "said"
        leaf.add(Text(f"{said.layer.name} {verb} {_shown(said.value)}", style="dim"))


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
