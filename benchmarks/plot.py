"""Draws docs/diagrams/figures.svg from benchmarks/results.json; `make bench` ends with it.

A bar says how many times as much the other takes, in steps of ten; where there is none, both take the same.
"""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.results import Comparison

__all__ = ["PLOT", "drawn"]

PLOT = Path(__file__).parents[1] / "docs" / "diagrams" / "figures.svg"
TITLE = "How many times as much others take for the same, measured in the same run"
_TIMES = "\u00d7"
_LABELS, _BARS, _BEHIND, _ROW, _TOP = 290, 330, 250, 44, 34
# As in scripts/draw.py: the colour is that of the text around it, or what the system says.
_STYLE = (
    ".diagram{color:#1f2430;font:13px system-ui,sans-serif}"
    "@media(prefers-color-scheme:dark){.diagram{color:#e2e4ec}}"
    ".diagram text{fill:currentColor}.diagram .small{font-size:11.5px;opacity:.8}"
    ".diagram .left{text-anchor:end}.diagram .middle{text-anchor:middle}"
    ".diagram rect{fill:#5b7fd6}.diagram path{stroke:currentColor;stroke-opacity:.25;fill:none}"
)


def drawn(comparisons: Sequence[Comparison]) -> str:
    """The plot as SVG."""
    decades = max(1, math.ceil(math.log10(max(row.ratio for row in comparisons))))
    width, height = _LABELS + _BARS + _BEHIND, _TOP + _ROW * len(comparisons) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="diagram" viewBox="0 0 {width} {height}"',
        f'width="{width}" role="img" aria-label="{TITLE}"><title>{TITLE}</title>',
        f"<style>{_STYLE}</style>",
    ]
    for decade in range(decades + 1):
        across = _LABELS + _BARS * decade / decades
        lines.append(f'<path d="M{across:.0f} {_TOP - 8}V{height - 8}"/>')
        lines.append(
            f'<text x="{across:.0f}" y="{_TOP - 14}" class="small middle">{10**decade:,} {_TIMES}</text>'
        )
    for index, row in enumerate(comparisons):
        top = _TOP + _ROW * index
        # What takes less than this package does has a bar of no length, and its number behind it.
        length = max(0.0, _BARS * math.log10(row.ratio) / decades)
        beside = f"{_times(row.ratio)} {_TIMES} {escape(row.beside)}"
        lines += [
            f'<text x="{_LABELS - 10}" y="{top + 15}" class="left">{escape(row.what)}</text>',
            f'<text x="{_LABELS - 10}" y="{top + 31}" class="small left">{_amounts(row)}</text>',
            f'<rect x="{_LABELS}" y="{top + 4}" width="{length:.1f}" height="26" rx="3"/>',
            f'<text x="{_LABELS + length + 8:.1f}" y="{top + 22}">{beside}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _times(ratio: float) -> str:
    """A number of two digits."""
    digits = max(0, 1 - math.floor(math.log10(ratio)))
    rounded = round(ratio, 1 - math.floor(math.log10(ratio)))
    return f"{rounded:,.{digits}f}"


def _amounts(row: Comparison) -> str:
    return f"{_amount(row.ours, row.unit)} beside {_amount(row.peer, row.unit)}"


def _amount(amount: float, unit: str) -> str:
    """Seconds in the unit that one would say them in; anything else as it is."""
    if unit != "s":
        return f"{amount:,.0f} {unit}"
    for name, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if amount >= size:
            return f"{amount / size:.3g} {name}"
    return f"{amount * 1e9:.3g} ns"


def main() -> None:
    """Draw it."""
    PLOT.write_text(drawn(read()), "utf-8")
    print(f"wrote {PLOT}")


if __name__ == "__main__":
    main()
