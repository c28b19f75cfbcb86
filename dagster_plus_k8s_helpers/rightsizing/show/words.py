"""Figures of a row as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.rightsizing.rows import Figures, Row

__all__ = ["asked", "cores", "memory", "money", "quantity", "recommended", "used", "worth"]

_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_NOTHING = "-"


def memory(amount: float | None) -> str:
    """Bytes as people write them, to three figures: ``1.25Gi``."""
    if amount is None:
        return _NOTHING
    for unit, size in _UNITS:
        if amount >= size:
            return f"{amount / size:.3g}{unit}" if amount < 1_000 * size else f"{amount / size:.0f}{unit}"
    return f"{amount:.0f}"


def cores(amount: float | None) -> str:
    """Cores, to the hundredth: ``0.25``."""
    if amount is None:
        return _NOTHING
    return f"{amount:.2f}".rstrip("0").rstrip(".") if amount >= 0.005 or not amount else "<0.01"


def asked(figures: Figures, text: Callable[[float | None], str]) -> str:
    """``request / limit``; one figure where they are the same."""
    if figures.request == figures.limit:
        return text(figures.limit)
    return f"{text(figures.request)} / {text(figures.limit)}"


def used(figures: Figures, text: Callable[[float | None], str]) -> str:
    """``p50 / p95 / most``."""
    if figures.most is None:
        return _NOTHING
    return " / ".join(text(amount) for amount in (figures.p50, figures.p95, figures.most))


def recommended(figures: Figures, text: Callable[[float | None], str]) -> str:
    """The size to ask for; ``keep`` where the present one is near enough."""
    if figures.new_request is None:
        return _NOTHING
    return text(figures.new_request) if figures.changes else "keep"


def quantity(amount: float, *, of_memory: bool) -> str:
    """An amount as Kubernetes takes it, exactly what is recommended."""
    return (
        Quantity(f"{math.ceil(amount / 2**20)}Mi").canonical
        if of_memory
        else Quantity(f"{math.ceil(round(amount * 1_000, 6))}m").canonical
    )


def worth(row: Row) -> str:
    """Why to act on a row: its risk, or what it saves; and what decides its size, if anything does."""
    by = f"; {row.asks.sized_by} decides" if row.asks.sized_by else ""
    return f"{_worth(row)}{by}"


def _worth(row: Row) -> str:
    if row.risk:
        return row.risk
    if row.advice.memory_bytes is None and row.advice.cpu_cores is None:
        return row.advice.why
    if not (row.memory.changes or row.cpu.changes):
        return "fits"
    if row.monthly is not None:
        now, then = row.monthly
        return f"costs {money(now)} a month, would {money(then)}"
    if row.hourly is not None:
        return f"{_saves(row.saving)} {money(abs(row.saving))} in {row.runs} runs"
    return f"{_saves(row.saving)} {abs(row.saving):.3g} GiB hours in {row.runs} runs"


def money(amount: float) -> str:
    """An amount in the unit of the prices."""
    return f"{amount:,.2f}" if amount >= 0.01 or not amount else "<0.01"


def _saves(saving: float) -> str:
    return "saves" if saving >= 0 else "takes"
