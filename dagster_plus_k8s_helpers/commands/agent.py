"""The commands ``dagster-plus-k8s agent ...``: the agent's Helm values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagster_plus_k8s_helpers.commands.loading import load
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import echo, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment

__all__ = ["agent"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def agent() -> None:
    """Write, edit and install the Helm values of the Dagster+ agent."""


@agent.command()
@click.option(
    "--module",
    "reference",
    required=True,
    metavar="MODULE:NAME",
    help="Where the AgentValues are, such as deploy.agent:VALUES.",
)
def values(reference: str) -> None:
    """Print AgentValues as a values file."""
    from dagster_plus_k8s_helpers import AgentValues

    found = load(reference, AgentValues, example="deploy.agent:VALUES")
    write(found.to_yaml())


@agent.command()
@click.option("--values", "file", type=_FILE, required=True, help="The values file.")
@click.option("--namespace", default="dagster-cloud", show_default=True, help="Where the agent is installed.")
@click.option("--release", default="agent", show_default=True, help="What Helm calls it.")
@click.option("--chart-version", default="", help="The version of the chart; without it, the newest one.")
def commands(file: Path, namespace: str, release: str, chart_version: str) -> None:
    """Print the kubectl and helm commands that install and watch the agent."""
    from dagster_plus_k8s_helpers import AgentValues
    from dagster_plus_k8s_helpers.files.editing.install import agent_commands, check_release
    from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label

    try:
        check_dns_label(namespace, "namespace")
        check_release(release)
        found = AgentValues.from_yaml(file)
    except (DagsterPlusK8sError, OSError) as error:
        raise click.ClickException(str(error)) from None
    shown = agent_commands(
        found, str(file), namespace=namespace, release=release, chart_version=chart_version
    )
    write(shown)


# A value such as -5 is no option.
@agent.command("set", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, metavar="[KEY VALUE] FILE")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE,...", help="As Helm's own --set.")
@click.option("--set-string", "texts", multiple=True, metavar="KEY=TEXT,...", help="The same, never typed.")
def set_(arguments: tuple[str, ...], sets: Sequence[str], texts: Sequence[str]) -> None:
    r"""Set values in FILE, which keeps its comments, anchors and order.

    KEY is written like workspace.envVars[0]; VALUE as in Helm: a number, true, false, null, {a,b} or text.
    A number with a fraction is one where the chart wants a number, and text elsewhere: an image's tag 1.10.
    An edit that would make the file invalid is refused.
    """
    from dagster_plus_k8s_helpers.files.editing.edit import set_in_file
    from dagster_plus_k8s_helpers.files.editing.helm_set import parse_set

    wanted = 1 if sets or texts else 3
    for place, argument in enumerate(arguments):
        if argument.startswith("-") and (place, wanted, len(arguments)) != (1, 3, 3):
            raise click.NoSuchOption(argument)
    if len(arguments) != wanted:
        raise click.UsageError(
            "with --set or --set-string write FILE only"
            if wanted == 1
            else "write KEY VALUE FILE, or --set and FILE"
        )
    file = Path(arguments[-1])
    try:
        assignments = [part for text in sets for part in parse_set(text)]
        assignments += [part for text in texts for part in parse_set(text, as_text=True)]
        assignments += [_assignment(*arguments[:2])] if wanted == 3 else []
        left = set_in_file(file, assignments)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    except DagsterPlusK8sError as error:
        raise click.ClickException(str(error)) from None
    for finding in left:
        echo(str(finding), err=True)


def _assignment(key: str, value: str) -> Assignment:
    from dagster_plus_k8s_helpers.files.editing.advice import takes_fractions
    from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment, parse_key, parse_value

    path = parse_key(key)
    return Assignment(path, parse_value(value, fractions=takes_fractions(path)))
