"""Reading API objects of which any part may be missing, of another type, or of another release."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

__all__ = ["ApiObject", "integer", "items", "mapping", "name_of", "text", "value"]

ApiObject: TypeAlias = Mapping[str, object]
"""An object as the JSON API returns it."""


def value(source: object, *path: str) -> object:
    """What stands at a path; ``None`` when there is nothing."""
    for key in path:
        if not isinstance(source, Mapping):
            return None
        source = source.get(key)
    return source


def mapping(source: object, *path: str) -> ApiObject:
    """The object at a path; an empty one when there is none."""
    found = value(source, *path)
    return found if isinstance(found, Mapping) else {}


def items(source: object, *path: str) -> Iterator[ApiObject]:
    """The objects of the list at a path."""
    found = value(source, *path)
    if isinstance(found, Sequence) and not isinstance(found, str | bytes):
        yield from (item for item in found if isinstance(item, Mapping))


def text(source: object, *path: str) -> str:
    """The text at a path, without white space around it; empty when there is none."""
    found = value(source, *path)
    return found.strip() if isinstance(found, str) else ""


def integer(source: object, *path: str) -> int | None:
    """The whole number at a path."""
    found = value(source, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def name_of(source: object) -> str:
    """The name of an object."""
    return text(source, "metadata", "name")
