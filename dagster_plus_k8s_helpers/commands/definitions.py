"""Checking the definitions that ``-m MODULE`` means as a deployment has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.commands.code_location import data_of, entry_of, loader_of
from dagster_plus_k8s_helpers.commands.loading import CannotAnswerError
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.findings import Finding
    from dagster_plus_k8s_helpers.plan.checking import Source

__all__ = ["Kubeconfig", "check_definitions"]


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
        CannotAnswerError: The module does not load, there is no such job or location, or a file of nodes
            cannot be read.
    """
    from dagster import DagsterError  # noqa: PLC0415 - who checks files does not wait for it

    from dagster_plus_k8s_helpers.executor.deployment import Deployment  # noqa: PLC0415
    from dagster_plus_k8s_helpers.plan import ClusterObjects, check, read_nodes  # noqa: PLC0415
    from dagster_plus_k8s_helpers.plan.checks_settings import FromFile  # noqa: PLC0415

    values = data_of(agent)
    entry = entry_of(location, location_name, module)
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
        raise CannotAnswerError(f"cannot read {error.filename}: {error.strerror}") from None
    except (DagsterPlusK8sError, DagsterError) as error:
        raise CannotAnswerError(f"cannot check {module!r}: {error}") from None


def _first_deployment(values: Mapping[str, Any] | None) -> str:
    """The deployment that an agent serves; ``prod``, which all begin with, if it says none."""
    cloud = (values or {}).get("dagsterCloud")
    cloud = cloud if isinstance(cloud, dict) else {}
    served = cloud.get("deployments")
    names = [*(served if isinstance(served, list) else []), cloud.get("deployment"), "prod"]
    return next(name for name in names if isinstance(name, str) and name)
