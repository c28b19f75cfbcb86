"""Entries of Kubernetes' ``env`` that say a name and no value, alike in values and in code locations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VALUE_FIX", "has_no_value"]

VALUE_FIX = 'write its value; where empty text is meant, value: ""'
"""What to write instead of an entry without a value."""


def has_no_value(entry: Mapping[object, object]) -> bool:
    """Whether an entry has a name only, which Kubernetes takes as a variable of empty text."""
    sources = ("value", "value_from", "valueFrom")
    return isinstance(entry.get("name"), str) and all(entry.get(source) is None for source in sources)
