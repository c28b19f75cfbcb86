"""Reading an expression of a Python source: what is literal or known, and what the program decides."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import libcst as cst

from dagster_plus_k8s_helpers.migrating.errors import CannotMigrateError
from dagster_plus_k8s_helpers.migrating.expressions import Call, Code, Hole, Item, Items, Node, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Reader", "config_of", "is_known", "text_of"]


def text_of(node: cst.CSTNode) -> str:
    """An expression as it stands in its source."""
    return cst.Module(body=()).code_for_node(node)


def is_known(code: Code) -> bool:
    """Whether the value of an expression is known before the program runs."""
    return not isinstance(code.value, Hole)


@dataclass
class Reader:
    """Reads expressions of one module.

    Attributes:
        constants: What the module's names hold that are texts and numbers, assigned once.
        holes: The expressions met that only the program knows, by their numbers.
    """

    constants: Mapping[str, Any] = field(default_factory=dict)
    holes: list[str] = field(default_factory=list)

    def read(self, node: cst.BaseExpression) -> Node:
        """An expression, with the comments that stand in it."""
        if isinstance(node, cst.Dict) and not node.lpar:
            return self._mapping(node)
        if isinstance(node, cst.List) and not node.lpar:
            return self._items(
                "[]", node.elements, node.lbracket.whitespace_after, node.rbracket.whitespace_before
            )
        if isinstance(node, cst.Tuple) and len(node.lpar) == 1:
            return self._items(
                "()", node.elements, node.lpar[0].whitespace_after, node.rpar[0].whitespace_before
            )
        if isinstance(node, cst.Call) and _is_dict_of_keywords(node):
            return self._keywords(node)
        return self._code(node)

    def _code(self, node: cst.BaseExpression) -> Code:
        text = text_of(node)
        if isinstance(node, cst.Name) and node.value in self.constants:
            return Code(text, self.constants[node.value])
        try:
            return Code(text, ast.literal_eval(text.strip()))
        # Whatever else it may be, it is no literal.
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            self.holes.append(text)
            return Code(text, Hole(len(self.holes) - 1))

    def _mapping(self, node: cst.Dict) -> Items:
        items: list[Item] = []
        for element in node.elements:
            if isinstance(element, cst.StarredDictElement):
                items.append(Item(self.read(element.value), stars="**"))
            elif isinstance(element, cst.DictElement):
                items.append(Item(self.read(element.value), self._code(element.key)))
        return _with_comments(
            "{}", items, node.elements, node.lbrace.whitespace_after, node.rbrace.whitespace_before
        )

    def _items(
        self,
        brackets: str,
        elements: Sequence[cst.BaseElement],
        first: cst.BaseParenthesizableWhitespace,
        last: cst.BaseParenthesizableWhitespace,
    ) -> Items:
        items = [
            Item(self.read(element.value), stars="*" if isinstance(element, cst.StarredElement) else "")
            for element in elements
        ]
        return _with_comments(brackets, items, elements, first, last)

    def _keywords(self, node: cst.Call) -> Items:
        items = [
            Item(self.read(arg.value), stars="**")
            if arg.keyword is None
            else Item(self.read(arg.value), literal(arg.keyword.value))
            for arg in node.args
        ]
        last = node.args[-1].whitespace_after_arg if node.args else cst.SimpleWhitespace("")
        return _with_comments("{}", items, node.args, node.whitespace_before_args, last)


def _is_dict_of_keywords(node: cst.Call) -> bool:
    return (
        not node.lpar
        and isinstance(node.func, cst.Name)
        and node.func.value == "dict"
        and all(arg.keyword is not None or arg.star == "**" for arg in node.args)
    )


def _with_comments(
    brackets: str,
    items: list[Item],
    elements: Sequence[cst.BaseElement | cst.BaseDictElement | cst.Arg],
    first: cst.BaseParenthesizableWhitespace,
    last: cst.BaseParenthesizableWhitespace,
) -> Items:
    """Gives each element the comments above it and beside it."""
    # What stands before an element, and behind the last one.
    gaps = [first, *(_after(element) for element in elements)]
    if elements and not isinstance(elements[-1].comma, cst.Comma):
        gaps[-1] = last
        below_last: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace("")
    else:
        below_last = last if elements else cst.SimpleWhitespace("")
    beside, above = zip(*map(_comments, gaps), strict=True)
    rest = _comments(below_last)
    # Behind the comma of the last element, what stands there is held by the bracket.
    beside = (*beside[:-1], beside[-1] or rest[0])
    dressed = [
        replace(item, above=above[at] if at else (*_first(beside[0]), *above[0]), beside=beside[at + 1])
        for at, item in enumerate(items)
    ]
    end = above[-1] if elements else (*_first(beside[0]), *above[0])
    return Items(brackets, tuple(dressed), (*end, *rest[1]))


def _first(comment: str) -> tuple[str, ...]:
    return (comment,) if comment else ()


def _after(element: cst.BaseElement | cst.BaseDictElement | cst.Arg) -> cst.BaseParenthesizableWhitespace:
    comma = element.comma
    return comma.whitespace_after if isinstance(comma, cst.Comma) else cst.SimpleWhitespace("")


def _comments(space: cst.BaseParenthesizableWhitespace) -> tuple[str, tuple[str, ...]]:
    """The comment at the end of the line, and those on lines of their own below it."""
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return "", ()
    ended = space.first_line.comment
    own = tuple(line.comment.value for line in space.empty_lines if line.comment is not None)
    return ended.value if ended is not None else "", own


def config_of(reader: Reader, node: cst.BaseExpression) -> Items:
    """What ``dagster-k8s/config`` holds, by sections that are known.

    Raises:
        CannotMigrateError: It is no dictionary, or the program decides what sections there are.
    """
    read = reader.read(node.with_changes(lpar=(), rpar=()))
    if not isinstance(read, Items) or not read.is_mapping:
        raise CannotMigrateError("its value is no literal dictionary")
    for item in read.items:
        if item.stars:
            raise CannotMigrateError(
                f"its sections are spread out of {_shown(item.node)}; merge K8sConfig objects with | instead"
            )
        if item.key is None or not isinstance(item.key.value, str):
            raise CannotMigrateError("the program decides the name of one of its sections")
    keys = [item.key.value for item in read.items if item.key is not None]
    for key in keys:
        if keys.count(key) > 1:
            raise CannotMigrateError(f"{key!r} is there twice, and Python takes the last one")
    return read


def _shown(node: Items | Code | Call) -> str:
    return node.text.splitlines()[0] if isinstance(node, Code) else "another dictionary"
