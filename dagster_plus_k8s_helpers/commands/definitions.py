"""Finding the definitions that ``-m MODULE`` means, and checking them as a deployment has them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dagster_plus_k8s_helpers.agent.cloud_cli import merged_locations
from dagster_plus_k8s_helpers.agent.yaml_file import read_yaml
from dagster_plus_k8s_helpers.commands.loading import line_of
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import dagster as dg

    from dagster_plus_k8s_helpers.findings import Finding
    from dagster_plus_k8s_helpers.plan.checking import Source

__all__ = ["CannotCheckError", "Kubeconfig", "check_definitions", "loader_of"]


class CannotCheckError(click.ClickException):
    """Something that keeps a command from doing anything, with the exit code for that."""

    exit_code = 2


class Kubeconfig(NamedTuple):
    """Which cluster to ask.

    Attributes:
        context: Context of the kubeconfig; the current one when ``None``.
        namespace: Where the agent is; that of the context when ``None``.
    """

    context: str | None
    namespace: str | None


def check_definitions(
    module: str,
    *,
    job: str | None,
    agent: Source | None,
    location: Source | None,
    location_name: str | None,
    nodes: str | None,
    kubernetes_version: str | None,
    deployment: str | None,
    cluster: Kubeconfig | None,
) -> list[Finding]:
    """What is wrong with the definitions of a module, among the files that are given.

    Raises:
        CannotCheckError: The module does not load, there is no such job or location, or a file of nodes
            cannot be read.
    """
    from dagster import DagsterError  # noqa: PLC0415 - who checks files does not wait for it

    from dagster_plus_k8s_helpers.executor.deployment import Deployment  # noqa: PLC0415
    from dagster_plus_k8s_helpers.plan import ClusterObjects, check, read_nodes  # noqa: PLC0415
    from dagster_plus_k8s_helpers.plan.checks_settings import FromFile  # noqa: PLC0415

    values = _data(agent)
    entry = _entry(location, location_name, module.partition(":")[0])
    try:
        return check(
            loader_of(module),
            job=job,
            agent=None if values is None else FromFile(values),
            location=None if entry is None else FromFile(entry),
            nodes=read_nodes(Path(nodes).read_bytes(), nodes) if nodes else None,
            kubernetes_version=kubernetes_version,
            deployment=Deployment("full", deployment or _first_deployment(values), in_cluster=True),
            cluster=ClusterObjects.from_kubeconfig(**cluster._asdict()) if cluster else None,
        )
    except OSError as error:
        raise CannotCheckError(f"cannot read {error.filename}: {error.strerror}") from None
    except (DagsterPlusK8sError, DagsterError) as error:
        raise CannotCheckError(f"cannot check {module!r}: {error}") from None


def loader_of(reference: str) -> Callable[[], dg.Definitions]:
    """A function that imports the module of ``MODULE`` or ``MODULE:NAME`` and finds its definitions.

    It is a function so that the module is imported where `plan` wants it: with the environment variables
    of a deployment.
    """
    import dagster as dg  # noqa: PLC0415 - who checks files does not wait for it

    from dagster_plus_k8s_helpers._dagster import LazyDefinitions  # noqa: PLC0415

    def load() -> dg.Definitions:
        module_name, _, name = reference.partition(":")
        found = {
            key: value
            for key, value in _contents(module_name).items()
            if isinstance(value, dg.Definitions | LazyDefinitions)
        }
        if name and name not in found:
            shown = f"; it has {', '.join(found)}" if found else ""
            raise CannotCheckError(f"{module_name} has no Definitions called {name!r}{shown}")
        if not name and len({id(value) for value in found.values()}) != 1:
            problem = (
                f"several Definitions: {', '.join(found)}; write {module_name}:NAME"
                if found
                else "no Definitions"
            )
            raise CannotCheckError(f"{module_name} has {problem}")
        value = found[name] if name else next(iter(found.values()))
        try:
            return value() if isinstance(value, LazyDefinitions) else value
        # As in importing: what a user's function raises is theirs to read.
        except Exception as error:  # noqa: BLE001
            raise CannotCheckError(_failure(f"cannot load {reference!r}", error)) from None

    return load


def _data(source: Source | None) -> Mapping[str, Any] | None:
    """What a file holds, if it is a mapping; else there is a finding that says so."""
    if source is None:
        return None
    documents, _ = read_yaml(source.content, source.name)
    data = documents[0].data if documents else None
    return data if isinstance(data, dict) else None


def _entry(source: Source | None, name: str | None, module_name: str) -> Mapping[str, Any] | None:
    """The code location of the module, with the defaults of its file merged in."""
    data = _data(source)
    if data is None or source is None:
        return None
    locations = [item for item in data.get("locations") or () if isinstance(item, dict)]
    if data.get("defaults"):
        try:
            locations = merged_locations(data)
        except DagsterPlusK8sError as error:
            raise CannotCheckError(f"{source.name}: {error}") from None
    names = [str(item.get("location_name")) for item in locations]
    if name is not None:
        chosen = [item for item in locations if item.get("location_name") == name]
        problem = f"has no location {name!r}{did_you_mean(name, names)}"
    else:
        of_module = [item for item in locations if _module(item) == module_name]
        chosen = of_module if len(of_module) == 1 else locations
        problem = (
            f"has the locations {', '.join(names)}; write --location-name" if names else "has no location"
        )
    if len(chosen) != 1:
        raise CannotCheckError(f"{source.name} {problem}")
    return chosen[0]


def _module(entry: Mapping[str, Any]) -> object:
    source = entry.get("code_source")
    return source.get("module_name") if isinstance(source, dict) else None


def _first_deployment(values: Mapping[str, Any] | None) -> str:
    """The deployment that an agent serves; ``prod``, which all begin with, if it says none."""
    cloud = (values or {}).get("dagsterCloud")
    cloud = cloud if isinstance(cloud, dict) else {}
    served = cloud.get("deployments")
    names = [*(served if isinstance(served, list) else []), cloud.get("deployment"), "prod"]
    return next(name for name in names if isinstance(name, str) and name)


def _contents(module_name: str) -> dict[str, object]:
    working_folder = str(Path.cwd())
    sys.path.insert(0, working_folder)
    try:
        return dict(vars(importlib.import_module(module_name)))
    # A module runs whatever it holds; what goes wrong there is the user's to read, not ours to trace.
    except Exception as error:  # noqa: BLE001
        hint = "; write it as Python imports it" if "/" in module_name or module_name[:1] == "." else ""
        raise CannotCheckError(_failure(f"cannot import {module_name!r}{hint}", error)) from None
    finally:
        if working_folder in sys.path:
            sys.path.remove(working_folder)


def _failure(what: str, error: Exception) -> str:
    return f"{what}: {type(error).__name__}: {' '.join(str(error).split())}{line_of(error)}"
