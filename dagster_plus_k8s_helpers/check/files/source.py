"""A file to check: what it is called and what it holds."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Source"]


class Source(NamedTuple):
    """A file to check.

    Attributes:
        name: What the user calls it.
        content: What it holds.
    """

    name: str
    content: bytes
