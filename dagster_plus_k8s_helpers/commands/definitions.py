"""Checking the definitions that ``-m MODULE`` means as a deployment has them."""

from __future__ import annotations

import ast
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.commands.code_location import entry_of, loader_of, refuse_other_file, values_of
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError
from dagster_plus_k8s_helpers.commands.loading import pools_of, quotas_of
from dagster_plus_k8s_helpers.commands.planning import deployment_of
from dagster_plus_k8s_helpers.commands.progress import progress
from dagster_plus_k8s_helpers.commands.served import first_deployment, unserved
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import echo, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.check.files.sources import Source
    from dagster_plus_k8s_helpers.commands.usage import UsageSource
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["Kubeconfig", "check_definitions"]


class Kubeconfig(NamedTuple):
    """Which cluster to ask.

    Attributes:
        context: Context of the kubeconfig; the current one when ``None``.
        namespace: Where the agent is; that of the context when ``None``.
        keys: Whether to read which keys Secrets and ConfigMaps have.
        dry_run: Whether to have the cluster judge each Job and pod.
    """

    context: str | None
    namespace: str | None
    keys: bool
    dry_run: bool


def check_definitions(
    found: Sequence[Finding],
    module: str,
    *,
    folder: Path | None,
    env: Mapping[str, str],
    job: str | None,
    agent: Source | None,
    location: Source | None,
    location_name: str | None,
    nodes: str | None,
    queues: str | None,
    kubernetes_version: str | None,
    deployment: str | None,
    branch: bool,
    cluster: Kubeconfig | None,
    usage: UsageSource | None = None,
) -> list[Finding]:
    """What is found in files, and what is wrong with the definitions of a module beside them.

    What comes from no line of the project's own code, or of a file, is shown at the module's first.

    Raises:
        CannotAnswerError: The module does not load, there is no such job or location, or a file of nodes
            cannot be read.
    """
    from dagster import DagsterError

    from dagster_plus_k8s_helpers.check.check import check_beside
    from dagster_plus_k8s_helpers.plan import ClusterObjects

    note = unserved(agent, deployment, branch=branch) if deployment else ""
    if note:
        echo(one_line(note), err=True)
    refuse_other_file("--agent", agent)
    refuse_other_file("--location", location)
    values = values_of(agent)
    entry = entry_of(location, location_name, module)
    os.environ.update(env)
    pools = pools_of(nodes) if nodes else None
    quotas = quotas_of(queues) if queues else None
    try:
        with progress(f"checking {module}" + (", and asking the cluster" if cluster else "")):
            found = check_beside(
                found,
                loader_of(module, folder),
                job=job,
                agent=values,
                location=entry,
                nodes=pools,
                queues=quotas,
                kubernetes_version=kubernetes_version,
                deployment=deployment_of(deployment or first_deployment(values), branch=branch),
                cluster=ClusterObjects.from_kubeconfig(**cluster._asdict()) if cluster else None,
                module=module.partition(":")[0],
                usage_of=None if usage is None else usage.read,
            )
    except OSError as error:
        raise CannotAnswerError(f"cannot read {error.filename}: {error.strerror}") from None
    except (DagsterPlusK8sError, DagsterError) as error:
        raise CannotAnswerError(f"cannot check {module!r}: {error}") from None
    return [_with_source(finding, module) for finding in found]


def _with_source(finding: Finding, module: str) -> Finding:
    from dagster_plus_k8s_helpers.plan.sources import source_of_file

    file = getattr(sys.modules.get(module.partition(":")[0]), "__file__", None)
    if finding.source is not None or finding.where.file or file is None:
        return finding
    return replace(finding, source=source_of_file(file, _line_of_job(Path(file), finding.where.path)))


def _line_of_job(file: Path, named: str) -> int:
    """The line of a module at which the job is made that a finding names; 0 when it is made elsewhere."""
    found = re.match(r"job '([^']+)'", named)
    name = found[1] if found else ""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return 0
    for node in ast.walk(tree) if name else ():
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node.lineno
        if isinstance(node, ast.Call):
            said = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "name")]
            if any(isinstance(value, ast.Constant) and value.value == name for value in said):
                return node.lineno
    return 0
