"""The command ``dagster-plus-k8s``."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path
from typing import Any, Literal, TypeAlias

import click
import yaml

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.pod.config import K8sConfig

__all__ = ["main"]

Form: TypeAlias = Literal["tags", "container-context", "helm-values", "pod-spec"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dagster-plus-k8s-helpers")
def main() -> None:
    """Kubernetes configuration for Dagster+ Hybrid, typed and checked."""


@main.command()
@click.argument("config", metavar="MODULE:NAME")
@click.option(
    "--as",
    "form",
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
def render(config: str, form: Form, pods: Literal["run", "server", "both"]) -> None:
    """Print a K8sConfig as YAML: the one called NAME in MODULE, such as my_project.pods:TRAIN."""
    if pods != "run" and form in {"tags", "pod-spec"}:
        raise click.UsageError("--pods goes with --as container-context and --as helm-values")
    kinds: tuple[Literal["run", "server"], ...] = ("run", "server") if pods == "both" else (pods,)
    try:
        found = _load(config)
        rendered = {
            "tags": lambda: found.tags,
            "container-context": lambda: {"container_context": found.container_context(*kinds)},
            "helm-values": lambda: found.helm_values(*kinds),
            "pod-spec": found.pod_spec,
        }[form]()
    except DagsterPlusK8sError as error:
        raise click.ClickException(str(error)) from None
    click.echo(yaml.safe_dump(rendered, sort_keys=False, allow_unicode=True), nl=False)


def _load(reference: str) -> K8sConfig:
    """The config that ``module:name`` means, with the working folder on the path as ``python -m`` has it."""
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise click.BadParameter(f"{reference!r} must be MODULE:NAME, such as my_project.pods:TRAIN")
    working_folder = str(Path.cwd())
    sys.path.insert(0, working_folder)
    try:
        module = importlib.import_module(module_name)
    # A module runs whatever it holds; what goes wrong there is the user's to read, not ours to trace.
    except Exception as error:  # noqa: BLE001
        hint = "; write it as Python imports it" if "/" in module_name or module_name[:1] == "." else ""
        raise click.ClickException(
            f"cannot import {module_name!r}{hint}: {type(error).__name__}: {error}{_line_of(error)}"
        ) from None
    finally:
        if working_folder in sys.path:
            sys.path.remove(working_folder)
    value: Any = getattr(module, name, None)
    if not isinstance(value, K8sConfig):
        configs = [key for key, item in vars(module).items() if isinstance(item, K8sConfig)]
        shown = f"its configs are {', '.join(configs)}" if configs else "it has none"
        raise click.ClickException(f"{module_name} has no K8sConfig called {name!r}; {shown}")
    return value


def _line_of(error: Exception) -> str:
    """Where in the user's code the error came up."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(Path.cwd())
    ]
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
