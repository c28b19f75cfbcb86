"""The rows as one HTML page, with bars of what is asked, the limit, and what was used."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import jinja2
from markupsafe import Markup

from dagster_plus_k8s_helpers.plan.show.html_usage import UsageRow, bar_of, style_sheet, usage_table
from dagster_plus_k8s_helpers.rightsizing.show import words
from dagster_plus_k8s_helpers.rightsizing.show.table import summary_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.rightsizing.asked import Asks
    from dagster_plus_k8s_helpers.rightsizing.rows import Row

__all__ = ["rows_html"]


def rows_html(rows: Sequence[Row], asked: Sequence[Asks]) -> str:
    """The rows as a page that loads nothing, in dark and light.

    Args:
        rows: The rows.
        asked: What all steps ask for, measured or not.
    """
    return _template().render(
        # Ours, and without markup of its own.
        style=Markup(style_sheet()),  # noqa: S704 - see above
        table=usage_table(_usage_row(row) for row in rows) if rows else "",
        summary=list(summary_lines(rows, asked)),
    )


def _usage_row(row: Row) -> UsageRow:
    bars = [
        bar_of(name, figures.request, figures.limit, figures.most)
        for name, figures in (("memory", row.memory), ("cpu", row.cpu))
    ]
    advice = [
        f"{name} {words.recommended(figures, text)}"
        for name, figures, text in (("memory", row.memory, words.memory), ("CPU", row.cpu, words.cores))
        if figures.changes
    ]
    note = f"{words.worth(row)}; write {', '.join(advice)}" if advice else words.worth(row)
    name = row.step if row.group is None else f"{row.step}, {row.group}"
    return UsageRow(name, "", len(row.measured), bars, note)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files(__package__).joinpath("rows.html").read_text(encoding="utf-8"))
