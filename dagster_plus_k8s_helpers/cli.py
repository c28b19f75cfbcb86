"""The command ``dagster-plus-k8s``."""

from __future__ import annotations

import click

from dagster_plus_k8s_helpers.commands.agent import agent
from dagster_plus_k8s_helpers.commands.check import check
from dagster_plus_k8s_helpers.commands.completion import completion
from dagster_plus_k8s_helpers.commands.explain import explain
from dagster_plus_k8s_helpers.commands.explain_code import explain_code
from dagster_plus_k8s_helpers.commands.frame import Commands, examples, framed
from dagster_plus_k8s_helpers.commands.init import init
from dagster_plus_k8s_helpers.commands.location import location
from dagster_plus_k8s_helpers.commands.migrate import migrate
from dagster_plus_k8s_helpers.commands.plan import plan
from dagster_plus_k8s_helpers.commands.render import render
from dagster_plus_k8s_helpers.commands.rightsize import rightsize

__all__ = ["main"]


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("check values.yaml dagster_cloud.yaml", "plan -m shop.definitions", "plan --help"),
)
def main() -> None:
    """Kubernetes configuration for Dagster+ Hybrid, typed and checked.

    Exit codes: 0, done; 1, something was found; 2, no answer: it was used wrongly, or something could not
    be read. With NO_COLOR nothing is coloured, with FORCE_COLOR a pipe is too.
    """


for command in (
    agent,
    check,
    completion,
    explain,
    explain_code,
    init,
    location,
    migrate,
    plan,
    render,
    rightsize,
):
    main.add_command(command)
framed(main)
