"""`ValuesSection`: the base of every mapping of the agent chart's values, and the checks they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, ConfigDict, ValidationInfo, model_validator

from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.files.sections.section import Items, Section, is_from_file
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label, check_dns_subdomain

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "NOT_NULL",
    "Count",
    "Names",
    "Namespace",
    "ObjectName",
    "PullPolicy",
    "Switch",
    "ValuesSection",
    "camel_case",
    "one_of",
]


def camel_case(name: str) -> str:
    """``run_k8s_config`` as the chart spells it, ``runK8sConfig``."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


class ValuesSection(Section):
    """One mapping of the values: snake_case in Python, camelCase in YAML."""

    model_config = ConfigDict(alias_generator=camel_case)


class Switch(ValuesSection):
    """Something that is on or off; in Python a plain ``True`` or ``False`` will do.

    Args:
        enabled: Whether it is on.
    """

    enabled: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_bool(cls, data: object, info: ValidationInfo) -> object:
        return {"enabled": data} if isinstance(data, bool) and not is_from_file(info) else data


def _not_null(value: object) -> object:
    if value is None:
        raise ValueError("must not be null, which takes the chart's own value away; leave the key out")
    return value


NOT_NULL = BeforeValidator(_not_null)
"""For what the chart cannot do without: in Helm a null deletes the chart's own value."""


def one_of(*known: str) -> AfterValidator:
    """For ``Annotated``: one of a few words."""

    def check(value: str | None) -> str | None:
        if value is not None and value not in known:
            raise K8sConfigError(f"{value!r} is none of {', '.join(known)}{did_you_mean(value, known)}")
        return value

    return AfterValidator(check)


def _checked_by(check: Callable[[str], None]) -> AfterValidator:
    def checked(value: str | None) -> str | None:
        if value:
            check(value)
        return value

    return AfterValidator(checked)


def _not_negative(value: int | None) -> int | None:
    if value is not None and value < 0:
        raise K8sConfigError(f"{value} is below 0")
    return value


def _all_distinct(values: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    seen: set[str] = set()
    for index, value in enumerate(values or ()):
        if value == "":
            raise K8sConfigError("is empty", where=f"[{index}]")
        if value in seen:
            raise K8sConfigError(f"names {value!r} twice; keep one of the two", where=f"[{index}]")
        seen.add(value)
    return values


Count: TypeAlias = Annotated[int | None, AfterValidator(_not_negative)]
"""A whole number, not negative."""

Names: TypeAlias = Annotated[Items[str] | None, AfterValidator(_all_distinct)]
"""A list of names, each of them once."""

ObjectName: TypeAlias = Annotated[str | None, _checked_by(check_dns_subdomain)]
"""The name of an object in the cluster."""

Namespace: TypeAlias = Annotated[str | None, _checked_by(check_dns_label)]
"""The name of a namespace."""

PullPolicy: TypeAlias = Annotated[str | None, NOT_NULL, one_of("Always", "IfNotPresent", "Never")]
"""When the image is pulled."""
