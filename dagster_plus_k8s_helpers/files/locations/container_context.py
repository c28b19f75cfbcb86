"""`K8sContainerContext`: what ``container_context.k8s`` of a code location says, typed and checked.

Dagster spells its own keys in snake_case; the Kubernetes objects below them may be in either spelling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.documents.document import shown_path
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.files.locations.pods import RunK8sConfig, ServerK8sConfigField
from dagster_plus_k8s_helpers.files.locations.variables import set_twice
from dagster_plus_k8s_helpers.files.sections.env_entries import check_env_texts
from dagster_plus_k8s_helpers.files.sections.newer_sections import WithPods
from dagster_plus_k8s_helpers.files.sections.section import Items, Section, is_from_file, kubernetes_object
from dagster_plus_k8s_helpers.files.sections.server_config import ServerK8sConfig
from dagster_plus_k8s_helpers.pod.objects.merge_keys import check_unique
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label, check_dns_subdomain, check_labels
from dagster_plus_k8s_helpers.pod.objects.schema import plain
from dagster_plus_k8s_helpers.pod.parts import env_to_list

__all__ = ["ContainerContext", "K8sContainerContext", "ServerK8sConfig"]


def _checked_by(check: Any) -> AfterValidator:
    """Runs a check that raises; the value stays as it is."""

    def run(value: Any) -> Any:
        check(value)
        return value

    return AfterValidator(run)


def _env_var_texts(value: object, info: ValidationInfo) -> object:
    """``{"KEY": "value"}`` from Python as ``["KEY=value"]``; a value of ``None`` is one read by the agent."""
    if is_from_file(info) or not isinstance(value, Mapping):
        return value
    texts = []
    for name, text in value.items():
        if text is not None and not isinstance(text, str):
            # The value may be a credential, so the message does not repeat it.
            raise K8sConfigError(f"must be text, not {type(text).__name__}", where=f"[{name!r}]")
        texts.append(name if text is None else f"{name}={text}")
    return texts


def _references(value: object, info: ValidationInfo) -> object:
    """Names from Python as objects."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    for index, item in enumerate(value) if is_from_file(info) else ():
        if isinstance(item, str):
            raise K8sConfigError(
                f"is a name where an object stands; write {{name: {item}}}", where=f"[{index}]"
            )
        if isinstance(item, Mapping) and "name" not in item:
            raise K8sConfigError(
                "has no name, without which Dagster refuses it; write {name: ...}", where=f"[{index}]"
            )
    return [{"name": item} if isinstance(item, str) else item for item in value]


def _env_entries(value: object, info: ValidationInfo) -> object:
    """From Python whatever `K8sConfig` takes for ``env``."""
    return env_to_list(value) if not is_from_file(info) and isinstance(value, Mapping) else value


def _with_to_dict(value: object) -> object:
    """From Python objects such as `Volume` as what they stand for."""
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def _unique(field: str) -> AfterValidator:
    return _checked_by(lambda items: check_unique(field, list(items)))


def _unless_empty(check: Callable[[str], None]) -> AfterValidator:
    """Dagster takes an empty text for none."""
    return _checked_by(lambda text: check(text) if text else None)


def _refuse_null(value: object, info: ValidationInfo) -> object:
    """Of these keys Dagster takes no null, as a key has below which everything is commented out."""
    if value is None and is_from_file(info):
        raise K8sConfigError("must be a mapping, not null; write {} or leave the key out")
    return value


Name: TypeAlias = Annotated[str, _checked_by(check_dns_subdomain)]
_NameOrEmpty: TypeAlias = Annotated[str, _unless_empty(check_dns_subdomain)]
_EnvVar = Annotated[dict[str, Any], *kubernetes_object("V1EnvVar", camel_case=False)]
_Reference = Annotated[dict[str, Any], *kubernetes_object("V1LocalObjectReference", camel_case=False)]
_Resources = Annotated[dict[str, Any], *kubernetes_object("V1ResourceRequirements", camel_case=False)]
_SecurityContext = Annotated[dict[str, Any], *kubernetes_object("V1SecurityContext", camel_case=False)]
_Volume = Annotated[dict[str, Any], *kubernetes_object("V1Volume", camel_case=False)]
_VolumeMount = Annotated[dict[str, Any], *kubernetes_object("V1VolumeMount", camel_case=False)]


def _check_pull_policy(value: str) -> None:
    known = ("Always", "IfNotPresent", "Never")
    if value not in known:
        raise K8sConfigError(f"{value!r} is none of {', '.join(known)}{did_you_mean(value, known)}")


def _check_replicas(value: int) -> None:
    if value < 1:
        raise K8sConfigError(f"{value} leaves no code server; write 1 or more")


@answering
class K8sContainerContext(WithPods):
    """What all pods of a code location have in common, and what its runs and its code servers have apart.

    Attributes:
        env_vars: ``KEY=VALUE`` texts, or in Python a mapping; a bare ``KEY`` is read from the environment
            of the agent.
        env: Kubernetes' ``EnvVar`` objects, or in Python what ``K8sConfig(env=...)`` takes.
        env_secrets: Names of Secrets whose every key becomes an environment variable; all must exist.
        env_config_maps: The same of ConfigMaps.
        image_pull_policy: ``Always``, ``IfNotPresent`` or ``Never``.
        image_pull_secrets: Secrets for the registry; in Python their names will do.
        service_account_name: The ServiceAccount of code servers and runs.
        namespace: Where the agent starts them; it needs the rights there.
        labels: Labels of every Kubernetes object that the agent starts for the location.
        resources: Resources of code servers and runs both; `run_k8s_config` is for the runs alone.
        scheduler_name: Another scheduler than the default one.
        security_context: Kubernetes' ``SecurityContext``.
        volumes: Kubernetes' ``Volume`` objects, or `Volume`.
        volume_mounts: Kubernetes' ``VolumeMount`` objects, or `VolumeMount`.
        run_k8s_config: Anything more for the pods of runs, and of steps below them.
        server_k8s_config: Anything more for the code servers.
        server_replica_count: How many code servers share the location's work; 1 when left out.

    Raises:
        UnknownFieldError: A field that does not exist, at any depth.
        K8sConfigError: A value that Kubernetes or Dagster would refuse or ignore.

    Source: https://docs.dagster.io/deployment/dagster-plus/hybrid/kubernetes/configuration
    """

    env_vars: Annotated[Items[str], _checked_by(check_env_texts), BeforeValidator(_env_var_texts)] | None = (
        None
    )
    env: Annotated[Items[_EnvVar], _unique("env"), BeforeValidator(_env_entries)] = ()
    env_secrets: Items[Name] | None = None
    env_config_maps: Items[Name] | None = None
    image_pull_policy: Annotated[str, _unless_empty(_check_pull_policy)] | None = None
    image_pull_secrets: (
        Annotated[Items[_Reference], _unique("image_pull_secrets"), BeforeValidator(_references)] | None
    ) = None
    service_account_name: _NameOrEmpty | None = None
    namespace: Annotated[str, _unless_empty(check_dns_label)] | None = None
    labels: Annotated[dict[str, str], _checked_by(check_labels)] = Field(default_factory=dict)
    resources: _Resources | None = None
    scheduler_name: str | None = None
    security_context: _SecurityContext = Field(default_factory=dict)
    volumes: Annotated[Items[_Volume], _unique("volumes"), BeforeValidator(_with_to_dict)] = ()
    volume_mounts: Annotated[
        Items[_VolumeMount], _unique("volume_mounts"), BeforeValidator(_with_to_dict)
    ] = ()
    run_k8s_config: Annotated[RunK8sConfig | None, BeforeValidator(_refuse_null)] = None
    server_k8s_config: Annotated[ServerK8sConfigField | None, BeforeValidator(_refuse_null)] = None
    server_replica_count: Annotated[int, _checked_by(_check_replicas)] | None = None

    @model_validator(mode="after")
    def _refuse_env_twice(self, info: ValidationInfo) -> Self:
        # Of a file check_env says so, with the lines.
        for name, again, first in () if is_from_file(info) else set_twice(self.to_dict()):
            raise K8sConfigError(
                f"sets {name!r}, which {shown_path(first[:-1])} sets too; keep one of the two",
                where=shown_path(again),
            )
        return self


@answering
class ContainerContext(Section):
    """What ``container_context`` of a code location holds: one mapping for each kind of agent.

    Attributes:
        k8s: For agents on Kubernetes.
        ecs: For agents on Amazon ECS, as it is.
        docker: For agents on Docker, as it is.
        aca: For agents on Azure Container Apps, as it is.
    """

    k8s: K8sContainerContext | None = None
    ecs: dict[str, Any] | None = None
    docker: dict[str, Any] | None = None
    aca: dict[str, Any] | None = None
