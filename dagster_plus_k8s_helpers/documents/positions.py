"""Where in the text of a YAML document each of its values and comments stands, as the parser says it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import yaml

from dagster_plus_k8s_helpers.documents.writing import TEXT_TAGS, tag_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LOADER", "Node", "Places", "comments_in", "places_of"]

# libyaml is ten times as fast; PyYAML can be built without it.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The parser, which takes tabs where PyYAML's own does not."""

_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_BLANKS = " \t\r\n\x85\u2028\u2029"


@dataclass(frozen=True, slots=True)
class Node:
    """A value, or a key, with where it stands.

    Attributes:
        kind: What it is; an alias is not what it stands for.
        start: Where it begins, with its anchor and tag.
        end: Where it ends, without the blanks and comments after it.
        style: ``'`` or ``"`` of a scalar in quotation marks, ``|`` or ``>`` of a block; else empty.
        flow: Whether a mapping or list is written in brackets, or inside some.
        anchor: The name that aliases refer to it by; empty when it has none.
        text: What a scalar says, when it is text.
        children: What is in a mapping or list; keys are those of a mapping.
        stop: Where a block of text ends, with the line ends that belong to it.
    """

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    start: int
    end: int
    style: str = ""
    flow: bool = False
    anchor: str = ""
    text: str | None = None
    children: tuple[tuple[Node | None, Node], ...] = ()
    stop: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written for it at all, which means null."""
        return self.kind == "scalar" and self.start == self.end

    @property
    def is_block(self) -> bool:
        """Whether it is a mapping or list on lines of its own."""
        return self.kind in {"mapping", "sequence"} and not self.flow

    def child(self, part: str | int) -> tuple[Node | None, Node] | None:
        """The key and the value that a part of a path leads to; of equal keys the last one counts."""
        if isinstance(part, int):
            is_here = self.kind == "sequence" and part < len(self.children)
            return self.children[part] if is_here else None
        named = [pair for pair in self.children if pair[0] is not None and pair[0].text == part]
        return named[-1] if named else None

    def walk(self) -> Iterator[Node]:
        """This value and all in it."""
        yield self
        for _, value in self.children:
            yield from value.walk()


@dataclass(frozen=True, slots=True)
class Places:
    """Where things stand in a text.

    Attributes:
        text: The text.
        root: The value of the document; ``None`` when the text has no document.
        start: Where the document begins, after its mark.
        end: Where it ends, before the mark of its end or of the next one.
        comments: Where each comment of the text begins and ends.
        marks: Where the marks of each kind, such as the ``-`` of lists, begin.
        lines: Where each line begins.
    """

    text: str
    root: Node | None
    start: int
    end: int
    comments: tuple[tuple[int, int], ...]
    marks: dict[str, list[int]]
    lines: list[int]

    def before(self, mark: str, position: int) -> int:
        """Where the last mark of a kind before a position stands; -1 when there is none."""
        found = self.marks[mark]
        index = bisect_left(found, position)
        return found[index - 1] if index else -1

    def column(self, position: int) -> int:
        """How many letters stand before a position in its line."""
        return position - self.lines[bisect_right(self.lines, position) - 1]

    def line_end(self, position: int) -> int:
        """Where the line of a position ends, before the letters that end it."""
        match = _LINE_END.search(self.text, position)
        return match.start() if match else len(self.text)

    def new_line(self, position: int) -> str:
        """How the line of a position ends, or else how lines of the text do."""
        match = _LINE_END.search(self.text, position) or _LINE_END.search(self.text)
        return match[0] if match and match[0] in {"\n", "\r\n", "\r"} else "\n"

    def comments_between(self, start: int, end: int) -> list[tuple[int, int]]:
        """Where the comments in a part of the text begin and end."""
        return [comment for comment in self.comments if start <= comment[0] < end]

    def is_one_line(self, start: int, end: int) -> bool:
        """Whether a part of the text is in one line."""
        return not _LINE_END.search(self.text, start, end)


def places_of(text: str, position: int) -> Places:
    """Where the values of a document stand.

    Args:
        text: YAML that can be read.
        position: Number of the document in it, from 0.
    """
    comments, marks = _scanned(text)
    events = _Events(text, marks)
    root, start, end = None, 0, len(text)
    for _ in range(position + 1):
        document = events.document()
        if document is None:
            break
        root, start, end = document
    lines = [0, *(match.end() for match in _LINE_END.finditer(text))]
    return Places(text, root, start, end, comments, marks, lines)


def comments_in(text: str) -> list[str]:
    """The comments of a text, in their order."""
    return [text[start:end].rstrip() for start, end in _scanned(text)[0]]


def _scanned(text: str) -> tuple[tuple[tuple[int, int], ...], dict[str, list[int]]]:
    """Where the comments, and the marks between values, stand."""
    comments: list[tuple[int, int]] = []
    marks: dict[str, list[int]] = {"-": [], ":": [], ",": [], "?": []}
    done = 0
    tokens: Iterator[Any] = yaml.scan(text, Loader=LOADER)
    for token in tokens:
        start, end = _start(token), _end(token)
        comments += _comments(text, done, start)
        done = max(done, end)
        if isinstance(token, yaml.ScalarToken) and token.style in {"|", ">"}:
            # A comment may stand behind the sign that begins the block.
            comments += _comments(text, start + 1, _first_line_end(text, start))
        elif text[start:end] in marks and not isinstance(token, yaml.ScalarToken):
            marks[text[start:end]].append(start)
    comments += _comments(text, done, len(text))
    return tuple(comments), marks


def _comments(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The comments in a part of the text that holds nothing else but blanks."""
    while (start := text.find("#", start, end)) >= 0:
        stop = _first_line_end(text, start)
        yield start, stop
        start = stop


def _first_line_end(text: str, start: int) -> int:
    match = _LINE_END.search(text, start)
    return match.start() if match else len(text)


class _Events:
    """The parser's events of a text, made into nodes."""

    def __init__(self, text: str, marks: dict[str, list[int]]) -> None:
        self._text = text
        self._marks = marks
        self._events: Iterator[Any] = yaml.parse(text, Loader=LOADER)
        next(self._events)

    def document(self) -> tuple[Node, int, int] | None:
        """The next document: its value, where it begins and where it ends."""
        mark = next(self._events)
        if isinstance(mark, yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), after=_end(mark))
        return root, _end(mark), _start(next(self._events))

    def _node(self, event: Any, *, after: int, flow: bool = False) -> Node:
        start, anchor = _start(event), event.anchor or ""
        if isinstance(event, yaml.AliasEvent):
            return Node("alias", start, _end(event))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, after)
        flow = flow or bool(event.flow_style)
        if isinstance(event, yaml.SequenceStartEvent):
            items, stop = self._items(start, flow=flow)
            return Node("sequence", start, stop, flow=flow, anchor=anchor, children=items)
        pairs, stop = self._pairs(start, flow=flow)
        return Node("mapping", start, stop, flow=flow, anchor=anchor, children=pairs)

    def _scalar(self, event: Any, after: int) -> Node:
        start, end, style = _start(event), _end(event), event.style or ""
        if start == end:
            # Parsers differ in where they see nothing; it begins with the mark that calls for it.
            return Node("scalar", after, after)
        stop = end
        if style in {"|", ">"}:
            end = start + len(self._text[start:end].rstrip(_BLANKS))
        plain, quoted = event.implicit
        tag = tag_of(event.value) if plain else TEXT_TAGS[0] if quoted else event.tag
        text = event.value if tag in TEXT_TAGS else None
        return Node("scalar", start, end, style, anchor=event.anchor or "", text=text, stop=stop)

    def _items(self, done: int, *, flow: bool) -> tuple[tuple[tuple[None, Node], ...], int]:
        items: list[tuple[None, Node]] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            after = done if flow else self._mark("-", done, _start(event))
            items.append((None, self._node(event, after=after, flow=flow)))
            done = items[-1][1].end
        return tuple(items), _end(event) if flow else done

    def _pairs(self, done: int, *, flow: bool) -> tuple[tuple[tuple[Node, Node], ...], int]:
        pairs: list[tuple[Node, Node]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, after=self._mark("?", done, _start(event)), flow=flow)
            event = next(self._events)
            after = self._mark(":", key.end, _start(event))
            pairs.append((key, self._node(event, after=after, flow=flow)))
            done = max(key.end, pairs[-1][1].end)
        return tuple(pairs), max(done, _end(event)) if flow else done

    def _mark(self, mark: str, start: int, end: int) -> int:
        """Where the first mark of a kind in a part of the text ends; where the part begins, without one."""
        found = self._marks[mark]
        index = bisect_left(found, start)
        return found[index] + 1 if index < len(found) and found[index] < max(end, start + 1) else start


def _start(part: Any) -> int:
    """Where a token or an event of the parser begins."""
    return int(part.start_mark.index)


def _end(part: Any) -> int:
    return int(part.end_mark.index)
