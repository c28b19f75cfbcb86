"""`AgentValues`: the values of the Helm chart dagster-cloud-agent, typed, written and read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.documents.writing import to_yaml_text
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.readers import read_as
from dagster_plus_k8s_helpers.files.sections.section import Items, is_from_file
from dagster_plus_k8s_helpers.files.values.agent import AgentImage, DagsterCloudAgent
from dagster_plus_k8s_helpers.files.values.cloud import (
    AgentQueues,
    ComputeLogs,
    CustomComputeLogs,
    DagsterCloud,
    PythonLogs,
    ServiceAccount,
)
from dagster_plus_k8s_helpers.files.values.diff import Change, Changes, diff
from dagster_plus_k8s_helpers.files.values.pods import AllowedFields
from dagster_plus_k8s_helpers.files.values.section import NOT_NULL, Switch, ValuesSection
from dagster_plus_k8s_helpers.files.values.workspace import (
    BranchDeploymentTTL,
    FullDeploymentTTL,
    ServerTTL,
    Workspace,
)
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_subdomain

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "AgentImage",
    "AgentQueues",
    "AgentValues",
    "AllowedFields",
    "BranchDeploymentTTL",
    "Change",
    "Changes",
    "ComputeLogs",
    "CustomComputeLogs",
    "DagsterCloud",
    "DagsterCloudAgent",
    "FullDeploymentTTL",
    "PythonLogs",
    "ServerTTL",
    "ServiceAccount",
    "Switch",
    "Workspace",
]


def _secret_name(value: object, info: ValidationInfo) -> str:
    if isinstance(value, str):
        if is_from_file(info):
            raise K8sConfigError(f"must be a mapping with a name; write {{name: {value}}}")
        name: object = value
    elif isinstance(value, Mapping):
        for key in value:
            if key != "name":
                raise K8sConfigError("is not known here, where only name is", where=str(key))
        name = value.get("name")
    else:
        raise K8sConfigError("must be a mapping with a name")
    if not isinstance(name, str) or not name:
        raise K8sConfigError("must be text" if name else "is missing", where="name")
    check_dns_subdomain(name)
    return name


_SecretNames = Annotated[
    Items[Annotated[str, BeforeValidator(_secret_name)]] | None,
    NOT_NULL,
    PlainSerializer(lambda names: [{"name": name} for name in names]),
]


def _manifest(value: object) -> object:
    if not isinstance(value, Mapping):
        raise K8sConfigError("must be a mapping: a Kubernetes manifest")
    for key in ("apiVersion", "kind"):
        if not value.get(key):
            raise K8sConfigError("is missing", where=key)
        if not isinstance(value[key], str):
            raise K8sConfigError("must be text", where=key)
    return value


@answering
class AgentValues(ValuesSection):
    """The values of the chart dagster-cloud-agent: everything an operator of the agent sets.

    Immutable and comparable. What is left out is the chart's to say and does not reach the file. Keys that
    are not known here are kept when they come from a file, since charts move.

    Args:
        dagster_cloud: How the agent reaches Dagster+, and what it serves there.
        dagster_cloud_agent: The pods of the agent itself.
        workspace: The pods that it starts.
        image_pull_secrets: Names of Secrets for the registries of all of these.
        service_account: The ServiceAccount of the agent.
        isolated_agents: On when several agents serve one deployment from clusters or namespaces of their own.
        agent_replicas: Read by old charts only; ``dagster_cloud_agent.replicas`` has replaced it.
        compute_logs: Where what steps print goes.
        python_logs: What runs do with Python's own logging.
        agent_metrics: Whether agents report how busy they are.
        code_server_metrics: Whether code servers do.
        extra_manifests: Further objects to install with the chart, as `service_account` makes them.

    Raises:
        UnknownFieldError: A field that does not exist, with the nearest one that does.
        K8sConfigError: A value that the chart, Kubernetes or Dagster+ would refuse or ignore.

    Source: https://artifacthub.io/packages/helm/dagster-cloud/dagster-cloud-agent
    """

    image_pull_secrets: _SecretNames = None
    service_account: Annotated[ServiceAccount | None, NOT_NULL] = None
    dagster_cloud: Annotated[DagsterCloud | None, NOT_NULL] = None
    dagster_cloud_agent: Annotated[DagsterCloudAgent | None, NOT_NULL] = None
    workspace: Annotated[Workspace | None, NOT_NULL] = None
    compute_logs: Annotated[ComputeLogs | None, NOT_NULL] = None
    python_logs: Annotated[PythonLogs | None, NOT_NULL] = None
    isolated_agents: Switch | None = None
    agent_replicas: Switch | None = None
    agent_metrics: Switch | None = None
    code_server_metrics: Switch | None = None
    extra_manifests: Items[Annotated[dict[str, Any], BeforeValidator(_manifest)]] | None = None

    @classmethod
    def from_yaml(cls, source: str | Path) -> Self:
        """From a values file; unknown keys are kept.

        Args:
            source: The text of a file, or the path of one.

        Raises:
            InvalidFileError: The file has mistakes other than a literal credential or a variable without a
                value; `InvalidFileError.findings` are all of them.
            OSError: The file cannot be read.
        """
        return read_as(cls, source)

    def to_yaml(self) -> str:
        """The values file: only what was set, in the order of the chart's own."""
        return to_yaml_text(self.to_dict())

    def diff(self, other: AgentValues) -> Changes:
        """What changes when ``other`` takes the place of these values.

        Raises:
            K8sConfigError: ``other`` is something else.
        """
        if not isinstance(other, AgentValues):
            raise K8sConfigError(f"can only be compared with AgentValues, not {type(other).__name__}")
        return diff(self.to_dict(), other.to_dict())
