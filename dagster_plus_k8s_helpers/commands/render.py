"""``dagster-plus-k8s render``: one `K8sConfig` as any level of Dagster wants it."""

from __future__ import annotations

from typing import Literal, TypeAlias

import click

from dagster_plus_k8s_helpers.commands.forms import output_option
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.loading import load
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import json_text, write

__all__ = ["render"]

Level: TypeAlias = Literal["tags", "container-context", "helm-values", "pod-spec"]


@click.command(
    epilog=examples(
        "render shop.pods:TRAIN",
        "render shop.pods:TRAIN --as container-context --pods both",
        "render shop.pods:TRAIN --as helm-values -o json",
    )
)
@click.argument("config", metavar="MODULE:NAME")
@click.option(
    "--as",
    "level",
    type=click.Choice(["tags", "container-context", "helm-values", "pod-spec"]),
    default="tags",
    show_default=True,
    help="What to write it for.",
)
@click.option(
    "--pods",
    type=click.Choice(["run", "server", "both"]),
    default="run",
    show_default=True,
    help="Which pods of a code location, with container-context and helm-values.",
)
@output_option("yaml", "json")
def render(config: str, level: Level, pods: Literal["run", "server", "both"], form: str) -> None:
    """Print a K8sConfig as YAML or JSON: the one called NAME in MODULE, such as my_project.pods:TRAIN."""
    import yaml

    from dagster_plus_k8s_helpers.pod.config import K8sConfig

    if pods != "run" and level in {"tags", "pod-spec"}:
        raise click.UsageError("--pods goes with --as container-context and --as helm-values")
    kinds: tuple[Literal["run", "server"], ...] = ("run", "server") if pods == "both" else (pods,)
    try:
        found = load(config, K8sConfig, example="my_project.pods:TRAIN")
        rendered = {
            "tags": lambda: found.tags,
            "container-context": lambda: {"container_context": found.container_context(*kinds)},
            "helm-values": lambda: found.helm_values(*kinds),
            "pod-spec": found.pod_spec,
        }[level]()
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    text = yaml.safe_dump(rendered, sort_keys=False, allow_unicode=True)
    write(json_text(rendered) if form == "json" else text)
