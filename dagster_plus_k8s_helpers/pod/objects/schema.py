"""Kubernetes' own field names and types, and reading objects by them.

Any object may be spelt in camelCase or snake_case; `read` returns it in snake_case with every field
known, every value of the right type, and every quantity as a `Quantity`. The table behind it is
generated from the models of the `kubernetes` package, which this package must not import for its own
import to stay cheap.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias

from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.amounts.checks import amount_of
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.immutable import Checked
from dagster_plus_k8s_helpers.pod.objects.merge_keys import check_unique

__all__ = [
    "Check",
    "FieldType",
    "KubernetesObject",
    "field_types",
    "models",
    "plain_text",
    "read",
    "shown_name",
    "thaw",
    "to_camel_case",
]

KubernetesObject: TypeAlias = dict[str, Any]
"""A Kubernetes object as JSON: what a field holds is known from the table only."""

Check: TypeAlias = Callable[[str, KubernetesObject], None]
"""Says what is wrong with the values of one object of a model, by raising K8sConfigError."""


@dataclass(frozen=True, slots=True)
class FieldType:
    """What one field of one model holds."""

    camel: str
    kind: str  # str, int, bool, quantity, datetime, object, list, dict or model
    of: FieldType | None = None  # what a list or dict holds
    model: str = ""


@cache
def field_types(model: str) -> Mapping[str, FieldType]:
    """The fields of a model such as ``V1PodSpec``, by their snake_case names."""
    return {name: _field_type(camel, kind) for name, (camel, kind) in _table()[model].items()}


def models() -> Iterable[str]:
    """The name of every model that is known."""
    return _table()


def read(model: str, value: object, check: Check) -> KubernetesObject:
    """``value`` as an object of ``model``, checked and in snake_case.

    Args:
        model: Name of the model in the ``kubernetes`` package, such as ``V1Container``.
        value: The object; a `Checked` one is taken as it is, and any other with a ``to_dict`` method stands
            for what that returns.
        check: What to check beyond names and types.

    Raises:
        UnknownFieldError: A field does not exist, at any depth.
        K8sConfigError: A value has the wrong type, a field is given in both spellings or is null, or a
            rule refuses it.
    """
    if isinstance(value, Checked):
        if model != value.MODEL:
            raise K8sConfigError(f"must be a {shown_name(model)}, not a {type(value).__name__}")
        return value.checked()
    given = plain(value)
    if not isinstance(given, dict | Mapping):
        raise K8sConfigError(f"must be a mapping of {shown_name(model)} fields, not {type(given).__name__}")
    types, camel_names = field_types(model), _camel_names(model)
    result: KubernetesObject = {}
    for spelling, item in given.items():
        name = camel_names.get(spelling, spelling)
        if name not in types:
            raise UnknownFieldError(str(spelling), types, of=shown_name(model))
        if name in result:
            raise K8sConfigError(f"is given twice, as {name!r} and as {types[name].camel!r}", where=name)
        try:
            result[name] = _read_value(types[name], item, check)
            check_unique(name, result[name])
        except K8sConfigError as error:
            raise error.within(name) from None
    check(model, result)
    return result


def to_camel_case(model: str, value: KubernetesObject) -> KubernetesObject:
    """An object that `read` returned, spelt as in YAML manifests."""
    types = field_types(model)
    return {types[name].camel: _to_camel_value(types[name], item) for name, item in value.items()}


def thaw(value: Any) -> Any:
    """A deep copy in which every quantity is its text: plain JSON, free to be changed."""
    if isinstance(value, dict):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return str(value) if isinstance(value, Quantity) else value


def plain(value: object) -> object:
    """What an object stands for: the result of its ``to_dict`` when it has one, else itself.

    Raises:
        K8sConfigError: A class, of which no object was made.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, type):
        raise K8sConfigError(f"is the class itself; write {value.__name__}(...)")
    to_dict = getattr(value, "to_dict", None)
    return to_dict() if callable(to_dict) else value


def shown_name(model: str) -> str:
    """A model's name as Kubernetes' documentation spells it: ``PodSpec`` for ``V1PodSpec``."""
    return re.sub(r"^(Core)?V1", "", model)


@cache
def _table() -> Mapping[str, Mapping[str, tuple[str, str]]]:
    text = files("dagster_plus_k8s_helpers.pod.objects").joinpath("kubernetes_fields.json").read_text("utf-8")
    table: Mapping[str, Mapping[str, tuple[str, str]]] = json.loads(text)
    return table


@cache
def _camel_names(model: str) -> Mapping[object, str]:
    return {field.camel: name for name, field in field_types(model).items()}


def _field_type(camel: str, kind: str) -> FieldType:
    inner = re.fullmatch(r"(list|dict)\[(.+)\]", kind)
    if inner:
        return FieldType(camel, inner[1], of=_field_type("", inner[2]))
    if "V1" in kind:
        return FieldType(camel, "model", model=kind)
    return FieldType(camel, kind)


def _read_value(field: FieldType, value: object, check: Check) -> object:
    if value is None:
        raise K8sConfigError("is null, which does not unset what a lower layer says; leave it out")
    if field.kind == "model":
        return read(field.model, value, check)
    if field.kind == "list":
        return _read_list(field, value, check)
    if field.kind == "dict":
        return _read_dict(field, value, check)
    if field.kind == "quantity":
        return Quantity(value)  # type: ignore[arg-type] # Quantity refuses what it cannot take
    if field.kind == "object":
        return copy.deepcopy(plain(value))
    wanted = _PYTHON_TYPES[field.kind]
    if isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool)):
        return plain_text(value) if isinstance(value, str) else value
    advice = f"; write {_as_text(value)!r}" if wanted is str and isinstance(value, int | float) else ""
    raise K8sConfigError(f"must be {_TYPE_WORDS[field.kind]}, not {type(value).__name__}{advice}")


def plain_text(value: str) -> str:
    """Text as it is; of a member of an enum, what it stands for.

    Raises:
        K8sConfigError: A variable that Dagster reads for its resources: here it would be its own name.
    """
    if type(value) is str:
        return value
    name = str.__str__(value)
    if type(value).__name__ == "EnvVar":
        raise K8sConfigError(
            f"is dg.EnvVar({name!r}), which only resources read, and here is its name; write "
            f"os.environ[{name!r}], or in env SecretKeyRef('NAME', 'KEY')"
        )
    return name


_PYTHON_TYPES: Mapping[str, type] = {"str": str, "int": int, "bool": bool, "datetime": str}
_TYPE_WORDS = {
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "datetime": "an RFC 3339 time",
}


def _as_text(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_list(field: FieldType, value: object, check: Check) -> list[object]:
    assert field.of is not None  # noqa: S101 - the table gives every list what it holds
    if not isinstance(value, list | tuple | Sequence) or isinstance(value, str):
        raise K8sConfigError(f"must be a list, not {type(value).__name__}")
    items: list[object] = []
    for index, item in enumerate(value):
        try:
            items.append(_read_value(field.of, item, check))
        except K8sConfigError as error:
            raise error.within(f"[{index}]") from None
    return items


def _read_dict(field: FieldType, value: object, check: Check) -> dict[str, object]:
    assert field.of is not None  # noqa: S101 - the table gives every dict what it holds
    if not isinstance(value, dict | Mapping):
        raise K8sConfigError(f"must be a mapping, not {type(value).__name__}")
    result: dict[str, object] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise K8sConfigError(f"the key {key!r} must be text; write {str(key)!r}")
        try:
            is_amount = field.of.kind == "quantity" and item is not None
            result[plain_text(key)] = (
                amount_of(key, item) if is_amount else _read_value(field.of, item, check)
            )
        except K8sConfigError as error:
            raise error.within(f"[{key!r}]") from None
    return result


def _to_camel_value(field: FieldType, value: Any) -> Any:
    if field.kind == "model":
        return to_camel_case(field.model, value)
    if field.kind == "list" and field.of is not None:
        return [_to_camel_value(field.of, item) for item in value]
    return thaw(value)


def set_only(**fields: Any) -> KubernetesObject:
    """An object of the fields that are not ``None``."""
    return {name: value for name, value in fields.items() if value is not None}


def no_check(_model: str, _value: KubernetesObject) -> None:
    """For `read`: names and types will do."""
