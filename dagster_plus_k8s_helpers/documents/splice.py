"""Setting a value in the text of a YAML document: what the edit does not touch stays, letter by letter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.documents.positions import Node, Places, places_of
from dagster_plus_k8s_helpers.documents.writing import block_lines, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.documents.document import Path

__all__ = ["with_value"]

_INDENT = 2
"""By how much nested mappings and lists are indented in a text that has none to go by."""


def with_value(text: str, position: int, path: Path, value: object) -> str:
    """The text with a value set in one of its documents, as Helm does it: what is missing on the way is made.

    It is in the style of what stands around it, and what is new goes before the comments behind the place.

    Args:
        text: YAML that can be read.
        position: Number of the document in it, from 0.
        path: Where the value goes.
        value: The value.
    """
    places = places_of(text, position)
    if places.root is None or places.root.is_empty:
        return _in_nothing(places, _nested(path, value))
    slot = _Slot(places.root, places.root.start, places.root)
    for index, part in enumerate(path):
        node, rest = slot.node, _nested(path[index + 1 :], value)
        found = node.child(part)
        if found is not None:
            key, inner = found
            if key is not None and inner.is_empty and text[inner.start - 1] != ":":
                return with_value(_with_colon(places, node, key), position, path, value)
            slot = _Slot(inner, _after_mark(places, node, *found), node, key)
        elif node.children and node.kind == "mapping" and isinstance(part, str):
            return _with_entries(places, node, {part: rest})
        elif node.children and node.kind == "sequence" and isinstance(part, int):
            return _with_entries(places, node, [*[None] * (part - len(node.children)), rest])
        else:
            return _replaced(places, slot, _nested(path[index:], value))
    return _replaced(places, slot, value)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A place where a value stands.

    Attributes:
        node: The value.
        after: Where the ``:`` or ``-`` before it ends; where it begins itself when there is none.
        parent: The mapping or list that it is in; itself at the top.
        key: Its key, in a mapping.
    """

    node: Node
    after: int
    parent: Node
    key: Node | None = None

    @property
    def is_top(self) -> bool:
        return self.node is self.parent


class _New(NamedTuple):
    """What takes the place of a value in a block.

    Attributes:
        start: From where on the old one goes: where it begins, or what stands before it does.
        inline: What takes its place in its line.
        below: The lines that follow this one.
        column: Where comments that lose their line are put between the two.
    """

    start: int
    inline: str
    below: list[str]
    column: int


def _after_mark(places: Places, parent: Node, key: Node | None, node: Node) -> int:
    if node.is_empty or (parent.flow and key is None):
        return node.start
    return places.before("-" if key is None else ":", node.start) + 1


def _nested(path: Sequence[str | int], value: object) -> object:
    """A value under the keys and indexes that lead to it."""
    for part in reversed(path):
        value = {part: value} if isinstance(part, str) else [*[None] * part, value]
    return value


def _in_nothing(places: Places, data: object) -> str:
    """The text with data in a document that has none, after its comments."""
    head, tail = places.text[: places.end], places.text[places.end :]
    new_line = places.new_line(0)
    ended = not head or head.endswith(("\n", "\r"))
    lines = block_lines(data, mapping_indent=_INDENT, list_indent=_INDENT)
    return head + ("" if ended else new_line) + new_line.join(lines) + new_line + tail


def _with_colon(places: Places, parent: Node, key: Node) -> str:
    """The text with the colon that a key without a value can do without."""
    text = places.text
    if parent.flow:
        return f"{text[: key.end]}: {text[key.end :]}"
    end = places.line_end(key.end)
    return text[:end] + places.new_line(end) + " " * _column(places, parent) + ":" + text[end:]


def _replaced(places: Places, slot: _Slot, value: object) -> str:
    node = slot.node
    anchor = f"&{node.anchor}" if node.anchor else ""
    quote = node.style if node.style in {"'", '"'} else ""
    if slot.parent.flow and not slot.is_top:
        written = " ".join(filter(None, [anchor, one_line(value, quote=quote, flow=True)]))
        return _replaced_in_flow(places, slot, written)
    if not value or not isinstance(value, dict | list) or (node.flow and node.children):
        says_nothing = value is None and slot.key is not None and not anchor
        written = "" if says_nothing else " ".join(filter(None, [anchor, one_line(value, quote=quote)]))
        start = slot.after if says_nothing or node.is_block else node.start
        column = 0 if slot.is_top else _column(places, slot.parent)
        return _replaced_in_block(places, slot, _New(start, written, [], column))
    column = _column_of_block(places, slot, value)
    lines = [" " * column + line for line in block_lines(value, **_indents(places, slot.parent))]
    is_same_kind = node.is_block and node.kind == _kind(value)
    if not anchor and (is_same_kind or (slot.key is None and _begins_in_line(places, slot))):
        return _replaced_in_block(places, slot, _New(node.start, lines[0].lstrip(" "), lines[1:], column))
    return _replaced_in_block(places, slot, _New(slot.after, anchor, lines, column))


def _kind(value: object) -> str:
    return "mapping" if isinstance(value, dict) else "sequence"


def _replaced_in_flow(places: Places, slot: _Slot, written: str) -> str:
    text, node = places.text, slot.node
    next_line = places.new_line(node.start) + " " * places.column(node.start)
    comments = [text[start:end] for start, end in places.comments_between(node.start, node.end)]
    written += "".join(f"  {comment}{next_line}" for comment in comments)
    stands_alone = not node.is_empty and written[0] in "'\"[{"
    blank = " " if text[node.start - 1] == ":" and not stands_alone else ""
    return text[: node.start] + blank + written + text[node.end :]


def _replaced_in_block(places: Places, slot: _Slot, new: _New) -> str:
    text, end, start, inline = places.text, slot.node.end, new.start, new.inline
    if places.is_one_line(start, slot.node.start):
        start = slot.node.start
    line_end = places.line_end(end)
    tail = text[end:line_end]
    found = places.comments_between(start, end)
    comments = [text[slice(*place)] for place in found]
    if found and places.is_one_line(start, found[0][0]):
        # The comment of the value's first line stays there, and that of its last one goes below.
        before = text[start : found[0][0]]
        comments += [tail.strip()] if tail.strip() else []
        tail = before[len(before.rstrip(" \t")) :] + comments.pop(0)
    head = text[:start]
    if not inline:
        head = head.rstrip(" \t")
    elif text[start - 1 : start] in {":", "-"} and start == slot.after:
        inline = " " + inline
    if tail.startswith("#"):
        tail = " " + tail
    new_line = places.new_line(line_end)
    lines = [head + inline + tail, *(" " * new.column + comment for comment in comments), *new.below]
    return new_line.join(lines) + text[line_end:]


def _begins_in_line(places: Places, slot: _Slot) -> bool:
    """Whether a block can begin where the value does: behind a ``-``, or in a line of its own."""
    if slot.is_top:
        start = slot.node.start
        return not places.text[start - places.column(start) : start].strip()
    return places.is_one_line(slot.after, slot.node.start)


def _column_of_block(places: Places, slot: _Slot, value: object) -> int:
    node = slot.node
    if node.is_block and node.kind == _kind(value):
        return _column(places, node)
    if slot.is_top:
        return places.column(node.start) if _begins_in_line(places, slot) else 0
    column = _column(places, slot.parent)
    if slot.key is None:
        is_beside = not node.is_empty and places.is_one_line(slot.after, node.start)
        return places.column(node.start) if is_beside else column + 2
    indents = _indents(places, slot.parent)
    return column + indents["mapping_indent" if isinstance(value, dict) else "list_indent"]


def _column(places: Places, block: Node) -> int:
    """The column in which the keys or the ``-`` of a block stand."""
    key, value = block.children[0]
    if key is None:
        return places.column(_after_mark(places, block, None, value) - 1)
    mark = places.before("?", key.start)
    has_mark = mark >= block.start and not places.text[mark + 1 : key.start].strip()
    return places.column(mark if has_mark else key.start)


def _indents(places: Places, around: Node) -> dict[str, int]:
    """By how much mappings and lists are indented under their keys, here or else anywhere in the document."""
    found: dict[str, int] = {}
    for node in [around, *(places.root or around).walk()]:
        if node.is_block and node.kind == "mapping":
            for _, value in node.children:
                if value.is_block:
                    found.setdefault(value.kind, _column(places, value) - _column(places, node))
    return {"mapping_indent": found.get("mapping", _INDENT), "list_indent": found.get("sequence", _INDENT)}


def _with_entries(places: Places, node: Node, data: Mapping[str, object] | Sequence[object]) -> str:
    """The text with entries added to a mapping or list that has some."""
    if node.flow:
        return _with_entries_in_flow(places, node, one_line(data, flow=True)[1:-1])
    head, tail = _room_after(places, node)
    pad = places.new_line(len(head)) + " " * _column(places, node)
    return head + "".join(pad + line for line in block_lines(data, **_indents(places, node))) + tail


def _room_after(places: Places, block: Node) -> tuple[str, str]:
    """The text up to the end of the last line of a block, and the rest."""
    text, last = places.text, block
    while last.children and not last.flow:
        last = last.children[-1][1]
    end = places.line_end(block.end)
    if last.style not in {"|", ">"}:
        return text[:end], text[end:]
    header = re.compile(r"[|>][-+\d]*").search(text, last.start)
    if header and end == len(text):
        # The line ends that are to come would become part of the text in the block.
        kept = header[0].replace("+", "").replace("-", "")
        return text[: header.start()] + kept + "-" + text[header.end() :], ""
    if header and "+" in header[0]:
        end = last.stop - (2 if text.endswith("\r\n", 0, last.stop) else 1)
    return text[:end], text[end:]


def _with_entries_in_flow(places: Places, node: Node, written: str) -> str:
    text = places.text
    first = node.children[0][0]
    if first is not None and first.start == node.start:
        # A mapping in a list can do without its braces while it has one key.
        return f"{text[: node.start]}{{{text[node.start : node.end]}, {written}}}{text[node.end :]}"
    ends = [max(value.end, key.end if key else 0) for key, value in node.children]
    key, value = node.children[-1]
    start, before = (key or value).start, ends[-2] if len(ends) > 1 else node.start
    comma = places.before(",", node.end)
    end = comma + 1 if comma >= ends[-1] else ends[-1]
    if places.is_one_line(before, start) or places.is_one_line(end, node.end):
        joint = " " if end > ends[-1] else " , " if text[end - 1] == ":" else ", "
        return text[:end] + joint + written + text[end:]
    line_end = places.line_end(end)
    own, extra = ("", ",") if end > ends[-1] else (",", "")
    next_line = places.new_line(line_end) + " " * places.column(start)
    return text[:end] + own + text[end:line_end] + next_line + written + extra + text[line_end:]
