"""Draws docs/diagrams/*.txt as SVG: boxes in a grid, and arrows between them.

python scripts/draw.py

The first line is what the drawing shows. A line with ``|`` is a row of boxes, each ``name: Title / words``,
and may leave a place empty; ``a -> b: words`` is an arrow, ``a _> b`` one that goes round below.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

DIAGRAMS = Path(__file__).parent.parent / "docs" / "diagrams"
WIDTH, HEIGHT, ACROSS, DOWN, MARGIN, BELOW = 158, 52, 38, 46, 8, 34

_ARROW = re.compile(r"(\w+) (->|_>) (\w+)(?:: (.+))?$")
_STYLE = """\
.diagram{color:#1f2430;font:13px system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.diagram{color:#e2e4ec}}\
.diagram rect{fill:currentColor;fill-opacity:.06;stroke:currentColor;stroke-opacity:.45}\
.diagram path{fill:none;stroke:currentColor;stroke-opacity:.7;stroke-width:1.4}\
.diagram marker path{fill:currentColor;stroke:none}\
.diagram text{fill:currentColor;text-anchor:middle}\
.diagram .title{font-weight:600}\
.diagram .small{font-size:11.5px;opacity:.8}"""


class Box(NamedTuple):
    """A box: its place in the grid, and its words."""

    column: int
    row: int
    title: str
    words: str

    @property
    def x(self) -> float:
        """The middle of it."""
        return MARGIN + self.column * (WIDTH + ACROSS) + WIDTH / 2

    @property
    def y(self) -> float:
        """The middle of it."""
        return MARGIN + self.row * (HEIGHT + DOWN) + HEIGHT / 2


def main() -> None:
    """Write the drawing of each text."""
    for source in sorted(DIAGRAMS.glob("*.txt")):
        source.with_suffix(".svg").write_text(drawn(source.read_text("utf-8")), "utf-8")
        print(f"wrote {source.with_suffix('.svg')}")


def drawn(text: str) -> str:
    """The SVG of a description."""
    shows, *lines = text.splitlines()
    boxes: dict[str, Box] = {}
    arrows = list[tuple[str, str, str, str]]()
    row = 0
    for line in lines:
        if arrow := _ARROW.match(line):
            arrows.append((arrow[1], arrow[2], arrow[3], arrow[4] or ""))
            continue
        for column, cell in enumerate(line.split("|")):
            name, _, words = cell.strip().partition(": ")
            if name:
                title, _, more = words.partition(" / ")
                boxes[name] = Box(column, row, title, more)
        row += 1
    right = max(box.x for box in boxes.values()) + WIDTH / 2 + MARGIN
    round_below = any(kind == "_>" for _, kind, _, _ in arrows)
    bottom = max(box.y for box in boxes.values()) + HEIGHT / 2 + MARGIN + (BELOW if round_below else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 {right:g} {bottom:g}"',
        f'width="{right:g}" role="img" aria-label="{escape(shows)}"><title>{escape(shows)}</title>',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"',
        'orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs>',
        *(_box(box) for box in boxes.values()),
        *(_arrow(boxes[start], boxes[end], kind, words) for start, kind, end, words in arrows),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _box(box: Box) -> str:
    left, top = box.x - WIDTH / 2, box.y - HEIGHT / 2
    title = _words(box.x, box.y + (-3 if box.words else 5), box.title, "title")
    below = _words(box.x, box.y + 15, box.words, "small") if box.words else ""
    return f'<rect x="{left:g}" y="{top:g}" width="{WIDTH}" height="{HEIGHT}" rx="8"/>{title}{below}'


def _words(x: float, y: float, words: str, of: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{of}">{escape(words)}</text>'


def _arrow(start: Box, end: Box, kind: str, words: str) -> str:
    """A line from the side of one box to the side of another that faces it."""
    if kind == "_>":
        low = max(start.y, end.y) + HEIGHT / 2
        path = f"M{start.x:g} {low:g}V{low + BELOW - 14:g}H{end.x:g}V{low + 2:g}"
        label = ((start.x + end.x) / 2, low + BELOW)
    elif start.row == end.row:
        way = 1 if end.column > start.column else -1
        path = f"M{start.x + way * WIDTH / 2:g} {start.y:g}H{end.x - way * (WIDTH / 2 + 2):g}"
        label = ((start.x + end.x) / 2, start.y - HEIGHT / 2 - 8)
    else:
        way = 1 if end.row > start.row else -1
        lean = (end.column - start.column) * WIDTH / 4
        begin, stop = start.y + way * HEIGHT / 2, end.y - way * (HEIGHT / 2 + 2)
        path = f"M{start.x + lean:g} {begin:g}L{end.x - lean:g} {stop:g}"
        label = ((start.x + end.x) / 2, (start.y + end.y) / 2)
    return f'<path d="{path}" marker-end="url(#tip)"/>' + (_words(*label, words, "small") if words else "")


if __name__ == "__main__":
    main()
