"""What to write for the rows, and where: which tag at which line becomes what."""

from __future__ import annotations

import ast
import glob
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.rightsizing.asked import BY_USAGE
from dagster_plus_k8s_helpers.rightsizing.show import words
from dagster_plus_k8s_helpers.sizing.by_partition import ByPartition

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.rightsizing.rows import Figures, Row

__all__ = ["written_lines"]

_BY_PARTITION = ByPartition(()).written


def written_lines(rows: Sequence[Row]) -> Iterator[str]:
    """For each row that is to change, what becomes what; nothing is edited.

    What the op tags say is shown at the line that says ``op_tags``, or where the function is decorated; what
    another layer says is named by that layer. A step that is sized by its usage follows it already; of one
    that a function or its partition sizes, that is what is to change, for it stands above the op tags.
    """
    by_step: dict[str, list[Row]] = {}
    for row in rows:
        by_step.setdefault(row.step, []).append(row)
    for step, of_step in by_step.items():
        if any(row.asks.sized_by == BY_USAGE for row in of_step):
            continue
        changed = [row for row in of_step if row.memory.changes or row.cpu.changes]
        by = of_step[0].asks.sized_by
        if by and not (changed and len(of_step) > 1 and by == _BY_PARTITION):
            yield from (
                f"{_place(row)}: {step}: {row.risk}; change what {by} gives it" for row in of_step if row.risk
            )
        elif len(of_step) > 1:
            yield from _by_partition(step, of_step)
        elif changed:
            yield f"{_place(changed[0])}: {step}: {'; '.join(_changes(changed[0]))}"


def _changes(row: Row) -> Iterator[str]:
    for name, figures in (("memory", row.memory), ("cpu", row.cpu)):
        if figures.changes:
            yield f"{name} {_now(figures, name)} -> {_then(figures, name)}{_elsewhere(row, name)}"


def _by_partition(step: str, rows: Sequence[Row]) -> Iterator[str]:
    """The groups of partitions as `sized_by_partition` takes them; the rest keep the size that they have."""
    known = [(row, row.group) for row in rows if row.group is not None and row.memory.new_request is not None]
    # As it is, a key such as "*" would be a pattern that others fit too.
    sizes = {glob.escape(key): _size(row) for row, group in known for key in group.keys}
    if not sizes:
        return
    now = rows[0].asks.sized_by or f"memory {_now(rows[0].memory, 'memory')}"
    yield f"{_place(rows[0])}: {step}: {now} -> {_BY_PARTITION}({{"
    for key in sorted(sizes):
        yield f"    {key!r}: {sizes[key]},"
    rest = next((f", otherwise={_size(row)}" for row, group in known if not group.keys), "")
    yield f"}}{rest})"


def _size(row: Row) -> str:
    """A size as Python."""
    parts = [
        f"{name}={_then(figures, name)}"
        for name, figures in (("memory", row.memory), ("cpu", row.cpu))
        if figures.new_request is not None
    ]
    return f"K8sConfig(resources=Resources({', '.join(parts)}))"


def _now(figures: Figures, name: str) -> str:
    def text(amount: float | None) -> str:
        return "None" if amount is None else f'"{words.quantity(amount, of_memory=name == "memory")}"'

    if figures.request is None and figures.limit is None:
        return "(nothing)"
    if figures.request == figures.limit:
        return text(figures.limit)
    return f"({text(figures.request)}, {text(figures.limit)})"


def _then(figures: Figures, name: str) -> str:
    assert figures.new_request is not None  # noqa: S101 - of what changes, or has a size
    said = words.quantity(figures.new_request, of_memory=name == "memory")
    return f'"{said}"' if figures.new_limit is not None else f'("{said}", None)'


def _elsewhere(row: Row, name: str) -> str:
    """Which layer says it, where that is not the op tags."""
    layers = row.asks.said_by.get(name, ())
    if not layers or layers == ("op tags",):
        return ""
    return f" (said by {' and '.join(layers)})"


def _place(row: Row) -> str:
    source = row.asks.source
    if source is None:
        return f"op {row.asks.op_name!r}"
    tags = _line_of_tags(Path(source.file), source.line)
    return f"{source.file}:{tags or source.line}"


def _line_of_tags(file: Path, line: int) -> int | None:
    """The line of ``op_tags=`` or ``tags=`` in the decorators of the function that begins at a line."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
        if first != line:
            continue
        words_ = [
            word
            for item in node.decorator_list
            if isinstance(item, ast.Call)
            for word in item.keywords
            if word.arg in {"op_tags", "tags"}
        ]
        said = sorted(words_, key=lambda word: word.arg != "op_tags")
        return said[0].value.lineno if said else None
    return None
