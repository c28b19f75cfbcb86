"""``dagster-plus-k8s check``: what is wrong with the files the platform reads."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import click

from dagster_plus_k8s_helpers.findings import Finding, Severity, at_or_above
from dagster_plus_k8s_helpers.plan.checking import Source, check_sources
from dagster_plus_k8s_helpers.plan.report import FORMATS, Format, print_text

__all__ = ["check"]

_FOUND = 1
_COULD_NOT_CHECK = 2


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="How to write the findings down.",
)
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.ERROR.value,
    show_default=True,
    help="From which severity on the exit code is 1.",
)
def check(files: tuple[str, ...], form: Format, fail_on: str) -> None:
    """Check the agent's Helm values, dagster_cloud.yaml, container_context.yaml and build.yaml.

    Each FILE is told by what it holds; - reads standard input. Code locations are paired with the agents
    whose values are given with them.

    Exit code 0: nothing found. 1: something found. 2: something could not be checked.
    """
    sources, unreadable = [], []
    for file in dict.fromkeys(files):
        try:
            sources.append(Source(_name(file), _content(file)))
        except OSError as error:
            unreadable.append(f"cannot read {_name(file)}: {error.strerror or error}")
    findings = _checked(sources)
    if form == "text" and sys.stdout.isatty():
        print_text(findings)
    elif sources or form != "text":
        click.echo(_printable(FORMATS[form](findings)), nl=False)
    for message in unreadable:
        click.echo(f"Error: {message}", err=True)
    if unreadable:
        sys.exit(_COULD_NOT_CHECK)
    if at_or_above(findings, Severity(fail_on)):
        sys.exit(_FOUND)


def _checked(sources: list[Source]) -> list[Finding]:
    """The findings, without the garbage collector: it would go through every node of YAML again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return check_sources(sources)
    finally:
        if collects:
            gc.enable()


def _content(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _name(file: str) -> str:
    return "standard input" if file == "-" else click.format_filename(file)


def _printable(text: str) -> str:
    """Half of a surrogate pair, which YAML lets through, cannot be written as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
