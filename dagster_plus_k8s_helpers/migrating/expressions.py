"""Python expressions as they are read from a source and written into one: the one writer of Python here.

Source: https://black.readthedocs.io/en/stable/the_black_code_style/current_style.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = [
    "WIDTH",
    "Call",
    "Code",
    "Hole",
    "Item",
    "Items",
    "Layout",
    "Node",
    "codes_of",
    "comments_of",
    "gathered",
    "literal",
    "node_of",
    "positional",
    "written",
]

WIDTH = 100
"""Columns of a line; a formatter of the project's own changes it if it wants another."""
_HUGGED = 3
"""More arguments than this are read more easily one a line."""


class Hole(NamedTuple):
    """Stands for the value of an expression that is not known before the program runs."""

    number: int


@dataclass(frozen=True, slots=True)
class Code:
    """An expression as it stands in a source.

    Attributes:
        text: The source.
        value: What it is, or a `Hole`.
    """

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Item:
    """One element of a list, mapping or call, and the comments that belong to it.

    Attributes:
        node: The element.
        key: Its key in a mapping; its name in a call; nothing in a list, and with ``stars``.
        stars: ``*`` or ``**`` of what is spread out there.
        above: Comments on lines of their own, above it.
        beside: The comment at the end of its line.
    """

    node: Node
    key: Code | None = None
    stars: str = ""
    above: tuple[str, ...] = ()
    beside: str = ""

    def of(self, node: Node) -> Item:
        """The same element with another expression, which keeps every comment of its own."""
        lost = list(comments_of(self.node))
        for comment in comments_of(node):
            if comment in lost:
                lost.remove(comment)
        return replace(self, node=node, above=(*self.above, *lost))


@dataclass(frozen=True, slots=True)
class Items:
    """A mapping, list or tuple.

    Attributes:
        brackets: The two that are around it.
        items: Its elements.
        below: Comments behind the last one.
    """

    brackets: str
    items: tuple[Item, ...]
    below: tuple[str, ...] = ()

    @property
    def is_mapping(self) -> bool:
        """Whether its elements have keys."""
        return self.brackets == "{}"


@dataclass(frozen=True, slots=True)
class Call:
    """A call, and what is taken of its result.

    Attributes:
        function: What is called.
        items: Its arguments; those without a key are positional.
        suffix: What stands behind it, such as ``.tags``.
        below: Comments behind the last one.
    """

    function: str
    items: tuple[Item, ...]
    suffix: str = ""
    below: tuple[str, ...] = ()


Node: TypeAlias = Code | Items | Call


class Layout(NamedTuple):
    """Where an expression is written.

    Attributes:
        indent: The white space that its line begins with.
        unit: One step of indentation.
        before: How many columns of its line stand before it.
        after: How many stand behind it.
        newline: What ends a line.
        stays_below: How long it may be on one line, however long that becomes.
    """

    indent: str = ""
    unit: str = "    "
    before: int = 0
    after: int = 0
    newline: str = "\n"
    stays_below: int = 0


def literal(value: object) -> Code:
    """A value as Python writes it, in double quotes."""
    text = repr(value)
    if isinstance(value, float) and not math.isfinite(value):
        return Code(f'float("{text}")', value)
    if isinstance(value, str) and text.startswith("'") and '"' not in text:
        body = text[1:-1].replace("\\'", "'")
        text = f'"{body}"'
    return Code(text, value)


def node_of(value: object) -> Node:
    """What JSON holds, as an expression."""
    if isinstance(value, dict):
        return Items("{}", tuple(Item(node_of(item), literal(key)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return Items("[]", tuple(Item(node_of(item)) for item in value))
    return literal(value)


def positional(*nodes: Node) -> tuple[Item, ...]:
    """Arguments without names."""
    return tuple(Item(node) for node in nodes)


def comments_of(node: Node) -> Iterator[str]:
    """Every comment inside an expression, but for those in a `Code`, which keeps its own."""
    if isinstance(node, Code):
        return
    for item in node.items:
        yield from item.above
        yield from comments_of(item.node)
        if item.beside:
            yield item.beside
    yield from node.below


def codes_of(node: Node) -> Iterator[Code]:
    """Every `Code` in an expression, keys too."""
    if isinstance(node, Code):
        yield node
        return
    for item in node.items:
        if item.key is not None:
            yield item.key
        yield from codes_of(item.node)


def written(node: Node, layout: Layout, shown: Callable[[Code], str] = lambda code: code.text) -> str:
    """An expression as source: on one line if it fits, else folded as ruff and black fold it.

    Args:
        node: The expression.
        layout: Where it goes.
        shown: How a `Code` is written.
    """
    line = _on_one_line(node, shown)
    if line is not None and (
        layout.before + len(line) + layout.after <= WIDTH or len(line) <= layout.stays_below
    ):
        return line
    if isinstance(node, Code):
        return shown(node)
    opening, closing = _ends(node)
    if not node.items and not node.below:
        return opening + closing
    inner = layout._replace(indent=layout.indent + layout.unit, stays_below=0)
    column = _columns(inner)
    end = f"{layout.newline}{layout.indent}{closing}"
    if line is not None:
        hugged = ", ".join(
            _shown_item(item, node, str(_on_one_line(item.node, shown)), shown) for item in node.items
        )
        if column + len(hugged) <= WIDTH and len(node.items) <= _HUGGED and not _is_list_of_objects(node):
            return f"{opening}{layout.newline}{inner.indent}{hugged}{end}"
    lines: list[str] = []
    for item in node.items:
        lines += item.above
        prefix = _shown_item(item, node, "", shown)
        text = written(item.node, inner._replace(before=column + len(prefix), after=1), shown)
        lines.append(f"{prefix}{text}," + (f"  {item.beside}" if item.beside else ""))
    lines += node.below
    body = "".join(f"{layout.newline}{inner.indent}{text}" for text in lines)
    return f"{opening}{body}{end}"


def _columns(layout: Layout) -> int:
    return len(layout.indent.expandtabs(4))


def _is_list_of_objects(node: Items | Call) -> bool:
    """Objects in a list read better one a line."""
    return isinstance(node, Items) and any(not isinstance(item.node, Code) for item in node.items)


def _ends(node: Items | Call) -> tuple[str, str]:
    if isinstance(node, Call):
        return f"{node.function}(", f"){node.suffix}"
    return node.brackets[0], node.brackets[1]


def _shown_item(item: Item, parent: Items | Call, text: str, shown: Callable[[Code], str]) -> str:
    if item.key is None:
        return f"{item.stars}{text}"
    return f"{item.key.text}={text}" if isinstance(parent, Call) else f"{shown(item.key)}: {text}"


def _on_one_line(node: Node, shown: Callable[[Code], str]) -> str | None:
    """The expression on a line, unless a comment or an end of a line stands in it."""
    if isinstance(node, Code):
        text = shown(node)
        return None if "\n" in text or "\r" in text else text
    if any(True for _ in comments_of(node)):
        return None
    parts: list[str] = []
    for item in node.items:
        inner = _on_one_line(item.node, shown)
        if inner is None:
            return None
        parts.append(_shown_item(item, node, inner, shown))
    opening, closing = _ends(node)
    comma = "," if isinstance(node, Items) and node.brackets == "()" and len(parts) == 1 else ""
    return f"{opening}{', '.join(parts)}{comma}{closing}"


def gathered(items: Sequence[Item]) -> tuple[tuple[str, ...], str]:
    """The comments of several elements that become one: those above it, and the one beside it."""
    found: list[tuple[str, bool]] = []
    for item in items:
        found += [(comment, False) for comment in (*item.above, *comments_of(item.node))]
        if item.beside:
            found.append((item.beside, True))
    if len(found) == 1 and found[0][1]:
        return (), found[0][0]
    return tuple(comment for comment, _ in found), ""
