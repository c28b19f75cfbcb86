"""The fields of a Job that have an origin worth telling: single values, and elements of lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["key_of", "paths"]

_DIGS_INTO = ("containers", "initContainers")


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each field with its value; containers are gone into, since their fields come from different layers."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from paths(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        of_containers = key_of(path) in _DIGS_INTO
        for index, item in enumerate(value):
            element = f"{path}[{index}]"
            if of_containers:
                yield from paths(item, element)
            else:
                yield element, item
    else:
        yield path, value


def key_of(path: str) -> str:
    """The last part of a path."""
    return path.rsplit(".", 1)[-1]
