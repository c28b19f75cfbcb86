"""The imports of a rewritten module: what it needs now, sorted in, and what it no longer uses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dagster_plus_k8s_helpers.migrating.expressions import WIDTH
from dagster_plus_k8s_helpers.migrating.layout import Edit, newline_of
from dagster_plus_k8s_helpers.migrating.module import Span, walk

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dagster_plus_k8s_helpers.migrating.module import Module

__all__ = ["PACKAGE", "added", "import_of", "local_names", "removed"]

PACKAGE = "dagster_plus_k8s_helpers"
_OF_OTHERS = ("dagster_k8s", "json")
"""Modules that a config may be the only user of."""


def local_names(module: Module, wanted: Collection[str]) -> dict[str, str] | None:
    """What a module calls names of this package, or can: ``None`` where it has others by the same names."""
    found: dict[str, str] = {}
    for name in wanted:
        own = [
            local
            for local, said in module.imported.items()
            if said.name == name and said.module.partition(".")[0] == PACKAGE
        ]
        other = f"K8s{name}" if name[0].isupper() else f"typed_{name}"
        others = [local for local in (name, other) if local not in module.bound]
        if not own and not others:
            return None
        found[name] = (own or others)[0]
    return found


def import_of(names: Collection[str]) -> str:
    """The import of names of this package."""
    return _statement({name: name for name in names}, "\n")


class _Line(NamedTuple):
    """One import at the top of a module."""

    node: cst.SimpleStatementLine
    module: str
    is_from: bool
    begins_group: bool


def added(module: Module, source: str, names: Mapping[str, str]) -> list[Edit]:
    """What imports names of this package that are not imported yet.

    Args:
        module: The module.
        source: Its text.
        names: What it calls each of them.
    """
    missing = {name: local for name, local in names.items() if local not in module.imported}
    if not missing:
        return []
    lines = list(_lines(module))
    for line in lines:
        extended = _extended(line, missing)
        if extended is not None:
            return [Edit(module.span(line.node.body[0]), extended(newline_of(source)))]
    text = _statement(missing, newline_of(source))
    return [_inserted(module, source, lines, text)]


def removed(module: Module, source: str, unused: Collection[str]) -> list[Edit]:
    """What takes imports away that nothing uses any more: those of ``json`` and ``dagster_k8s``."""
    edits: list[Edit] = []
    for node in walk(module.tree):
        if not isinstance(node, cst.SimpleStatementLine) or len(node.body) != 1:
            continue
        # A block has to have a statement.
        around = module.parent(node)
        if isinstance(around, cst.IndentedBlock) and len(around.body) == 1:
            continue
        small = node.body[0]
        if not isinstance(small, cst.Import | cst.ImportFrom) or isinstance(small.names, cst.ImportStar):
            continue
        root = _module_of(small).partition(".")[0]
        kept = [alias for alias in small.names if _local(alias) not in unused]
        if root not in _OF_OTHERS or len(kept) == len(small.names):
            continue
        if kept:
            last = kept[-1].with_changes(comma=small.names[-1].comma)
            fewer = small.with_changes(names=[*kept[:-1], last])
            edits.append(Edit(module.span(small), module.tree.code_for_node(fewer)))
        elif node.trailing_whitespace.comment is None:
            start = _start_of_line(source, module.span(small).start)
            edits.append(Edit(Span(start, _end_of_line(source, module.span(small).end)), ""))
    return edits


def _lines(module: Module) -> Iterator[_Line]:
    """The imports that a module begins with, but for those of the future."""
    for index, node in enumerate(module.tree.body):
        if not isinstance(node, cst.SimpleStatementLine):
            return
        small = node.body[0]
        if index == 0 and isinstance(small, cst.Expr):
            continue
        # What stands behind an import in its line may use what is imported.
        if not isinstance(small, cst.Import | cst.ImportFrom) or not all(map(_is_import, node.body)):
            return
        name = _module_of(small)
        if name != "__future__":
            begins = any(line.comment is None for line in node.leading_lines)
            yield _Line(node, name, isinstance(small, cst.ImportFrom), begins)


def _is_import(small: cst.BaseSmallStatement) -> bool:
    return isinstance(small, cst.Import | cst.ImportFrom)


def _module_of(small: cst.Import | cst.ImportFrom) -> str:
    if isinstance(small, cst.Import):
        return _dotted(small.names[0].name)
    return "." * len(small.relative) + (_dotted(small.module) if small.module is not None else "")


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def _local(alias: cst.ImportAlias) -> str:
    if alias.asname is not None and isinstance(alias.asname.name, cst.Name):
        return alias.asname.name.value
    return _dotted(alias.name)


class _Extended(NamedTuple):
    """An import of this package with more names."""

    names: Mapping[str, str]

    def __call__(self, newline: str) -> str:
        return _statement(self.names, newline)


def _extended(line: _Line, missing: Mapping[str, str]) -> _Extended | None:
    small = line.node.body[0]
    if line.module != PACKAGE or not isinstance(small, cst.ImportFrom) or len(line.node.body) != 1:
        return None
    if isinstance(small.names, cst.ImportStar) or "#" in cst.Module(body=()).code_for_node(small):
        return None
    return _Extended({**{_dotted(alias.name): _local(alias) for alias in small.names}, **missing})


def _statement(names: Mapping[str, str], newline: str) -> str:
    def order(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    shown = [name if names[name] == name else f"{name} as {names[name]}" for name in sorted(names, key=order)]
    line = f"from {PACKAGE} import {', '.join(shown)}"
    if len(line) <= WIDTH:
        return line
    body = "".join(f"    {name},{newline}" for name in shown)
    return f"from {PACKAGE} import ({newline}{body})"


def _inserted(module: Module, source: str, lines: list[_Line], text: str) -> Edit:
    """The import where a sorter of imports would put it: with Dagster's, behind what comes before it."""
    newline = newline_of(source)
    groups: list[list[_Line]] = []
    for line in lines:
        if line.begins_group or not groups:
            groups.append([])
        groups[-1].append(line)
    if not groups:
        return _at_top(module, source, text)
    of_dagster = [group for group in groups if any(line.module.startswith("dagster") for line in group)]
    group = of_dagster[0] if of_dagster else groups[-1]
    before = [line for line in group if not line.is_from or line.module < PACKAGE]
    if before and not before[-1].module.startswith("."):
        end = _end_of_line(source, module.span(before[-1].node.body[-1]).end)
        has_end = source.encode()[:end].endswith(b"\n")
        return Edit(Span(end, end), f"{text}{newline}" if has_end else f"{newline}{text}")
    start = module.span(group[0].node.body[0]).start
    return Edit(Span(start, start), f"{text}{newline}")


def _at_top(module: Module, source: str, text: str) -> Edit:
    """Behind the docstring and what is imported from the future, when nothing else is imported at the top."""
    newline = newline_of(source)
    end = None
    for index, node in enumerate(module.tree.body):
        small = node.body[0] if isinstance(node, cst.SimpleStatementLine) else None
        is_docstring = index == 0 and isinstance(small, cst.Expr) and isinstance(small.value, cst.BaseString)
        is_future = isinstance(small, cst.ImportFrom) and _module_of(small) == "__future__"
        if small is None or not (is_docstring or is_future):
            break
        end = _end_of_line(source, module.span(small).end)
    if end is not None:
        return Edit(Span(end, end), f"{newline}{text}{newline}")
    start = _start_of(source)
    return Edit(Span(start, start), f"{text}{newline}{newline}")


def _start_of(source: str) -> int:
    """Behind what is of the whole file: ``#!``, its encoding, comments with a blank line below them."""
    lines = source.splitlines(keepends=True)
    own = 0
    for number, line in enumerate(lines):
        if not line.startswith("#"):
            own = number + 1 if not line.strip() else own
            break
        if number < 2 and re.match(r"#!|#.*coding[:=]", line):
            own = number + 1
    return len("".join(lines[:own]).encode())


def _start_of_line(source: str, offset: int) -> int:
    return source.encode().rfind(b"\n", 0, offset) + 1


def _end_of_line(source: str, offset: int) -> int:
    found = source.encode().find(b"\n", offset)
    return len(source.encode()) if found < 0 else found + 1
