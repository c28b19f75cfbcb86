"""The rule for ``merge_behavior: SHALLOW``: told by what a pod has before and after the layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.check.subjects.registry import of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import POD_SPEC, of_no_one, shown
from dagster_plus_k8s_helpers.files.places import Field
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, PodGroup, Surroundings
    from dagster_plus_k8s_helpers.files.places import PodsOf
    from dagster_plus_k8s_helpers.plan.merge.layers import Layer
    from dagster_plus_k8s_helpers.plan.merge.origins import Stage


SHALLOW_LOSES = Rule(
    "DPK528",
    Severity.WARNING,
    "With merge_behavior SHALLOW each field that the layer writes takes the place of the whole field below: "
    "a mapping loses the keys that are not written again. (A list written anew is what SHALLOW is for, and "
    "is not warned of.) Run tags do it to what the code location writes, too, which then loses the agent's.",
    "repeat what is to be kept, or leave merge_behavior out",
)


@of_pods(SHALLOW_LOSES, whose="any")
def shallow_loses(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """What a layer with ``merge_behavior: SHALLOW`` takes away of the layers below without a word.

    A list that the layer writes anew is the list from there on: that is what SHALLOW is for, and only what
    nobody could have written again, the variables of Dagster+, is lost with it. A mapping that it writes anew
    drops the keys that it does not mention. A field that it does not write at all is lost where it makes
    another layer's take the place of one further down: run tags do that to the code location's.

    The manifests are compared, for none of that is told by the fields of the layer.
    """
    if all(layer.config.get("merge_behavior") != "SHALLOW" for layer in group.pod.layers):
        return
    stages = group.pod.template.history.stages
    for index, (below, stage) in enumerate(pairwise(stages), start=1):
        if stage.layer.config.get("merge_behavior") != "SHALLOW":
            continue
        of_dagster_plus: list[str] = []
        for lost in _lost(below.prefix, stage.prefix, ()):
            by = _layer_of(stages[:index], lost.path)
            if by.name == "Dagster+":
                of_dagster_plus += [key.name for key in lost.path[-1:] if isinstance(key, _Key)]
            elif lost.is_key or not _writes(stage.layer, lost.path):
                where = _shown_path(lost.path)
                instead = f"{_shown_path(lost.path[:-1])} is then {shown(lost.instead)}"
                yield group.hit(
                    SHALLOW_LOSES,
                    f"{stage.layer} is SHALLOW and loses {where}, {shown(lost.value)} by {by}; {instead}",
                    *_in_its_place(stage, lost.path, group.pods),
                    cause=of_no_one(str(stage.layer)),
                    part=f"loses {where} by {by}",
                )
        if of_dagster_plus:
            names = ", ".join(of_dagster_plus)
            text = f"{stage.layer} is SHALLOW and its env loses what Dagster+ sets: {names}"
            yield group.hit(SHALLOW_LOSES, text)


class _Key(NamedTuple):
    """Which element of a list is meant, wherever it stands."""

    name: str
    of: tuple[str, ...]


class _Lost(NamedTuple):
    """A value that is gone, where it was, and what its parent has now."""

    path: tuple[str | _Key, ...]
    value: Any
    instead: Any

    @property
    def is_key(self) -> bool:
        """Whether it is a key of a mapping, and no element of a list."""
        return isinstance(self.path[-1], str)


def _lost(before: Any, after: Any, path: tuple[str | _Key, ...]) -> Iterator[_Lost]:
    items, kept = _items(before, path), _items(after, path)
    for key, value in items.items():
        if key not in kept:
            yield _Lost((*path, key), value, after)
        # An element that the layer itself says anew is not lost; and Dagster never merges these two.
        elif key not in {"command", "args"} and (isinstance(key, str) or _is_of_containers(path)):
            yield from _lost(value, kept[key], (*path, key))


def _is_of_containers(path: tuple[str | _Key, ...]) -> bool:
    return path[-1:] in {("containers",), ("initContainers",)}


def _items(value: Any, path: tuple[str | _Key, ...]) -> Mapping[str | _Key, Any]:
    """What is in an object by key, and in a list by what tells its elements apart."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list) and _is_of_containers(path):
        return {_Key(str(index), ()): item for index, item in enumerate(value)}
    if isinstance(value, list):
        return {_key(item): item for item in value}
    return {}


def _key(item: Any) -> _Key:
    if not isinstance(item, Mapping):
        return _Key(str(item), ())
    if "effect" in item or "operator" in item:
        found = tuple(str(item.get(part, "")) for part in ("key", "operator", "value", "effect"))
        return _Key(":".join(part for part in found if part), found)
    name = item.get("mountPath") or item.get("name") or item.get("key") or _reference(item)
    return _Key(str(name), ())


def _reference(item: Mapping[str, Any]) -> str:
    """What an entry of ``envFrom`` or the like is about."""
    return ", ".join(
        f"{kind} {value['name']}" if isinstance(value, Mapping) and "name" in value else f"{kind} {value}"
        for kind, value in item.items()
    )


_SECTIONS: tuple[tuple[tuple[str | _Key, ...], str], ...] = (
    (("spec", "template", "spec", "containers", _Key("0", ())), "container_config"),
    (("spec", "template", "spec"), "pod_spec_config"),
    (("spec", "template", "metadata"), "pod_template_spec_metadata"),
    (("metadata",), "job_metadata"),
    (("spec",), "job_spec_config"),
    ((), "job_config"),
)
"""Where ``dagster_k8s`` puts the sections of a config, the innermost first."""


def _writes(layer: Layer, path: tuple[str | _Key, ...]) -> bool:
    """Whether a layer itself writes the field that a path leads into: those are what SHALLOW replaces."""
    section, field = _field_of(path)
    return any(name.replace("_", "").lower() == field.lower() for name in layer.config.get(section) or {})


def _field_of(path: tuple[str | _Key, ...]) -> tuple[str, str]:
    """The section of a config, and the field in it, that a path leads into."""
    within, section = next(item for item in _SECTIONS if path[: len(item[0])] == item[0])
    return section, str(path[len(within)]) if len(path) > len(within) else ""


def _in_its_place(stage: Stage, path: tuple[str | _Key, ...], pods: PodsOf) -> Iterator[Field]:
    """The field of a layer that takes the place of what is lost."""
    section, field = _field_of(path)
    if _writes(stage.layer, path):
        yield Field(stage.layer.name, (section, field), pods)


def _layer_of(stages: Sequence[Stage], path: tuple[str | _Key, ...]) -> Layer:
    """The topmost layer that brought what is lost."""
    found = stages[0].layer
    before: Any = None
    for stage in stages:
        value = _at(stage.prefix, path)
        if value is not None and value != before:
            found = stage.layer
        before = value
    return found


def _at(manifest: Any, path: tuple[str | _Key, ...]) -> Any:
    for depth, key in enumerate(path):
        manifest = _items(manifest, path[:depth]).get(key)
    return manifest


def _shown_path(path: tuple[str | _Key, ...]) -> str:
    text = "".join(f"[{key.name}]" if isinstance(key, _Key) else f".{key}" for key in path).removeprefix(".")
    return text.removeprefix(f"{POD_SPEC}.")
