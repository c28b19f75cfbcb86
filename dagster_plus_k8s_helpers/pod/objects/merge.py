"""Merging two Kubernetes objects: the right one wins, lists merge by their Kubernetes merge key."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.pod.objects.merge_keys import MERGE_KEYS, identity
from dagster_plus_k8s_helpers.pod.objects.schema import FieldType, KubernetesObject, field_types

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["merge"]

# These hold one of several alternatives, so that the fields of two cannot be mixed.
_REPLACED_WHOLE = {
    "V1AppArmorProfile",
    "V1EnvFromSource",
    "V1EnvVar",
    "V1LifecycleHandler",
    "V1Probe",
    "V1SeccompProfile",
    "V1Volume",
    "V1VolumeMount",
}


def merge(model: str, left: KubernetesObject, right: KubernetesObject) -> KubernetesObject:
    """A new object with everything both say; where both say something, what ``right`` says.

    Associative, and an empty object on either side changes nothing. Both arguments must come from
    `schema.read`; neither is changed.
    """
    if not left or not right:
        return left or right
    if model == "V1ResourceRequirements":
        left = _without_amounts_of(left, right)
    types = field_types(model)
    merged = dict(left)
    for name, value in right.items():
        merged[name] = _merge_field(name, types[name], left[name], value) if name in left else value
    return merged


def _merge_field(name: str, field: FieldType, left: Any, right: Any) -> Any:
    if field.kind == "model" and field.model not in _REPLACED_WHOLE:
        return merge(field.model, left, right)
    if field.kind == "dict":
        return {**left, **right}
    if field.kind == "list" and name in MERGE_KEYS and field.of is not None:
        return _merge_lists(name, field.of, left, right)
    return right


def _merge_lists(name: str, item_type: FieldType, left: list[Any], right: list[Any]) -> list[Any]:
    merged = dict(_numbered(name, left))
    for key, item in _numbered(name, right):
        if key in merged and item_type.kind == "model" and item_type.model not in _REPLACED_WHOLE:
            merged[key] = merge(item_type.model, merged[key], item)
        else:
            merged[key] = item
    return list(merged.values())


def _numbered(name: str, items: list[Any]) -> Iterator[tuple[object, Any]]:
    """Each item under what tells it apart and how many of its kind stand before it."""
    seen: Counter[object] = Counter()
    for item in items:
        key = identity(name, item)
        yield (key, seen[key]), item
        seen[key] += 1


def _without_amounts_of(left: KubernetesObject, right: KubernetesObject) -> KubernetesObject:
    """``left`` without what it says of resources that ``right`` names.

    A request of one side must not meet a limit of the other: `cpu="1"` on the right means one CPU
    requested and one at most, whatever the left requested.
    """
    named = {*right.get("limits", ()), *right.get("requests", ())}
    kept = dict(left)
    for side in ("limits", "requests"):
        if left.get(side):
            kept[side] = {name: amount for name, amount in left[side].items() if name not in named}
            if not kept[side]:
                del kept[side]
    return kept
