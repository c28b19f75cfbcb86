"""Credentials that are compared and never shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.credentials.telling import credential_by_name, find_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.documents.document import Path

__all__ = ["Hidden", "with_hidden_credentials"]

_TOKEN = "agentTokenValue"  # noqa: S105 - the key, not the token


@dataclass(frozen=True, slots=True)
class Hidden:
    """Text that looks like a credential; as text only what kind of one.

    Attributes:
        kind: Like what it looks.
        secret: The text itself.
    """

    kind: str = field(compare=False)
    secret: str = field(repr=False)

    def __str__(self) -> str:
        return f"({self.kind})"


def with_hidden_credentials(data: object) -> object:
    """Data in which text is hidden that looks like a credential, by its form or by its key."""
    return _hidden(data, dict(find_credentials(data)), ())


def _hidden(data: object, found: Mapping[Path, str], path: Path) -> object:
    if isinstance(data, dict):
        return {key: _hidden(item, found, (*path, str(key))) for key, item in data.items()}
    if isinstance(data, list):
        return [_hidden(item, found, (*path, index)) for index, item in enumerate(data)]
    if not isinstance(data, str):
        return data
    key = str(path[-1]) if path else ""
    kind = "a token" if key == _TOKEN else found.get(path) or credential_by_name(key, data)
    return Hidden(kind, data) if kind else data
