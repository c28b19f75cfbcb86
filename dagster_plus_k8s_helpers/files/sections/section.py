"""`Section`: the base of every mapping in the files the platform reads, typed, frozen and complete.

A key that is not known is kept when it comes from a file, since charts move, and refused when it comes from
Python, where it can only be a mistake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Self, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.documents.document import Path, parse_path, shown_path
from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.objects.schema import read, thaw, to_camel_case
from dagster_plus_k8s_helpers.pod.parts import check

__all__ = ["Items", "Problem", "Section", "is_from_file", "kubernetes_object", "problems"]

T = TypeVar("T")

_FROM_FILE = "from a file"


@answering
class Section(BaseModel):
    """One mapping of a file: frozen, comparable, and complete as it was read.

    Fields are named in snake_case in Python and by their aliases in YAML. A field that was not set is
    ``None`` and does not reach the file.
    """

    model_config = ConfigDict(
        frozen=True, extra="allow", strict=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    def __init__(self, /, **fields: Any) -> None:
        try:
            self.__pydantic_validator__.validate_python(
                fields, self_instance=self, by_alias=False, by_name=True
            )
        except ValidationError as error:
            raise _as_one(error) from None

    # Else pydantic calls __init__ for what is read from a file too, as if it came from Python.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From what the file holds, in its own spelling; keys that are not known are kept.

        Raises:
            K8sConfigError: A value that the platform would refuse or ignore.
        """
        try:
            return cls.model_validate(data, context=_FROM_FILE, by_alias=True, by_name=False)
        except ValidationError as error:
            raise _as_one(error) from None

    def to_dict(self) -> dict[str, Any]:
        """What the file holds: only what was set, in the file's own spelling and the order of the fields."""
        return self.model_dump(by_alias=True, exclude_unset=True, warnings="error")

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_names(cls, data: object, info: ValidationInfo) -> object:
        if info.context != _FROM_FILE and isinstance(data, Mapping):
            for name in data:
                if name not in cls.model_fields:
                    raise UnknownFieldError(str(name), cls.model_fields, of=cls.__name__)
        return data


def is_from_file(info: ValidationInfo) -> bool:
    """Whether what is validated was read from a file and not written in Python."""
    return info.context == _FROM_FILE


class Problem(NamedTuple):
    """What is wrong with one value of a file.

    Attributes:
        path: Keys and indexes from the top of the document.
        reason: What is wrong, and what to write instead.
        value: What stands there.
    """

    path: Path
    reason: str
    value: object


def problems(section: type[Section], data: object) -> list[Problem]:
    """Everything that keeps ``data`` from being read as a section, one problem a value."""
    try:
        section.model_validate(data, context=_FROM_FILE, by_alias=True, by_name=False)
    except ValidationError as error:
        return _problems(error, at_fields=True)
    return []


def _to_tuple(value: object) -> object:
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError(f"must be a list, not {_shown_type(value)}")


Items: TypeAlias = Annotated[tuple[T, ...], BeforeValidator(_to_tuple), PlainSerializer(list)]
"""A list in YAML, a tuple in Python."""


def kubernetes_object(model: str, *, camel_case: bool) -> tuple[BeforeValidator, PlainSerializer]:
    """For ``Annotated``: a Kubernetes object, checked, kept in snake_case and written as the file spells it.

    Args:
        model: Name of the model in the ``kubernetes`` package, such as ``V1Affinity``.
        camel_case: Whether the file spells Kubernetes' fields in camelCase.
    """

    def write(value: dict[str, Any]) -> dict[str, Any]:
        written: dict[str, Any] = to_camel_case(model, value) if camel_case else thaw(value)
        return written

    return BeforeValidator(lambda value: read(model, value, check)), PlainSerializer(write)


def _as_one(error: ValidationError) -> K8sConfigError:
    """The first problem as an error of this package, with the others in its message."""
    first, *others = _problems(error, at_fields=False)
    more = "".join(f"; and {shown_path(other.path)}: {other.reason}" for other in others)
    return K8sConfigError(first.reason + more, where=shown_path(first.path))


def _problems(error: ValidationError, *, at_fields: bool) -> list[Problem]:
    """One problem a value; ``at_fields`` points at a field that does not exist, not at what lacks it."""
    found: list[Problem] = []
    for detail in error.errors(include_url=False):
        cause = detail.get("ctx", {}).get("error")
        path: Path = tuple(detail["loc"])
        if isinstance(cause, K8sConfigError):
            field = (cause.name,) if at_fields and isinstance(cause, UnknownFieldError) else ()
            found.append(Problem(path + parse_path(cause.where) + field, cause.reason, detail["input"]))
        else:
            found.append(
                Problem(path, _reason(detail["type"], detail["msg"], detail["input"]), detail["input"])
            )
    return found


_WANTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _reason(kind: str, message: str, value: object) -> str:
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {_shown_type(value)}"
    if kind == "missing":
        return "is missing"
    return message.removeprefix("Value error, ")


def _shown_type(value: object) -> str:
    """What a value of YAML is called by those who write it, never the value: it may be a secret."""
    return next(words for kind, words in _YAML_WORDS if isinstance(value, kind))


_YAML_WORDS: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (type(None), "null"),
    (list, "a list"),
    (tuple, "a list"),
    (Mapping, "a mapping"),
    (object, "this"),
)
