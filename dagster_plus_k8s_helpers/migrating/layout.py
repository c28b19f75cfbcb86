"""Changing parts of a source and nothing else in it, byte for byte."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.migrating.expressions import WIDTH, Layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dagster_plus_k8s_helpers.migrating.module import Span

__all__ = ["Edit", "edited", "layout_at", "newline_of"]


class Edit(NamedTuple):
    """A part of a source, and what takes its place."""

    span: Span
    text: str


def edited(source: str, edits: Iterable[Edit]) -> str:
    """The source with its parts exchanged."""
    content = source.encode()
    for edit in sorted(edits, key=lambda edit: edit.span, reverse=True):
        content = content[: edit.span.start] + edit.text.encode() + content[edit.span.end :]
    return content.decode()


def newline_of(source: str) -> str:
    """What ends most lines of a source."""
    return "\r\n" if source.count("\r\n") * 2 >= source.count("\n") > 0 else "\n"


def layout_at(source: str, span: Span, *, prefix: str = "") -> Layout:
    """Where an expression goes that takes the place of a part of a source.

    Args:
        source: The source.
        span: The part.
        prefix: What is written before the expression.
    """
    content = source.encode()
    before = content[: span.start].decode().rpartition("\n")[2]
    after = re.split(r"\r?\n", content[span.end :].decode(), maxsplit=1)[0]
    indent = before[: len(before) - len(before.lstrip())]
    unit = (
        "\t"
        if indent.startswith("\t") or (not indent and re.search(r"^\t", source, re.MULTILINE))
        else "    "
    )
    if not indent and unit != "\t":
        steps = re.findall(r"^( +)\S", source, re.MULTILINE)
        unit = min(steps, key=len) if steps and len(min(steps, key=len)) == 2 else unit
    columns = len(before.expandtabs(4)) + len(prefix)
    # In a line that is too long already, what is short is not folded.
    length = len(before) + span.end - span.start + len(after)
    short = _SHORT if length > WIDTH and b"\n" not in content[span.start : span.end] else 0
    return Layout(indent, unit, columns, len(after.split("#")[0].rstrip()), newline_of(source), short)


_SHORT = 50
