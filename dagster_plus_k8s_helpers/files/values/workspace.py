"""`Workspace`: the values about the pods that the agent starts, code servers and runs alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, ValidationInfo, model_validator

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.env_entries import check_env_texts
from dagster_plus_k8s_helpers.files.sections.kubernetes_values import (
    ContainerSecurityValue,
    LabelsValue,
    MountsValue,
    ResourcesValue,
    VolumesValue,
    with_mounts,
)
from dagster_plus_k8s_helpers.files.sections.newer_sections import WithPods
from dagster_plus_k8s_helpers.files.sections.section import Items, is_from_file
from dagster_plus_k8s_helpers.files.values.pods import AllowedFields, RunPods, ServerPods
from dagster_plus_k8s_helpers.files.values.section import (
    Count,
    Names,
    Namespace,
    ObjectName,
    PullPolicy,
    ValuesSection,
)
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_subdomain
from dagster_plus_k8s_helpers.pod.objects.schema import set_only
from dagster_plus_k8s_helpers.pod.parts import ConfigMapEnvSource, SecretEnvSource

__all__ = ["BranchDeploymentTTL", "FullDeploymentTTL", "ServerTTL", "Workspace"]


def _read_source(value: object, info: ValidationInfo) -> dict[str, object]:
    if isinstance(value, SecretEnvSource | ConfigMapEnvSource):
        if value.prefix:
            raise K8sConfigError(
                "the chart takes no prefix here; write it in env_from of run_k8s_config and server_k8s_config"
            )
        return set_only(name=value.name, optional=value.optional)
    if isinstance(value, str) and not is_from_file(info):
        return {"name": value}
    if not isinstance(value, Mapping):
        named = f"; write {{name: {value}}}" if isinstance(value, str) else ""
        raise K8sConfigError(f"must be a mapping with a name{named}")
    return dict(value)


def _secret_source(value: object, info: ValidationInfo) -> SecretEnvSource:
    name, optional = _checked_source(_read_source(value, info))
    return SecretEnvSource(name, optional)


def _config_map_source(value: object, info: ValidationInfo) -> ConfigMapEnvSource:
    name, optional = _checked_source(_read_source(value, info))
    return ConfigMapEnvSource(name, optional)


def _checked_source(source: Mapping[str, object]) -> tuple[str, bool | None]:
    for key in source:
        if key not in {"name", "optional"}:
            raise K8sConfigError("is not known here, where name and optional are", where=str(key))
    name, optional = source.get("name"), source.get("optional")
    if not isinstance(name, str) or not name:
        raise K8sConfigError("must be text" if name else "is missing", where="name")
    check_dns_subdomain(name)
    if optional is not None and not isinstance(optional, bool):
        raise K8sConfigError("must be true or false", where="optional")
    return name, optional


def _written_sources(
    sources: tuple[SecretEnvSource | ConfigMapEnvSource, ...] | None,
) -> list[dict[str, object]] | None:
    if sources is None:
        return None
    return [set_only(name=source.name, optional=source.optional) for source in sources]


_written = PlainSerializer(_written_sources)
_SecretSources: TypeAlias = Annotated[
    Items[Annotated[SecretEnvSource, BeforeValidator(_secret_source)]] | None, _written
]
_ConfigMapSources: TypeAlias = Annotated[
    Items[Annotated[ConfigMapEnvSource, BeforeValidator(_config_map_source)]] | None, _written
]


def _read_env_vars(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Mapping) and not is_from_file(info):
        for name, said in value.items():
            if not isinstance(name, str) or not isinstance(said, str | None):
                raise K8sConfigError("must be text, or None for the agent's own value", where=f"[{name!r}]")
        return [name if said is None else f"{name}={said}" for name, said in value.items()]
    return value


def _check_env_vars(value: tuple[str, ...] | None) -> tuple[str, ...] | None:
    check_env_texts(value)
    return value


_EnvVars: TypeAlias = Annotated[
    Items[str] | None, BeforeValidator(_read_env_vars), AfterValidator(_check_env_vars)
]


class FullDeploymentTTL(ValuesSection):
    """When code servers of full deployments are shut down.

    Args:
        enabled: Whether they are; not unless said so.
        ttl_seconds: Seconds without a request after which one is.
    """

    enabled: bool | None = None
    ttl_seconds: Count = None


class BranchDeploymentTTL(ValuesSection):
    """When code servers of branch deployments are shut down.

    Args:
        ttl_seconds: Seconds without a request after which one is; a day when left out.
    """

    ttl_seconds: Count = None


class ServerTTL(ValuesSection):
    """When code servers that nobody uses are shut down; the next request starts them again.

    Args:
        full_deployments: Those of full deployments.
        branch_deployments: Those of branch deployments.
        max_servers: How many with a TTL may stay up at once.
        enabled: Said by ``full_deployments`` now.
        ttl_seconds: Said by ``full_deployments`` now.
    """

    full_deployments: FullDeploymentTTL | None = None
    branch_deployments: BranchDeploymentTTL | None = None
    max_servers: Count = None
    enabled: bool | None = None
    ttl_seconds: Count = None


class Workspace(WithPods, ValuesSection):
    """The pods that the agent starts: code servers and runs, of every code location.

    Args:
        namespace: Where it starts them; in its own when left out.
        service_account_name: Under which ServiceAccount; the agent's own when left out.
        pull_policy: ``Always``, ``IfNotPresent`` or ``Never``.
        env_vars: Environment variables, ``NAME=value`` or ``NAME`` for the agent's own value; in Python also
            a mapping in which ``None`` stands for the agent's own value.
        env_secrets: Secrets whose keys become environment variables: names or `SecretEnvSource` objects.
        env_config_maps: The same for ConfigMaps.
        run_k8s_config: A `K8sConfig` for the pods of runs.
        server_k8s_config: A `K8sConfig` or a `ServerK8sConfig` for those of code servers.
        resources: `Resources` of both.
        volumes: `Volume` objects; what they are mounted at goes to ``volume_mounts``.
        volume_mounts: `VolumeMount` objects.
        labels: Labels of both.
        security_context: Kubernetes' ``SecurityContext`` of both.
        scheduler_name: Another scheduler than the default one.
        server_ttl: When code servers are shut down.
        deployment_startup_timeout: Seconds in which the Deployment of a code server must be up.
        server_process_startup_timeout: Seconds in which a code server must then have loaded its definitions.
        image_pull_grace_period: Seconds in which an image that cannot be pulled may still turn up.
        only_allow_user_defined_k8s_config_fields: `AllowedFields`, or a list of fields of `K8sConfig`.
        only_allow_user_defined_env_vars: Environment variables that locations and run tags may set.
        fail_pod_on_run_failure: Whether a run that fails fails its Job and pod too.
        defer_job_snapshots: No longer read by the agent.

    Source: https://docs.dagster.io/deployment/dagster-plus/hybrid/kubernetes/configuration
    """

    namespace: Namespace = None
    service_account_name: ObjectName = None
    pull_policy: PullPolicy = None
    env_vars: _EnvVars = None
    env_secrets: _SecretSources = None
    env_config_maps: _ConfigMapSources = None
    run_k8s_config: RunPods = None
    server_k8s_config: ServerPods = None
    resources: ResourcesValue = None
    volumes: VolumesValue = None
    volume_mounts: MountsValue = None
    labels: LabelsValue = None
    security_context: ContainerSecurityValue = None
    scheduler_name: str | None = None
    server_ttl: Annotated[ServerTTL | None, Field(alias="serverTTL")] = None
    deployment_startup_timeout: Count = None
    server_process_startup_timeout: Count = None
    image_pull_grace_period: Count = None
    only_allow_user_defined_k8s_config_fields: AllowedFields | None = None
    only_allow_user_defined_env_vars: Names = None
    fail_pod_on_run_failure: bool | None = None
    defer_job_snapshots: bool | None = None

    @model_validator(mode="before")
    @classmethod
    def _mount_volumes(cls, data: object) -> object:
        return with_mounts(data)

    @model_validator(mode="after")
    def _refuse_env_twice(self, info: ValidationInfo) -> Self:
        if is_from_file(info):
            return self  # check_values says so, with the lines
        names = {entry.partition("=")[0] for entry in self.env_vars or ()}
        server = self.server_k8s_config.pod if self.server_k8s_config else None
        for field, config in {"run_k8s_config": self.run_k8s_config, "server_k8s_config": server}.items():
            for name in config.env if config else ():
                if name in names:
                    raise K8sConfigError(
                        f"sets {name!r}, which env_vars sets too; keep one of the two", where=f"{field}.env"
                    )
        return self
