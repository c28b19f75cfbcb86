"""What a backend hands back for one secret, and how a reference picks its part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.secrets.errors import (
    SecretFieldNotFound,
    SecretRefError,
    SecretsError,
)
from dagster_plus_k8s_helpers.secrets.value import SecretValue

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.secrets.ref import SecretRef

__all__ = ["Answers", "FetchedSecret", "fields_of", "no_versions", "select"]


@dataclass(frozen=True, slots=True)
class FetchedSecret:
    """One secret as a backend holds it.

    Args:
        source: The backend, as error messages and :attr:`SecretValue.source` name it.
        fields: Its fields, or None when it is not made of fields.
        whole: Its one text or binary value, or None when it has only fields.
        unreadable: Fields that are there and cannot be read, with the reason: raised when one is asked for.
    """

    source: str
    fields: Mapping[str, SecretValue] | None = None
    whole: SecretValue | None = None
    unreadable: Mapping[str, SecretsError] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, data: Mapping[str, object], *, source: str) -> FetchedSecret:
        """A secret made of JSON fields; see :func:`_field` for how a field that is not text is read."""
        return cls(source=source, fields=_fields(data, source))

    @classmethod
    def from_text(cls, text: str, *, source: str) -> FetchedSecret:
        """A text, whose fields are those of the JSON object it holds, if it holds one."""
        data = _json_object(text)
        fields = None if data is None else _fields(data, source)
        return cls(source=source, fields=fields, whole=SecretValue(text, source=source))

    def values(self) -> list[SecretValue]:
        """Every value in it."""
        return [*(self.fields or {}).values(), *([] if self.whole is None else [self.whole])]


# A failure is returned, not raised, so that one bad reference of a batch does not hide the others.
Answers = Mapping["SecretRef", FetchedSecret | SecretsError]


def select(secret: FetchedSecret, ref: SecretRef) -> SecretValue:
    """The value that ``ref`` points at.

    Without a field, that is the whole secret where the backend keeps one value, else its only field.

    Raises:
        SecretFieldNotFound: It has no such field, or several and none is named.
        SecretsError: It has the field, but could not read it.
    """
    if ref.field is not None and ref.field in secret.unreadable:
        raise secret.unreadable[ref.field].about(str(ref))
    if ref.field is None:
        if secret.whole is not None:
            return secret.whole
        fields = secret.fields or {}
        names = {**fields, **secret.unreadable}
        if len(names) == 1:
            return next(iter(fields_of(secret, ref).values()))
        raise SecretFieldNotFound(
            f"the reference names no field and the secret has {len(names)}",
            check=f"Write {ref}#FIELD, with one of: {_names(names)}; or call get_all()",
            backend=secret.source,
            ref=str(ref),
        )
    value = _fields_or_refusal(secret, ref).get(ref.field)
    if value is None:
        raise SecretFieldNotFound(
            f"it has no field {ref.field!r}",
            check=f"Its fields: {_names({**(secret.fields or {}), **secret.unreadable})}",
            backend=secret.source,
            ref=str(ref),
        )
    return value


def fields_of(secret: FetchedSecret, ref: SecretRef) -> Mapping[str, SecretValue]:
    """All fields.

    Raises:
        SecretFieldNotFound: The secret is plain text or binary.
        SecretsError: One of the fields could not be read.
    """
    for failure in secret.unreadable.values():
        raise failure.about(str(ref))
    return _fields_or_refusal(secret, ref)


def _fields_or_refusal(secret: FetchedSecret, ref: SecretRef) -> Mapping[str, SecretValue]:
    if secret.fields is None:
        raise SecretFieldNotFound(
            "it is plain text or binary, not a JSON object, and has no fields",
            check="Refer to it by its name alone",
            backend=secret.source,
            ref=str(ref),
        )
    return secret.fields


def no_versions(ref: SecretRef, backend: str) -> SecretRefError | None:
    """The refusal of a version by a backend that keeps none; serving the current one would be a lie."""
    if ref.version is None:
        return None
    return SecretRefError(
        "this backend keeps no versions",
        check=r"Leave @version away; an @ inside a name is written \@",
        backend=backend,
        ref=str(ref),
    )


def _fields(data: Mapping[str, object], source: str) -> dict[str, SecretValue]:
    return {
        name: SecretValue(_field(value), source=source) for name, value in data.items() if value is not None
    }


def _field(value: object) -> str:
    """Text as it is; a number, a boolean, a list or an object as its JSON text. Null counts as absent."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json_object(text: str) -> dict[str, object] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        data = json.loads(text)
    # RecursionError: a text of a hundred thousand brackets is still a text.
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _names(fields: Mapping[str, object]) -> str:
    return ", ".join(sorted(map(repr, fields))) or "(none)"
