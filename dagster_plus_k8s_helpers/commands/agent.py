"""The commands ``dagster-plus-k8s agent ...``: the agent's Helm values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dagster_plus_k8s_helpers.commands.diffing import print_diff
from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.given import FILE, given
from dagster_plus_k8s_helpers.commands.loading import load
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import echo, json_text, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.check.files.source import Source
    from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment

__all__ = ["agent"]


@click.group(
    epilog=examples(
        "agent set dagsterCloudAgent.replicas 2 values.yaml",
        "agent commands --values values.yaml",
    )
)
def agent() -> None:
    """Write, edit and install the Helm values of the Dagster+ agent."""


@agent.command(epilog=examples("agent values --module deploy.agent:VALUES > values.yaml"))
@click.option(
    "--module",
    "reference",
    required=True,
    metavar="MODULE:NAME",
    help="Where the AgentValues are, such as deploy.agent:VALUES.",
)
@output_option("yaml", "json")
def values(reference: str, form: str) -> None:
    """Print AgentValues as a values file."""
    from dagster_plus_k8s_helpers import AgentValues

    found = load(reference, AgentValues, example="deploy.agent:VALUES")
    write(json_text(found.to_dict()) if form == "json" else found.to_yaml())


@agent.command(
    epilog=examples(
        "agent commands --values values.yaml",
        "agent commands --values values.yaml --namespace dagster --release agent",
    )
)
@click.option("--values", "file", type=FILE, required=True, help="The values file; - reads standard input.")
@click.option("--namespace", default="dagster-cloud", show_default=True, help="Where the agent is installed.")
@click.option("--release", default="agent", show_default=True, help="What Helm calls it.")
@click.option("--chart-version", default="", help="The version of the chart; without it, the newest one.")
def commands(file: str, namespace: str, release: str, chart_version: str) -> None:
    """Print the kubectl and helm commands that install and watch the agent."""
    from dagster_plus_k8s_helpers import AgentValues
    from dagster_plus_k8s_helpers.commands.code_location import refuse_other_file
    from dagster_plus_k8s_helpers.files.editing.install import agent_commands, check_release
    from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label

    try:
        check_dns_label(namespace, "namespace")
        check_release(release)
        source = given(file)
        refuse_other_file("--values", source)
        found = AgentValues.from_yaml(_readable(source, file))
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    shown = agent_commands(found, file, namespace=namespace, release=release, chart_version=chart_version)
    write(shown)


# A value such as -5 is no option.
@agent.command(
    "set",
    context_settings={"ignore_unknown_options": True},
    epilog=examples(
        "agent set dagsterCloudAgent.replicas 2 values.yaml",
        "agent set --set dagsterCloud.deployment=staging,dagsterCloudAgent.replicas=2 values.yaml",
        "agent set dagsterCloudAgent.replicas 2 - < values.yaml > staging.yaml",
    ),
)
@click.argument("arguments", nargs=-1, metavar="[KEY VALUE] FILE")
@click.option("--set", "sets", multiple=True, metavar="KEY=VALUE,...", help="As Helm's own --set.")
@click.option("--set-string", "texts", multiple=True, metavar="KEY=TEXT,...", help="The same, never typed.")
def set_(arguments: tuple[str, ...], sets: Sequence[str], texts: Sequence[str]) -> None:
    r"""Set values in FILE, which keeps its comments, anchors and order.

    With - for FILE standard input is edited, and printed.

    KEY is written like workspace.envVars[0]; VALUE as in Helm: a number, true, false, null, {a,b} or text.
    A number with a fraction is one where the chart wants a number, and text elsewhere: an image's tag 1.10.
    An edit that would make the file invalid is refused.
    """
    from dagster_plus_k8s_helpers.files.editing.edit import edited, set_in_file
    from dagster_plus_k8s_helpers.files.editing.helm_set import parse_set

    wanted = 1 if sets or texts else 3
    for place, argument in enumerate(arguments):
        if argument.startswith("-") and argument != "-" and (place, wanted, len(arguments)) != (1, 3, 3):
            raise click.NoSuchOption(argument)
    if len(arguments) != wanted:
        raise click.UsageError(
            "with --set or --set-string write FILE only"
            if wanted == 1
            else "write KEY VALUE FILE, or --set and FILE"
        )
    file = arguments[-1]
    try:
        assignments = [part for text in sets for part in parse_set(text)]
        assignments += [part for text in texts for part in parse_set(text, as_text=True)]
        assignments += [_assignment(*arguments[:2])] if wanted == 3 else []
        if file == "-":
            source = given(file)
            text, left = edited(source.content, source.name, assignments)
            write(text)
        else:
            left = set_in_file(Path(file), assignments)
    except OSError as error:
        raise CannotAnswerError(f"{file}: {error.strerror}") from None
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    for finding in left:
        echo(str(finding), err=True)


@agent.command(
    "diff",
    epilog=examples(
        "agent diff values.yaml new-values.yaml",
        "agent diff values.yaml new-values.yaml --location dagster_cloud.yaml -o markdown",
        "# what helm get values agent -o yaml printed, and what would be installed",
        "agent diff - new-values.yaml < values.yaml",
    ),
)
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option(
    "--location",
    type=FILE,
    metavar="FILE",
    help="A dagster_cloud.yaml: compare the pods of its locations, with what they say themselves.",
)
@output_option("text", "json", "markdown")
def diff(old: str, new: str, location: str | None, form: str) -> None:
    """Show what leads from the values OLD to the values NEW: which pods change, by field, and which keys.

    Step pods begin with what run pods have. It says too what the agent must be restarted for, and which
    findings of check are new or gone. Credentials are not shown. Exit code 1: NEW has an error that OLD has
    not. 2: a file cannot be read.
    """
    from dagster_plus_k8s_helpers.comparing.agents import compare_agents

    sources = given(old), given(new), None if location is None else given(location)
    print_diff(lambda: compare_agents(*sources), form)


def _readable(source: Source, file: str) -> Path | str:
    """A file by its path so that messages name it; of standard input the text."""
    return source.content.decode("utf-8-sig", errors="replace") if file == "-" else Path(file)


def _assignment(key: str, value: str) -> Assignment:
    from dagster_plus_k8s_helpers.files.editing.advice import takes_fractions
    from dagster_plus_k8s_helpers.files.editing.helm_set import Assignment, parse_key, parse_value

    path = parse_key(key)
    return Assignment(path, parse_value(value, fractions=takes_fractions(path)))
