"""``dagster-plus-k8s check``: what is wrong with the files the platform reads, and with definitions."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import click

from dagster_plus_k8s_helpers.commands.completing import deployments, location_names
from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.given import FILE, STDIN_NAME, given
from dagster_plus_k8s_helpers.commands.planning import (
    env_option,
    folder_option,
    pairs,
    refuse_lone,
    refuse_lone_name,
)
from dagster_plus_k8s_helpers.commands.usage import refuse_lone_runs, usage_options
from dagster_plus_k8s_helpers.findings.finding import Finding, Severity, at_or_above
from dagster_plus_k8s_helpers.findings.forms import FORMATS, Format, print_text
from dagster_plus_k8s_helpers.terminal import echo, is_coloured, one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dagster_plus_k8s_helpers.check.files.source import Source
    from dagster_plus_k8s_helpers.commands.usage import UsageSource

__all__ = ["check"]

_FOUND = 1
_COULD_NOT_CHECK = 2


@click.command(
    epilog=examples(
        "check values.yaml dagster_cloud.yaml",
        "check -m shop.definitions --agent values.yaml --location dagster_cloud.yaml",
        "# what helm get values agent -o yaml printed: what is installed",
        "check - < values.yaml",
        "# in a workflow of GitHub: at the lines of the pull request, warnings too",
        "check values.yaml dagster_cloud.yaml -o github --fail-on warning",
    )
)
@click.argument("files", metavar="[FILE]...", nargs=-1, type=FILE)
@click.option("-m", "--module", metavar="MODULE[:NAME]", help="Definitions to check, as Python imports them.")
@folder_option
@env_option
@click.option("--job", metavar="JOB", help="Check this job only, instead of every job and the implicit one.")
@click.option(
    "--agent", metavar="FILE", type=FILE, help="The agent's Helm values: checked, and planned with."
)
@click.option("--location", metavar="FILE", type=FILE, help="dagster_cloud.yaml: checked, and planned with.")
@click.option(
    "--location-name",
    metavar="NAME",
    shell_complete=location_names,
    help="Which of its locations MODULE is.",
)
@click.option(
    "--nodes", metavar="FILE", type=FILE, help="Pools of nodes, or what kubectl get nodes -o json prints."
)
@click.option(
    "--queues",
    metavar="FILE",
    type=FILE,
    help="ClusterQueues and LocalQueues of Kueue, as kubectl prints them.",
)
@click.option("--kubernetes-version", metavar="1.xx", help="Check Jobs by the schemas of this version.")
@click.option(
    "--cluster",
    is_flag=True,
    help="Ask the cluster of your kubeconfig whether the Secrets, ConfigMaps, ... that pods name are there.",
)
@click.option(
    "--keys", is_flag=True, help="Read too whether each Secret and ConfigMap has the keys that pods read."
)
@click.option(
    "--dry-run", is_flag=True, help="Have the cluster judge each Job and its pod, without making them."
)
@click.option(
    "--context", metavar="NAME", help="Context of the kubeconfig to ask; the current when left out."
)
@click.option("--namespace", metavar="NAME", help="Where the agent is; that of the context when left out.")
@click.option(
    "--usage", is_flag=True, help="Look at what steps used in earlier runs: where --instance or --url says."
)
@usage_options
@click.option(
    "--deployment",
    metavar="NAME",
    shell_complete=deployments,
    help="Deployment to load MODULE for, local for none; the agent's first, or prod, when left out.",
)
@click.option("--branch", is_flag=True, help="The deployment is a branch deployment.")
@output_option("text", "json", "github", "sarif", older="--format")
@click.option(
    "--fail-on",
    type=click.Choice([severity.value for severity in Severity]),
    default=Severity.ERROR.value,
    show_default=True,
    help="From which severity on the exit code is 1.",
)
def check(
    *,
    files: tuple[str, ...],
    module: str | None,
    folder: Path | None,
    env: tuple[str, ...],
    job: str | None,
    agent: str | None,
    location: str | None,
    location_name: str | None,
    nodes: str | None,
    queues: str | None,
    kubernetes_version: str | None,
    cluster: bool,
    keys: bool,
    dry_run: bool,
    context: str | None,
    namespace: str | None,
    usage: bool,
    source: UsageSource,
    deployment: str | None,
    branch: bool,
    form: Format,
    fail_on: str,
) -> None:
    """Check the agent's Helm values, dagster_cloud.yaml, container_context.yaml, build.yaml, and definitions.

    Each FILE is told by what it holds; - reads standard input. Code locations are paired with the agents
    whose values are given with them. With -m the pods of the definitions are planned and checked too.

    Exit code 0: no finding at or above --fail-on. 1: at least one. 2: a file could not be read, or the
    command was used wrongly.
    """
    wanted = tuple(dict.fromkeys((*(file for file in (agent, location) if file), *files)))
    if not wanted and module is None:
        raise click.UsageError("give a FILE, or -m MODULE")
    refuse_lone_name(location_name, location)
    of_module = {
        "-d": folder,
        "--env": env,
        "--job": job,
        "--location-name": location_name,
        "--nodes": nodes,
        "--queues": queues,
        "--kubernetes-version": kubernetes_version,
        "--cluster": cluster,
        "--deployment": deployment,
        "--branch": branch,
    }
    refuse_lone(of_module, "-m MODULE", is_there=module is not None)
    if (context or namespace or keys or dry_run) and not cluster:
        raise click.UsageError("--context, --namespace, --keys and --dry-run go with --cluster")
    _refuse_lone_usage(source, module, is_asked=usage)
    sources, unreadable = _read(wanted)
    from dagster_plus_k8s_helpers.check.files.sources import check_sources

    findings = _without_collecting(lambda: check_sources(sources))
    if module is not None and not unreadable:
        from dagster_plus_k8s_helpers.commands.definitions import (
            Kubeconfig,
            check_definitions,
        )

        by_name = {source.name: source for source in sources}
        findings = check_definitions(
            findings,
            module,
            folder=folder,
            env=pairs("--env", env),
            job=job,
            agent=by_name[_name(agent)] if agent else None,
            location=by_name[_name(location)] if location else None,
            location_name=location_name,
            nodes=nodes,
            queues=queues,
            kubernetes_version=kubernetes_version,
            deployment=deployment,
            branch=branch,
            cluster=Kubeconfig(context, namespace, keys, dry_run) if cluster else None,
            usage=source if usage else None,
        )
    if form == "text" and is_coloured() and (findings or not unreadable):
        print_text(findings)
    # Of what could not be read nobody knows whether something is to be found.
    elif findings or form != "text" or not unreadable:
        echo(FORMATS[form](findings), end="")
    for message in unreadable:
        echo(f"Error: {one_line(message)}", err=True)
    if unreadable:
        sys.exit(_COULD_NOT_CHECK)
    if at_or_above(findings, Severity(fail_on)):
        sys.exit(_FOUND)


def _refuse_lone_usage(source: UsageSource, module: str | None, *, is_asked: bool) -> None:
    """Refuses to be told of usage that nothing would look at."""
    if is_asked and module is None:
        raise click.UsageError("--usage goes with -m MODULE")
    refuse_lone_runs("--usage", is_there=is_asked)
    if source.is_given and not is_asked:
        raise click.UsageError("--instance and --url go with --usage")


def _read(files: tuple[str, ...]) -> tuple[list[Source], list[str]]:
    """What the files hold, and what is wrong with those that cannot be read."""
    sources, unreadable = [], []
    for file in files:
        try:
            sources.append(given(file))
        except CannotAnswerError as error:
            unreadable.append(error.message)
    return sources, unreadable


def _without_collecting(work: Callable[[], list[Finding]]) -> list[Finding]:
    """Works without the garbage collector: it would go through every node of YAML again and again."""
    collects = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if collects:
            gc.enable()


def _name(file: str) -> str:
    return STDIN_NAME if file == "-" else click.format_filename(file)
