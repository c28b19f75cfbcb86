"""What steps ask for beside what they used, as bars on a page."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from dagster_plus_k8s_helpers.capacity.requests import pod_limits, pod_requests
from dagster_plus_k8s_helpers.plan.show.html_sizes import amount_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["UsageBar", "UsageRow", "bar_of", "style_sheet", "usage_rows", "usage_table"]


@dataclass(frozen=True, slots=True)
class UsageBar:
    """One resource of a step; the bar is as long as the largest of the three.

    Attributes:
        resource: ``cpu`` or ``memory``.
        asked: What is requested, in percent of the bar.
        limit: The limit, likewise.
        used: The most that was used, likewise.
        text: The same as text.
        is_near: Whether over nine tenths of the limit were used.
    """

    resource: str
    asked: float
    limit: float
    used: float
    text: str
    is_near: bool


@dataclass(frozen=True, slots=True)
class UsageRow:
    """A step, or some partitions of it.

    Attributes:
        name: What it is called.
        href: Where on the page it is shown; empty for nowhere.
        attempts: How many were measured.
        bars: Its memory and CPU.
        note: What else is to be said.
    """

    name: str
    href: str
    attempts: int
    bars: Sequence[UsageBar]
    note: str = ""


def usage_rows(
    specs: Mapping[str, Mapping[str, Any]], usage: Mapping[str, Sequence[Usage]], number: Mapping[str, int]
) -> list[UsageRow]:
    """The steps of a plan that were measured.

    Args:
        specs: Specs of their pods, by step key.
        usage: What their attempts took, by step key.
        number: Of each step on the page.
    """
    rows = []
    for key, spec in specs.items():
        taken = usage.get(key, ())
        if not taken:
            continue
        requests, limits = pod_requests(spec), pod_limits(spec)
        memory = [item.memory_needed_bytes for item in taken if item.memory_needed_bytes is not None]
        cores = [item.cpu_cores for item in taken if item.cpu_cores is not None]
        most = {"memory": max(memory, default=None), "cpu": max(cores, default=None)}
        bars = [bar_of(name, _of(requests, name), _of(limits, name), used) for name, used in most.items()]
        killed = sum(item.oom_killed for item in taken)
        note = f"{killed} OOMKilled" if killed else ""
        rows.append(UsageRow(key, f"#s{number[key]}", len(taken), bars, note))
    return rows


def _of(amounts: Mapping[str, Quantity], name: str) -> float | None:
    return float(amounts[name].value) if name in amounts else None


def bar_of(resource: str, asked: float | None, limit: float | None, used: float | None) -> UsageBar:
    """One resource as a bar; ``None`` for what is not said or not known."""
    whole = max(asked or 0.0, limit or 0.0, used or 0.0) or 1.0
    parts = [
        f"{word} {amount_text(resource, Decimal(str(amount)))}"
        for word, amount in (("asks", asked), ("limit", limit), ("used", used))
        if amount is not None
    ]
    ends = [round((amount or 0.0) / whole * 100, 1) for amount in (asked, limit, used)]
    is_near = resource == "memory" and used is not None and limit is not None and used > _NEAR * limit
    return UsageBar(resource, ends[0], ends[1], ends[2], ", ".join(parts) or "not known", is_near)


_NEAR = 0.9


def usage_table(rows: Iterable[UsageRow]) -> Markup:
    """The rows as a table."""
    # The template escapes what it is given.
    return Markup(_template().render(rows=list(rows)))  # noqa: S704 - see above


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("usage.html"))


def style_sheet() -> str:
    """The styles of the pages, dark and light."""
    return _file("report.css")


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
