"""``dagster-plus-k8s location``: the files of code locations out of Python."""

from __future__ import annotations

import click

from dagster_plus_k8s_helpers.commands.diffing import print_diff
from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.given import FILE, given
from dagster_plus_k8s_helpers.commands.loading import load
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import json_text, write

__all__ = ["location"]


@click.group(epilog=examples("location render --module deploy.locations:LOCATIONS"))
def location() -> None:
    """Work with code locations."""


@location.command(
    epilog=examples(
        "location render --module deploy.locations:LOCATIONS > dagster_cloud.yaml",
        "location render --module deploy.locations:LOCATIONS --merged -o json",
    )
)
@click.option(
    "--module",
    "reference",
    metavar="MODULE:NAME",
    required=True,
    help="A DagsterCloudConfig, CodeLocation, ContainerContext or Build, such as deploy.locations:LOCATIONS.",
)
@click.option("--merged", is_flag=True, help="Merge the defaults of a DagsterCloudConfig into its locations.")
@output_option("yaml", "json")
def render(reference: str, form: str, *, merged: bool) -> None:
    """Print what dagster_cloud.yaml, container_context.yaml or build.yaml should hold."""
    # Whoever calls another command does not wait for these.
    from dagster_plus_k8s_helpers import (
        Build,
        CodeLocation,
        ContainerContext,
        DagsterCloudConfig,
        K8sContainerContext,
    )
    from dagster_plus_k8s_helpers.documents.writing import to_yaml_text

    kinds = (DagsterCloudConfig, CodeLocation, ContainerContext, K8sContainerContext, Build)
    found = load(reference, *kinds, example="deploy.locations:LOCATIONS")
    if merged and not isinstance(found, DagsterCloudConfig):
        raise click.UsageError("--merged goes with a DagsterCloudConfig, which alone has defaults")
    try:
        if isinstance(found, DagsterCloudConfig) and merged:
            found = found.merged()
        if isinstance(found, CodeLocation):
            found = DagsterCloudConfig(locations=(found,))
        if isinstance(found, K8sContainerContext):
            found = ContainerContext(k8s=found)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    write(json_text(found.to_dict()) if form == "json" else to_yaml_text(found.to_dict()))


@location.command(
    "diff",
    epilog=examples(
        "location diff dagster_cloud.yaml new-dagster_cloud.yaml",
        "location diff dagster_cloud.yaml new-dagster_cloud.yaml --agent values.yaml -o json",
    ),
)
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option(
    "--agent", type=FILE, metavar="FILE", help="The agent's Helm values, which are beneath the locations."
)
@output_option("text", "json", "markdown")
def diff(old: str, new: str, agent: str | None, form: str) -> None:
    """Show what leads from the dagster_cloud.yaml OLD to NEW: locations, their pods by field, and keys.

    Step pods begin with what run pods have. It says too which findings of check are new or gone. Credentials
    are not shown. Exit code 1: NEW has an error that OLD has not. 2: a file cannot be read.
    """
    from dagster_plus_k8s_helpers.comparing.locations import compare_locations

    sources = given(old), given(new), None if agent is None else given(agent)
    print_diff(lambda: compare_locations(*sources), form)
