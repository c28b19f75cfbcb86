"""How other modules use a name of one: judged by their text, so of more of them than do, but none too few."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dagster_plus_k8s_helpers.migrating.files import Source

__all__ = ["Elsewhere", "used_elsewhere"]


class Elsewhere(NamedTuple):
    """How other modules use a name.

    Attributes:
        used: Whether they do.
        reads: Where one of them reads or changes what it holds; empty where none does.
        merged: Whether one of them lays it over another dictionary.
    """

    used: bool = False
    reads: str = ""
    merged: bool = False


_IMPORT = r"^[ \t]*from\s+[\w.]+\s+import\s+(?:\([^)]*|[^\n(]*)\b{name}\b(?:\s+as\s+(\w+))?"
"""A name that is imported, and what it is called then."""
_READ = r"\b{name}\b\s*(?:\[|\.(?!tags\b|to_dict\b|update\b))"
"""A name of which something is taken."""
_MERGED = r"\b{name}(?:\s*\||\.update\b)|(?:\|=?\s*|update\()(?:[\w.]+\.)?{name}\b"
"""A name that is laid over another, or another over it."""


def used_elsewhere(name: str, others: Iterable[Source]) -> Elsewhere:
    """How other modules use a name.

    Args:
        name: The name.
        others: Every other module of the project.
    """
    used, merged = False, False
    for other in others:
        for local in _names_in(other.text, name):
            used = True
            quoted = re.escape(local)
            read = re.search(_READ.format(name=quoted), other.text)
            if read:
                line = other.text.count("\n", 0, read.start()) + 1
                return Elsewhere(used=True, reads=f"{other.path}:{line} reads it as one")
            merged |= re.search(_MERGED.format(name=quoted), other.text) is not None
    return Elsewhere(used=used, merged=merged)


def _names_in(text: str, name: str) -> Iterator[str]:
    """What a module calls a name that it takes from another."""
    if name not in text:
        return
    quoted = re.escape(name)
    for found in re.finditer(_IMPORT.format(name=quoted), text, re.MULTILINE):
        yield found[1] or name
    if re.search(rf"\.\s*{quoted}\b", text) or re.search(r"import\s*\*", text):
        yield name
