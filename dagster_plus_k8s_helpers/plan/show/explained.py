"""Where the fields of a pod come from, as a tree for a terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text
from rich.tree import Tree

from dagster_plus_k8s_helpers.plan.merge.fields import paths
from dagster_plus_k8s_helpers.plan.merge.masked import masked, name_within
from dagster_plus_k8s_helpers.plan.show.field_paths import fields_named
from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan.merge.origins import Origin
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod

__all__ = ["explained", "explained_fields"]

_LONGEST = 60


def explained(pod: Pod, title: str, path: str = "") -> Tree:
    """A tree of the fields at and below a path, each with the layer that set it and what was said below.

    Of the end of a path, such as ``memory`` or ``limits.cpu``, every field whose path ends so.

    Values that look like credentials are hidden.

    Args:
        pod: The pod.
        title: What stands at the root of the tree.
        path: The field; the whole Job when empty.

    Raises:
        PlanError: The Job has no such field.
    """
    tree = Tree(Text(one_line(title), style="bold"))
    layers = tree.add(Text("layers, from the lowest up", style="dim"))
    for layer in pod.layers:
        layers.add(Text(one_line(str(layer)), style="dim"))
    if path:
        for found in fields_named(pod.manifest, path):
            _grow(pod, tree, found, found, _name(pod, found))
    else:
        for key in pod.manifest:
            _grow(pod, tree, key, key, key)
    return tree


def _name(pod: Pod, path: str) -> str:
    """What a field goes by that is looked at alone."""
    holder, _, key = path.rpartition(".")
    around = pod.origin(holder).value if holder and key == "value" else None
    return name_within(around, key) if isinstance(around, dict) else key


def _grow(pod: Pod, tree: Tree, label: str, path: str, name: str) -> None:
    origin = pod.origin(path)
    value = origin.value
    if isinstance(value, dict) and value:
        branch = _branch(tree, label, origin, name)
        for key in value:
            _grow(pod, branch, key, f"{path}.{key}", name_within(value, key))
    elif isinstance(value, list) and value:
        branch = _branch(tree, label, origin, name)
        for index in range(len(value)):
            _grow(pod, branch, f"[{index}]", f"{path}[{index}]", name)
    else:
        line = Text(one_line(f"{label}: "))
        line.append(_shown(value, name), style="bold")
        _add(tree, line, origin, name)


def _branch(tree: Tree, label: str, origin: Origin, name: str) -> Tree:
    """An object or a list. Of an object that was merged, its fields tell what was said of it.

    The step's own container is merged too, whichever it is in its list.
    """
    of_containers = origin.path.endswith((".containers", ".containers[0]"))
    is_told_by_fields = of_containers or (isinstance(origin.value, dict) and origin.action != "replaced")
    if of_containers or (is_told_by_fields and not label.startswith("[")):
        return tree.add(Text(one_line(label)))
    return _add(tree, Text(one_line(label)), origin, name, below=not is_told_by_fields)


def _add(tree: Tree, line: Text, origin: Origin, name: str, *, below: bool = True) -> Tree:
    line.append(f"  {origin.action} by {origin.layer.name}", style="cyan")
    added = tree.add(line)
    for said in reversed(origin.below) if below else ():
        verb = "said, overridden:" if said.is_overridden else "said"
        added.add(Text(f"{said.layer.name} {verb} {_shown(said.value, name)}", style="dim"))
    return added


def _shown(value: Any, name: str) -> str:
    text = json.dumps(masked(value, name), ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def explained_fields(pod: Pod, path: str = "") -> list[dict[str, Any]]:
    """The same for programs: each field with its value, the layer that set it, and what the layers below say.

    Args:
        pod: The pod.
        path: The field, as for `explained`.

    Raises:
        PlanError: The Job has no such field.
    """
    wanted = fields_named(pod.manifest, path) if path else list(pod.manifest)
    return [
        {
            "path": field,
            "value": masked(origin.value, _name(pod, field)),
            "layer": origin.layer.name,
            "source": origin.layer.source,
            "action": origin.action,
            "below": [
                {
                    "layer": said.layer.name,
                    "value": masked(said.value, _name(pod, field)),
                    "overridden": said.is_overridden,
                }
                for said in origin.below
            ],
        }
        for top in wanted
        for field, _ in paths(pod.origin(top).value, top)
        for origin in [pod.origin(field)]
    ]
