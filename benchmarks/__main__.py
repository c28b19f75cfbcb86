"""Runs every benchmark: `make bench`, or `python -m benchmarks import` for one of them.

Machines differ and are shared, so each prints what it compares with, measured in the same run, and the
ratio of the two.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    for name in names or found:
        print(f"\n== {name}")
        importlib.import_module(f"benchmarks.bench_{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
