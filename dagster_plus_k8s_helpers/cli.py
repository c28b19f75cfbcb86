"""The command ``dagster-plus-k8s``."""

from __future__ import annotations

import click

from dagster_plus_k8s_helpers.commands.agent import agent
from dagster_plus_k8s_helpers.commands.check import check
from dagster_plus_k8s_helpers.commands.explain import explain
from dagster_plus_k8s_helpers.commands.explain_code import explain_code
from dagster_plus_k8s_helpers.commands.location import location
from dagster_plus_k8s_helpers.commands.plan import plan
from dagster_plus_k8s_helpers.commands.render import render

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dagster-plus-k8s-helpers")
def main() -> None:
    """Kubernetes configuration for Dagster+ Hybrid, typed and checked."""


for command in (agent, check, explain, explain_code, location, plan, render):
    main.add_command(command)
