"""A Python module as `migrate` looks at it: where things stand, and what its names are."""

from __future__ import annotations

import ast
import re
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import libcst as cst
from libcst.metadata import (
    ByteSpanPositionProvider,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Assigned", "Imported", "Module", "Span", "walk"]


class Span(NamedTuple):
    """A part of a source, in bytes of UTF-8."""

    start: int
    end: int


class Assigned(NamedTuple):
    """A name that a module gives a value, once.

    Attributes:
        value: The value.
        is_annotated: Whether its type is written beside it.
        is_at_top: Whether that is at the top of the module, where others find it.
    """

    value: cst.BaseExpression
    is_annotated: bool
    is_at_top: bool


class Imported(NamedTuple):
    """A name that the top of a module imports from another.

    Attributes:
        module: Where from, as it is written, with the dots before it.
        name: What it is called there.
    """

    module: str
    name: str


class Module:
    """One source.

    Args:
        text: The source.

    Attributes:
        tree: Its syntax.
        assigned: What it assigns once and binds nowhere else, but for what is in a class.
        imported: What its top imports, by the names that it has here.
        imported_anywhere: The same of what it imports in functions, too.
        loads: Where each name is read.
        bound: How often each name is bound, anywhere in it.

    Raises:
        SyntaxError: The source is not Python.
        libcst.ParserSyntaxError: It is Python that libcst does not know yet.
        RecursionError: It is nested more deeply than can be read.
    """

    def __init__(self, text: str) -> None:
        _refuse_depth(text)
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        self.tree = wrapper.module
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._spans = wrapper.resolve(ByteSpanPositionProvider)
        self._places = wrapper.resolve(PositionProvider)
        self.loads: dict[str, list[cst.Name]] = {}
        self.bound: dict[str, int] = {}
        for node in walk(self.tree):
            if isinstance(node, cst.Name):
                bound = _is_bound(self, node)
                if bound:
                    self.bound[node.value] = self.bound.get(node.value, 0) + 1
                elif bound is not None:
                    self.loads.setdefault(node.value, []).append(node)
        self.imported: dict[str, Imported] = {}
        self.imported_anywhere: dict[str, Imported] = {}
        for node in walk(self.tree):
            if isinstance(node, cst.ImportFrom):
                self.imported_anywhere.update(_imported(node))
        for statement in self.top():
            if isinstance(statement, cst.ImportFrom):
                self.imported.update(_imported(statement))
        self.assigned = {name: said for name, said in self._all_assigned() if self.bound.get(name) == 1}
        self.constants = self._constants()

    def is_at_top(self, name: str) -> bool:
        """Whether the top of the module assigns a name, once."""
        return name in self.assigned and self.assigned[name].is_at_top

    def _all_assigned(self) -> Iterator[tuple[str, Assigned]]:
        for node in walk(self.tree):
            if isinstance(node, cst.Assign | cst.AnnAssign):
                scope = self.scope(node)
                if not isinstance(scope, cst.ClassDef):
                    yield from _assigned(node, is_at_top=scope is self.tree).items()

    def scope(self, node: cst.CSTNode) -> cst.CSTNode:
        """The function, class or module whose name an assignment makes."""
        scope = self.parent(node)
        while not isinstance(scope, cst.FunctionDef | cst.ClassDef | cst.Module):
            scope = self.parent(scope)
        return scope

    def top(self) -> list[cst.BaseSmallStatement]:
        """The simple statements at the top of the module."""
        return [
            small
            for line in self.tree.body
            if isinstance(line, cst.SimpleStatementLine)
            for small in line.body
        ]

    def parent(self, node: cst.CSTNode) -> cst.CSTNode:
        """What a node stands in; the module for what stands in nothing else."""
        found = self._parents.get(node, self.tree)
        return found if isinstance(found, cst.CSTNode) else self.tree

    def span(self, node: cst.CSTNode) -> Span:
        """Where a node stands."""
        found = self._spans[node]
        return Span(found.start, found.start + found.length)

    def line(self, node: cst.CSTNode) -> int:
        """The line that a node begins on, from 1."""
        return int(self._places[node].start.line)

    def exports(self) -> set[str]:
        """The names in ``__all__``."""
        said = self.assigned.get("__all__")
        if said is None or not isinstance(said.value, cst.List | cst.Tuple):
            return set()
        return {
            str(element.value.evaluated_value)
            for element in said.value.elements
            if isinstance(element.value, cst.SimpleString)
        }

    def _constants(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, said in self.assigned.items():
            if isinstance(said.value, cst.SimpleString | cst.Integer | cst.Float | cst.ConcatenatedString):
                try:
                    found[name] = ast.literal_eval(self.tree.code_for_node(said.value).strip())
                except (ValueError, SyntaxError):
                    continue
        return found


_DEEPEST = 500
"""No program is nested so deeply; the parser of libcst ends the process some way beyond."""


def _refuse_depth(text: str) -> None:
    """Looks at brackets, which hold most of what is nested, and at the tree that Python itself makes.

    Raises:
        RecursionError: One of them is too deep.
        SyntaxError: It is not Python.
    """
    depth = deepest = 0
    for bracket in re.findall(r"[()\[\]{}]", text):
        depth += 1 if bracket in "([{" else -1
        deepest = max(deepest, depth)
    if deepest > _DEEPEST:
        raise RecursionError
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            level: list[ast.AST] = [ast.parse(text)]
    except MemoryError:
        raise RecursionError from None
    except ValueError as error:  # a byte of zero
        raise SyntaxError(str(error)) from None
    for _ in range(_DEEPEST):
        level = [inner for node in level for inner in ast.iter_child_nodes(node)]
        if not level:
            return
    raise RecursionError


def _imported(statement: cst.ImportFrom) -> dict[str, Imported]:
    if isinstance(statement.names, cst.ImportStar):
        return {}
    module = "." * len(statement.relative) + (_dotted(statement.module) if statement.module else "")
    found = {}
    for alias in statement.names:
        name = _dotted(alias.name)
        local = alias.asname.name.value if alias.asname and isinstance(alias.asname.name, cst.Name) else name
        found[local] = Imported(module, name)
    return found


def _dotted(node: cst.BaseExpression) -> str:
    if isinstance(node, cst.Attribute):
        return f"{_dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def _assigned(statement: cst.Assign | cst.AnnAssign, *, is_at_top: bool) -> dict[str, Assigned]:
    targets: Sequence[cst.BaseExpression]
    if isinstance(statement, cst.Assign):
        targets = [target.target for target in statement.targets]
    else:
        targets = [statement.target]
    if len(targets) != 1 or not isinstance(targets[0], cst.Name) or statement.value is None:
        return {}
    is_annotated = isinstance(statement, cst.AnnAssign)
    return {targets[0].value: Assigned(statement.value, is_annotated, is_at_top)}


def walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """A node and everything in it, in the order of the source."""
    rest = [node]
    while rest:
        found = rest.pop()
        yield found
        rest += reversed(found.children)


def _is_bound(module: Module, node: cst.Name) -> bool | None:
    """Whether a name is bound where it stands, or read; ``None`` for what is no name of the module's."""
    parent = module.parent(node)
    if (isinstance(parent, cst.Attribute) and parent.attr is node) or (
        isinstance(parent, cst.Arg) and parent.keyword is node
    ):
        return None
    if isinstance(parent, cst.ImportAlias):
        # Of "import a as b" the name a is bound to nothing.
        return None if parent.asname is not None else True
    if isinstance(parent, _IN_TARGETS):
        return _is_target(module, parent)
    if isinstance(parent, cst.AssignTarget | cst.Param | cst.FunctionDef | cst.ClassDef | cst.AsName):
        return True
    return isinstance(parent, _WITH_TARGETS) and parent.target is node


_IN_TARGETS = (cst.Element, cst.Tuple, cst.List, cst.StarredElement)
_WITH_TARGETS = (cst.AnnAssign, cst.AugAssign, cst.For, cst.CompFor, cst.NamedExpr, cst.Del)


def _is_target(module: Module, node: cst.CSTNode) -> bool:
    outer = module.parent(node)
    if isinstance(outer, _IN_TARGETS):
        return _is_target(module, outer)
    return isinstance(outer, cst.AssignTarget) or (
        isinstance(outer, cst.For | cst.CompFor) and outer.target is node
    )
