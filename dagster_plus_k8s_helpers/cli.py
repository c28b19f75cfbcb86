"""The command ``dagster-plus-k8s``."""

from __future__ import annotations

from typing import Any

import click

from dagster_plus_k8s_helpers.commands.agent import agent
from dagster_plus_k8s_helpers.commands.check import check
from dagster_plus_k8s_helpers.commands.explain import explain
from dagster_plus_k8s_helpers.commands.explain_code import explain_code
from dagster_plus_k8s_helpers.commands.location import location
from dagster_plus_k8s_helpers.commands.plan import plan
from dagster_plus_k8s_helpers.commands.render import render
from dagster_plus_k8s_helpers.commands.rightsize import rightsize
from dagster_plus_k8s_helpers.terminal import printable

__all__ = ["main"]


class _Commands(click.Group):
    """What a command says that cannot go on may quote a file."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, with the message of an error as text."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            # click has no other way to say it otherwise, and every kind of error shows this one.
            error.message = printable(error.message)  # type: ignore[misc]
            raise


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dagster-plus-k8s-helpers")
def main() -> None:
    """Kubernetes configuration for Dagster+ Hybrid, typed and checked."""


for command in (agent, check, explain, explain_code, location, plan, render, rightsize):
    main.add_command(command)
