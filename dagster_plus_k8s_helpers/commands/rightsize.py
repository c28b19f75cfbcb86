"""``dagster-plus-k8s rightsize``: what steps ask for beside what they took, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.given import FILE
from dagster_plus_k8s_helpers.commands.loading import pools_of
from dagster_plus_k8s_helpers.commands.planning import plan_options
from dagster_plus_k8s_helpers.commands.usage import usage_options
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import console, one_line, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.commands.planning import Planning
    from dagster_plus_k8s_helpers.commands.usage import UsageSource
    from dagster_plus_k8s_helpers.rightsizing.asked import Asks
    from dagster_plus_k8s_helpers.rightsizing.rows import Row

__all__ = ["rightsize"]

_WIDE = 180


@click.command(
    epilog=examples(
        "rightsize -m shop.definitions --instance dagster_home",
        "rightsize -m shop.definitions --instance dagster_home --write",
        "rightsize -m shop.definitions --instance dagster_home --nodes nodes.yaml -o html > sizes.html",
    )
)
@plan_options
@usage_options
@click.option("--job", metavar="JOB", help="Only steps of this job; of every job when left out.")
@click.option(
    "--nodes",
    type=FILE,
    help="Node pools with their prices, to say what a month costs; - reads standard input.",
)
@output_option("text", "json", "html", "sarif")
@click.option(
    "--write",
    "is_written",
    is_flag=True,
    help="Print which tag at which line becomes what, instead of the rows; no file is changed.",
)
def rightsize(
    planning: Planning,
    source: UsageSource,
    job: str | None,
    nodes: str | None,
    form: str,
    *,
    is_written: bool,
) -> None:
    """Show what each step asks for, what it took in its newest runs, and what it should ask for.

    Steps are measured where k8s_executor runs them. What is worth most stands first: steps that were
    OOMKilled, then those near their limit, then those that waste the most. Exit code 2 when the definitions
    cannot be planned, or the runs cannot be read. With --partition only attempts of that one count.
    """
    if is_written and form != "text":
        raise click.UsageError("--write prints lines of text; leave out --output")
    from dagster_plus_k8s_helpers.rightsizing.rows import rows_of

    pools = [] if nodes is None else pools_of(nodes)
    asked = planning.asked(job)
    measured = source.read(sorted({name for asks in asked for name in asks.jobs}))
    if planning.partition is not None:
        measured = [item for item in measured if item.usage.partition == planning.partition]
    try:
        rows = rows_of(asked, measured, pools=pools)
        if is_written:
            _write_lines(rows)
        else:
            _print(rows, asked, form)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None


def _write_lines(rows: Sequence[Row]) -> None:
    from dagster_plus_k8s_helpers.rightsizing.show.written import written_lines

    lines = [one_line(line) for line in written_lines(rows)]
    write("".join(f"{line}\n" for line in lines) or "nothing to change\n")


def _print(rows: Sequence[Row], asked: Sequence[Asks], form: str) -> None:
    if form == "json":
        from dagster_plus_k8s_helpers.rightsizing.show.as_json import rows_json

        write(rows_json(rows))
    elif form == "html":
        from dagster_plus_k8s_helpers.rightsizing.show.as_html import rows_html

        write(rows_html(rows, asked))
    elif form == "sarif":
        from dagster_plus_k8s_helpers.findings.forms import as_sarif
        from dagster_plus_k8s_helpers.rightsizing.findings import findings_of

        write(as_sarif(findings_of(rows)))
    else:
        from dagster_plus_k8s_helpers.rightsizing.show.table import rows_table, summary_lines

        out = console(least=_WIDE)
        out.print(rows_table(rows) if rows else "no step of these was measured yet")
        for line in summary_lines(rows, asked):
            out.print(one_line(line), soft_wrap=True)
