"""Data of any shape, as a document may hold it: its mappings and lists, and what stands at a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["as_list", "as_mapping", "at", "plain_key"]


def as_mapping(value: object) -> Mapping[Any, Any]:
    """A mapping; an empty one for what is none."""
    return value if isinstance(value, Mapping) else {}


def as_list(value: object) -> list[Any]:
    """A list; an empty one for what is none."""
    return value if isinstance(value, list) else []


def at(data: object, path: Iterable[str | int]) -> Any:
    """What stands at a path; ``None`` for nothing."""
    for part in path:
        if isinstance(data, list) and isinstance(part, int):
            data = data[part] if part < len(data) else None
        else:
            data = as_mapping(data).get(part)
    return data


def plain_key(name: object) -> str:
    """What the spellings of a key have in common: ``envFrom`` and ``env_from`` are one."""
    return str(name).replace("_", "").lower()
