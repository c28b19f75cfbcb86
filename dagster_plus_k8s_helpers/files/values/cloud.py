"""The values about Dagster+ itself: which deployments an agent serves, as whom, and where logs go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, ValidationInfo, model_validator

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.kubernetes_values import AnnotationsValue
from dagster_plus_k8s_helpers.files.sections.section import is_from_file
from dagster_plus_k8s_helpers.files.values.section import (
    NOT_NULL,
    Count,
    Names,
    ObjectName,
    ValuesSection,
    one_of,
)
from dagster_plus_k8s_helpers.pod.objects.names import check_env_name

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "AgentQueues",
    "ComputeLogs",
    "CustomComputeLogs",
    "DagsterCloud",
    "PythonLogs",
    "ServiceAccount",
]


def _check_endpoint(value: str | None) -> str | None:
    if value is not None and not value.startswith(("https://", "http://")):
        raise K8sConfigError(
            f"{value!r} is no address; write it in full, such as 'https://ORGANIZATION.agent.dagster.cloud'"
        )
    return value


def _read_socket_options(value: object) -> object:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(item, list | tuple) for item in value):
        raise ValueError("must be a list of lists, such as [[SOL_SOCKET, SO_KEEPALIVE, 1]]")
    for index, option in enumerate(value):
        for place, part in enumerate(option):
            if isinstance(part, bool) or not isinstance(part, int | str):
                raise K8sConfigError("must be text or a whole number", where=f"[{index}][{place}]")
    return tuple(tuple(option) for option in value)


_SocketOptions: TypeAlias = Annotated[
    tuple[tuple[int | str, ...], ...] | None,
    PlainValidator(_read_socket_options),
    PlainSerializer(lambda options: options and [list(option) for option in options]),
]


def _check_variable(name: str | None) -> str | None:
    if name:
        check_env_name(name)
    return name


class AgentQueues(ValuesSection):
    """Which code locations an agent serves, by the ``agent_queue`` they name.

    Args:
        include_default_queue: Whether it serves the locations that name no queue too.
        additional_queues: Queues that it serves besides.
    """

    include_default_queue: bool | None = None
    additional_queues: Names = None

    @property
    def serves_default(self) -> bool:
        """Whether locations that name no queue are served."""
        return self.include_default_queue is not False


class DagsterCloud(ValuesSection):
    """How the agent reaches Dagster+, and what it serves there.

    Args:
        endpoint: Address of the organization; found by the token when left out.
        agent_token_secret_name: Secret with the key ``DAGSTER_CLOUD_AGENT_TOKEN``.
        agent_token_env_var_name: The variable with the token, and its key in the Secret, where it is not
            ``DAGSTER_CLOUD_AGENT_TOKEN``.
        agent_token_value: The token itself, which every pod's description then shows; rather make a Secret.
        deployment: One deployment to serve; ``deployments`` has replaced it.
        deployments: Full deployments to serve.
        branch_deployments: Whether to serve the branch deployments of the organization too.
        agent_label: Name of the agent on the status page.
        agent_queues: Which code locations to serve; every one that names no queue when left out.
        allowed_full_deployment_locations: The only code locations to serve, by full deployment.
        allowed_branch_deployment_locations: The only ones to serve of branch deployments.
        proxies: Proxy by scheme, such as ``{"https": "http://proxy:3128"}``.
        socket_options: Options of the sockets to Dagster+, as ``setsockopt`` takes them.
        timeout: Seconds a request to Dagster+ may take.
        retries: How often a failed request is sent again.
        backoff_factor: Seconds to wait before the first time, doubled each time.

    Source: https://docs.dagster.io/deployment/dagster-plus/hybrid/kubernetes/configuration
    """

    endpoint: Annotated[str | None, AfterValidator(_check_endpoint)] = None
    agent_token_secret_name: ObjectName = None
    agent_token_env_var_name: Annotated[str | None, AfterValidator(_check_variable)] = None
    agent_token_value: Annotated[str | None, Field(repr=False)] = None
    deployment: str | None = None
    deployments: Names = None
    branch_deployments: bool | None = None
    agent_label: str | None = None
    agent_queues: AgentQueues | None = None
    allowed_full_deployment_locations: dict[str, Names] | None = None
    allowed_branch_deployment_locations: Names = None
    proxies: dict[str, str] | None = None
    socket_options: _SocketOptions = None
    timeout: Count = None
    retries: Count = None
    backoff_factor: float | None = None

    @model_validator(mode="after")
    def _refuse_both(self, info: ValidationInfo) -> Self:
        if is_from_file(info):
            return self  # check_values says so, with the lines
        if self.agent_token_value and self.agent_token_secret_name:
            raise K8sConfigError(
                "is set beside agent_token_secret_name; keep that", where="agent_token_value"
            )
        if self.deployment and self.deployments:
            raise K8sConfigError("is set beside deployments; keep these", where="deployment")
        return self


class ServiceAccount(ValuesSection):
    """The ServiceAccount of the agent itself; that of the code is ``Workspace.service_account_name``.

    Args:
        create: Whether the chart makes it, together with the permissions it needs.
        name: Its name; made up by the chart when empty.
        annotations: Its annotations, such as those of `irsa` and `workload_identity`.
    """

    create: Annotated[bool | None, NOT_NULL] = None
    name: Annotated[ObjectName, NOT_NULL] = None
    annotations: Annotated[AnnotationsValue, NOT_NULL] = None


def _not_empty(value: str) -> str:
    if not value:
        raise K8sConfigError("is empty")
    return value


class CustomComputeLogs(ValuesSection):
    """A compute log manager of Dagster, of another library or of your own.

    Args:
        module: Module that the agent's image and those of the code have.
        class_name: Class in it.
        config: Its config, as ``dagster.yaml`` has it: in snake_case.
    """

    module: Annotated[str, AfterValidator(_not_empty)]
    class_name: Annotated[str, Field(alias="class"), AfterValidator(_not_empty)]
    config: dict[str, Any]


class ComputeLogs(ValuesSection):
    """Where what steps print goes.

    Args:
        enabled: Whether it is kept at all.
        custom: What keeps it; Dagster+ when left out.

    Source: https://docs.dagster.io/deployment/dagster-plus/management/customizing-agent-settings
    """

    enabled: Annotated[bool | None, NOT_NULL] = None
    custom: CustomComputeLogs | None = None

    @classmethod
    def dagster_plus(cls) -> Self:
        """Dagster+ keeps it and shows it: the default."""
        return cls(enabled=True)

    @classmethod
    def off(cls) -> Self:
        """It is not kept."""
        return cls(enabled=False)

    @classmethod
    def s3(cls, bucket: str, **config: Any) -> Self:
        """It stays in your own bucket; Dagster+ shows a link to it and nothing of what it says.

        Args:
            bucket: Name of the bucket.
            **config: More of the config of ``S3ComputeLogManager``: ``region``, ``prefix``, ``endpoint_url``.

        Source: https://docs.dagster.io/api/libraries/dagster-aws#dagster_aws.s3.S3ComputeLogManager
        """
        return cls.by(
            "dagster_aws.s3.compute_log_manager",
            "S3ComputeLogManager",
            {"bucket": bucket, "show_url_only": True, **config},
        )

    @classmethod
    def by(cls, module: str, class_name: str, config: Mapping[str, Any] | None = None) -> Self:
        """Any other manager keeps it.

        Args:
            module: Module that the agent's image and those of the code have.
            class_name: Class in it.
            config: Its config, as ``dagster.yaml`` has it.
        """
        custom = CustomComputeLogs(module=module, class_name=class_name, config=dict(config or {}))
        return cls(enabled=True, custom=custom)


class PythonLogs(ValuesSection):
    """What runs do with Python's own logging.

    Args:
        python_log_level: Least level that is kept.
        managed_python_loggers: Loggers whose messages become events of the run.
        dagster_handler_config: Further handlers, as ``logging.config.dictConfig`` has them.
    """

    python_log_level: Annotated[
        str | None,
        one_of("CRITICAL", "FATAL", "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "NOTSET"),
    ] = None
    managed_python_loggers: Names = None
    dagster_handler_config: dict[str, Any] | None = None
