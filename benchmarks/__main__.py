"""Runs the benchmarks: `make bench`, or `python -m benchmarks executor` for one of them.

Machines differ and are shared, so each prints what it compares with, measured in the same run, and the
ratio of the two. What both took is kept in results.json, of which the plot of the documentation is drawn.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from benchmarks import plot


def main(arguments: list[str] | None = None) -> None:
    """Run the named benchmarks, or all."""
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Runs the benchmarks.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(found)}; all without it")
    parser.add_argument("--full", action="store_true", help="the largest sizes too: minutes more")
    asked = parser.parse_args(arguments)
    if unknown := sorted(set(asked.parts) - set(found)):
        parser.error(f"there is no {unknown[0]!r}: write one of {', '.join(found)}")
    for name in asked.parts or found:
        print(f"\n== {name}")
        begun = time.perf_counter()
        bench = importlib.import_module(f"benchmarks.bench_{name}")
        (getattr(bench, "full", bench.main) if asked.full else bench.main)()
        print(f"({time.perf_counter() - begun:.0f} s)")
    plot.main()


if __name__ == "__main__":
    main()
