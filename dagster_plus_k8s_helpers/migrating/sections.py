"""Sections of the platform's files as calls of the classes that they are."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import dagster_plus_k8s_helpers
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.section import Section
from dagster_plus_k8s_helpers.files.sections.server_config import ServerK8sConfig
from dagster_plus_k8s_helpers.migrating import parts, volumes
from dagster_plus_k8s_helpers.migrating.expressions import (
    Call,
    Code,
    Item,
    Items,
    Node,
    literal,
    node_of,
    positional,
)
from dagster_plus_k8s_helpers.migrating.proof import evaluated
from dagster_plus_k8s_helpers.migrating.typed import config_call
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.objects.schema import plain, thaw
from dagster_plus_k8s_helpers.pod.parts import Resources, Toleration, Volume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["CannotSayError", "section_call"]


class CannotSayError(Exception):
    """What has no form in Python."""


def section_call(section: Section) -> Call:
    """A section as the call that makes it; one with keys that its class does not know is read from them.

    Raises:
        CannotSayError: Neither makes the same.
    """
    name = type(section).__name__
    for call in _calls(section, name):
        if _makes(call, section.to_dict()):
            return call
    raise CannotSayError(f"{name} has no form in Python that says the same; this is a gap in migrate")


def _calls(section: Section, name: str) -> Iterable[Call]:
    given = [field for field in type(section).model_fields if field in section.model_fields_set]
    if not section.model_extra:
        for typed in (True, False):
            items = [
                Item(_node(field, getattr(section, field), typed=typed), Code(field, None)) for field in given
            ]
            yield Call(name, tuple(items))
    yield Call(f"{name}.from_dict", positional(node_of(thaw(section.to_dict()))))


def _makes(call: Call, data: object) -> bool:
    try:
        return bool(evaluated(call, {}).to_dict() == data)
    except (AttributeError, K8sConfigError, TypeError, ValueError):
        return False


_BY_FIELD: dict[str, Callable[[Node], Node | None]] = {
    "env": parts.env,
    "image_pull_secrets": lambda node: parts.typed_list(node, parts.image_pull_secrets),
    "resources": parts.resources,
    "tolerations": lambda node: parts.typed_list(node, parts.toleration),
    "volume_mounts": lambda node: parts.typed_list(node, volumes.mount),
    "volumes": lambda node: parts.typed_list(node, volumes.volume),
}
"""What types a field that is kept as Kubernetes' own object."""


def _node(name: str, value: object, *, typed: bool) -> Node:
    if isinstance(value, Section):
        return _section(value)
    if isinstance(value, K8sConfig):
        return _config(value)
    if isinstance(value, tuple | list):
        node: Node = Items("[]", tuple(Item(_node("", item, typed=typed)) for item in value))
    elif is_dataclass(value) and not isinstance(value, type) and _is_public(type(value)):
        return _dataclass(value, typed=typed)
    elif isinstance(value, Resources):
        node = parts.resources(node_of(value.to_dict())) or node_of(value.to_dict())
    elif isinstance(value, dict):
        items = [Item(_node("", item, typed=typed), literal(key)) for key, item in value.items()]
        node = Items("{}", tuple(items))
    else:
        # A text may be of a class that is a text.
        node = node_of(str(value) if isinstance(value, str) else thaw(plain(value)))
    typing = _BY_FIELD.get(name) if typed else None
    return (typing(node) if typing else None) or node


def _section(section: Section) -> Node:
    """A section in another: a switch as what it is set to, and one without a public class by its fields."""
    if set(type(section).model_fields) == {"enabled"} and section.model_fields_set == {"enabled"}:
        return node_of(section.to_dict()["enabled"])
    if _is_public(type(section)):
        return section_call(section)
    given = [field for field in type(section).model_fields if field in section.model_fields_set]
    items = [Item(_node(field, getattr(section, field), typed=True), literal(field)) for field in given]
    return Items("{}", tuple(items))


def _config(config: K8sConfig) -> Call:
    node = node_of(config.to_dict())
    for typed in (True, False):
        call = config_call(node, typed=typed) if isinstance(node, Items) else None
        if call is not None and _makes(call, config.to_dict()):
            return call
    return Call("K8sConfig.from_dict", positional(node))


def _dataclass(value: Any, *, typed: bool) -> Node:
    """An object of this package as the call that makes it, without what is left out."""
    if isinstance(value, Volume):
        return volumes.volume(node_of(thaw(value.to_dict()))) or node_of(thaw(value.to_dict()))
    if isinstance(value, ServerK8sConfig) and value == ServerK8sConfig(value.pod):
        return _config(value.pod)
    if isinstance(value, Toleration):
        return parts.toleration(node_of(value.to_dict())) or node_of(value.to_dict())
    items: list[Item] = []
    for field in fields(value):
        said = getattr(value, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if said != default:
            node = _node(field.name, said, typed=typed)
            is_first = not items and field.default is MISSING and field.default_factory is MISSING
            items.append(Item(node, None if is_first else Code(field.name, None)))
    return Call(type(value).__name__, tuple(items))


def _is_public(kind: type) -> bool:
    return getattr(dagster_plus_k8s_helpers, kind.__name__, None) is kind
