"""What a run costs, as a table and in sentences."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from dagster_plus_k8s_helpers.findings.finding import few

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.plan.costs import StepCost

__all__ = ["cost_lines", "cost_table"]

_LEAST = Decimal("0.01")
_UNKNOWN = "unknown"


def cost_table(costs: Sequence[StepCost]) -> Table:
    """A row a step, with the share of the node that it blocks."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column("Cost of", overflow="fold")
    table.add_column("Blocks", overflow="fold")
    for heading in ("An hour", "Takes", "A run", "Idle"):
        table.add_column(heading, justify="right", no_wrap=True)
    for cost in costs:
        table.add_row(f"  {cost.step}", *_cells(cost))
    return table


def cost_lines(costs: Sequence[StepCost]) -> Iterator[str]:
    """What it comes to."""
    known = [cost.amount for cost in costs if cost.amount is not None]
    if known:
        idle = [cost.idle for cost in costs if cost.idle is not None]
        of_idle = f", {_money(sum(idle, Decimal(0)))} of it for requests that nothing used" if idle else ""
        yield f"a run costs {_money(sum(known, Decimal(0)))}{of_idle}; its own pod is not in this"
    unknown = [cost.step for cost in costs if cost.hourly is not None and cost.seconds is None]
    if unknown:
        yield f"how long they take is not known: {few(unknown)}"
    priceless = [cost.step for cost in costs if cost.hourly is None]
    if priceless:
        yield f"no pool with a price takes them: {few(priceless)}"


def _cells(cost: StepCost) -> tuple[str, str, str, str, str]:
    hourly = cost.hourly
    blocks = _UNKNOWN
    if hourly is not None:
        of = f"{hourly.share:.1%} of {hourly.pool}" + (", spot" if hourly.is_spot else "")
        blocks = f"{of}, by {hourly.resource}" if hourly.resource else of
    return (
        blocks,
        _UNKNOWN if hourly is None else _money(hourly.amount),
        _UNKNOWN if cost.seconds is None else _time(cost.seconds),
        _UNKNOWN if cost.amount is None else _money(cost.amount),
        _UNKNOWN if cost.idle is None else _money(cost.idle),
    )


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}" if amount >= _LEAST or not amount else f"<{_LEAST}"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
