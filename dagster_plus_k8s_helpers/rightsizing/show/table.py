"""The rows as a table for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from dagster_plus_k8s_helpers.findings.finding import few
from dagster_plus_k8s_helpers.rightsizing.show import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.rightsizing.asked import Asks
    from dagster_plus_k8s_helpers.rightsizing.rows import Row

__all__ = ["rows_table", "summary_lines"]


def rows_table(rows: Sequence[Row]) -> Table:
    """A row a step, or a group of its partitions."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Step", overflow="fold")
    table.add_column("Attempts", justify="right")
    for heading in ("Memory asked", "p50 / p95 / most", "write", "CPU asked", "p50 / p95 / most", "write"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("OOMs", justify="right")
    table.add_column("Throttled", justify="right")
    table.add_column("Worth", overflow="fold")
    for row in rows:
        table.add_row(
            row.step if row.group is None else f"{row.step}, {row.group}",
            str(len(row.measured)),
            words.asked(row.memory, words.memory),
            words.used(row.memory, words.memory),
            words.recommended(row.memory, words.memory),
            words.asked(row.cpu, words.cores),
            words.used(row.cpu, words.cores),
            words.recommended(row.cpu, words.cores),
            str(row.ooms or "-"),
            "-" if not row.throttled_share else f"{row.throttled_share:.0%}",
            words.worth(row),
            style=("red" if row.ooms else "yellow") if row.is_near_limit else "",
        )
    return table


def summary_lines(rows: Sequence[Row], asked: Sequence[Asks]) -> Iterator[str]:
    """What the rows come to, and which steps have none."""
    measured = {row.step for row in rows}
    silent = sorted({asks.step for asks in asked} - measured)
    if silent:
        yield f"not measured: {few(silent)}"
    monthly = [row.monthly for row in rows if row.monthly is not None]
    if monthly:
        now, then = sum(pair[0] for pair in monthly), sum(pair[1] for pair in monthly)
        others = len(rows) - len(monthly)
        without = f"; {others} rows not in this, of which the rate or a price is not known" if others else ""
        yield f"a month of these costs {words.money(now)}, and would cost {words.money(then)}{without}"
