"""What the benchmarks measured of this package and of others, in one run each, kept for `benchmarks.plot`.

A comparison is kept under its name: the next run of its benchmark replaces it, and leaves the others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

__all__ = ["FILE", "Comparison", "compared", "read"]

FILE = Path(__file__).with_name("results.json")


class Comparison(NamedTuple):
    """One thing, done by this package and by something else, measured in the same run.

    Attributes:
        what: What was done.
        part: The benchmark: `make bench PART=...`.
        ours: What it took.
        peer: What the other took.
        beside: The other.
        unit: ``s`` or ``calls``.
    """

    what: str
    part: str
    ours: float
    peer: float
    beside: str
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times as much the other took."""
        return self.peer / self.ours


def read(file: Path | None = None) -> list[Comparison]:
    """What is kept, what was most by far first."""
    kept = [Comparison(**row) for row in json.loads((file or FILE).read_text("utf-8"))]
    return sorted(kept, key=lambda row: (-row.ratio, row.what))


def compared(row: Comparison, file: Path | None = None) -> None:
    """Keep a comparison.

    Args:
        row: The comparison.
        file: Where; beside the benchmarks unless said.
    """
    file = file or FILE
    kept = {old.what: old for old in read(file)} if file.exists() else {}
    kept[row.what] = row
    # Three digits: the others are of the machine, at that moment.
    rows = [
        new._asdict() | {"ours": float(f"{new.ours:.3g}"), "peer": float(f"{new.peer:.3g}")}
        for new in kept.values()
    ]
    rows.sort(key=lambda written: (str(written["part"]), str(written["what"])))
    file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
