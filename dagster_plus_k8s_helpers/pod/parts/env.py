"""Environment variables of a container, and where their values come from.

Source: https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering, check_kinds
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.amounts.quantity import QuantityLike, quantity_of
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_subdomain, check_env_name
from dagster_plus_k8s_helpers.pod.objects.schema import set_only, thaw

__all__ = [
    "ConfigMapEnvSource",
    "ConfigMapKeyRef",
    "EnvFrom",
    "EnvLike",
    "EnvValue",
    "FieldRef",
    "ResourceFieldRef",
    "SecretEnvSource",
    "SecretKeyRef",
    "check_env_from",
    "check_env_var",
    "env_from_from_list",
    "env_from_list",
    "env_to_list",
]


@answering
@dataclass(frozen=True, slots=True)
class SecretKeyRef:
    """The value of one key of a Secret.

    Args:
        name: Name of the Secret.
        key: Key in it.
        optional: Whether the pod may start without it.
    """

    name: str
    key: str
    optional: bool | None = None

    def __post_init__(self) -> None:
        check_kinds(self)

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``EnvVarSource``."""
        return {"secret_key_ref": set_only(name=self.name, key=self.key, optional=self.optional)}


@answering
@dataclass(frozen=True, slots=True)
class ConfigMapKeyRef:
    """The value of one key of a ConfigMap.

    Args:
        name: Name of the ConfigMap.
        key: Key in it.
        optional: Whether the pod may start without it.
    """

    name: str
    key: str
    optional: bool | None = None

    def __post_init__(self) -> None:
        check_kinds(self)

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``EnvVarSource``."""
        return {"config_map_key_ref": set_only(name=self.name, key=self.key, optional=self.optional)}


@answering
@dataclass(frozen=True, slots=True)
class FieldRef:
    """A field of the pod itself, such as ``status.podIP`` or ``metadata.labels['team']``.

    Args:
        field_path: Path of the field.
        api_version: Version the path is written for; Kubernetes takes v1.
    """

    field_path: str
    api_version: str | None = None

    def __post_init__(self) -> None:
        check_kinds(self)

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``EnvVarSource``."""
        return {"field_ref": set_only(field_path=self.field_path, api_version=self.api_version)}


@answering
@dataclass(frozen=True, slots=True)
class ResourceFieldRef:
    """A request or limit of a container, such as ``limits.memory``.

    Args:
        resource: ``limits.NAME`` or ``requests.NAME``.
        container_name: Whose; the container itself when left out.
        divisor: Unit of the value: ``"1Mi"`` gives mebibytes.
    """

    resource: str
    container_name: str | None = None
    divisor: QuantityLike | None = None

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.divisor is not None:
            object.__setattr__(self, "divisor", quantity_of("divisor", self.divisor))

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``EnvVarSource``."""
        divisor = None if self.divisor is None else str(self.divisor)
        return {
            "resource_field_ref": set_only(
                resource=self.resource, container_name=self.container_name, divisor=divisor
            )
        }


@answering
@dataclass(frozen=True, slots=True)
class SecretEnvSource:
    """Every key of a Secret as an environment variable.

    Args:
        name: Name of the Secret.
        optional: Whether the pod may start without it.
        prefix: Put before every name.
    """

    name: str
    optional: bool | None = None
    prefix: str | None = None

    def __post_init__(self) -> None:
        check_kinds(self)

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``EnvFromSource``."""
        return set_only(prefix=self.prefix, secret_ref=set_only(name=self.name, optional=self.optional))


@answering
@dataclass(frozen=True, slots=True)
class ConfigMapEnvSource:
    """Every key of a ConfigMap as an environment variable.

    Args:
        name: Name of the ConfigMap.
        optional: Whether the pod may start without it.
        prefix: Put before every name.
    """

    name: str
    optional: bool | None = None
    prefix: str | None = None

    def __post_init__(self) -> None:
        check_kinds(self)

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``EnvFromSource``."""
        return set_only(prefix=self.prefix, config_map_ref=set_only(name=self.name, optional=self.optional))


EnvSource: TypeAlias = SecretKeyRef | ConfigMapKeyRef | FieldRef | ResourceFieldRef
EnvValue: TypeAlias = str | EnvSource | Mapping[str, Any]
"""A literal, a reference, or Kubernetes' own ``EnvVarSource`` for the references not named here."""
EnvLike: TypeAlias = Mapping[str, EnvValue] | Sequence[Mapping[str, Any]]
"""Names to values; or Kubernetes' own list of ``{"name": ..., "value": ...}``."""
EnvFrom: TypeAlias = SecretEnvSource | ConfigMapEnvSource

_SOURCES: dict[str, type[EnvSource]] = {
    "secret_key_ref": SecretKeyRef,
    "config_map_key_ref": ConfigMapKeyRef,
    "field_ref": FieldRef,
    "resource_field_ref": ResourceFieldRef,
}


def env_to_list(env: EnvLike) -> list[Any]:
    """Kubernetes' list of ``EnvVar``, in the order given."""
    if isinstance(env, str) or not isinstance(env, Mapping | Sequence):
        raise K8sConfigError(
            f"must map names to values, such as {{'NAME': 'value'}}, not {type(env).__name__}"
        )
    if not isinstance(env, Mapping):
        return list(env)
    entries: list[Any] = []
    for name, value in env.items():
        if isinstance(value, str):
            entries.append({"name": name, "value": value})
        elif isinstance(value, Mapping):
            entries.append({"name": name, "value_from": value})
        elif isinstance(value, EnvSource):
            entries.append({"name": name, "value_from": value.to_dict()})
        else:
            # The value may be a credential, so the message does not repeat it.
            raise K8sConfigError(
                f"must be text or a reference such as SecretKeyRef('name', 'key'), "
                f"not {type(value).__name__}",
                where=f"[{name!r}]",
            )
    return entries


def env_from_list(entries: Sequence[Mapping[str, Any]]) -> dict[str, EnvValue]:
    """The inverse of `env_to_list`, for entries that `schema.read` returned."""
    return {
        entry["name"]: _env_source(entry["value_from"]) if "value_from" in entry else entry.get("value", "")
        for entry in entries
    }


def env_from_from_list(entries: Sequence[Mapping[str, Any]]) -> tuple[EnvFrom, ...]:
    """Typed sources of entries that `schema.read` returned."""
    return tuple(
        SecretEnvSource(**entry["secret_ref"], prefix=entry.get("prefix"))
        if "secret_ref" in entry
        else ConfigMapEnvSource(**entry["config_map_ref"], prefix=entry.get("prefix"))
        for entry in entries
    )


def check_env_var(entry: Mapping[str, Any]) -> None:
    """One ``EnvVar``: a usable name, and one source at most."""
    name = entry.get("name")
    if name is None:
        raise K8sConfigError("has no name")
    check_env_name(name)
    if entry.get("value") and "value_from" in entry:
        raise K8sConfigError(f"{name} has a value and a value_from; keep one of the two")
    if "value_from" not in entry:
        return
    sources = entry["value_from"]
    if len(sources) != 1:
        raise K8sConfigError(
            f"{name} must have exactly one source in value_from, not {sorted(sources) or 'none'}"
        )
    ((kind, source),) = sources.items()
    for required in _REQUIRED.get(kind, ()):
        if not source.get(required):
            raise K8sConfigError(f"{name}: {kind} has no {required}")
    if kind in {"secret_key_ref", "config_map_key_ref"}:
        check_dns_subdomain(source["name"])


def check_env_from(entry: Mapping[str, Any]) -> None:
    """One ``EnvFromSource``: one Secret or one ConfigMap."""
    sources = [kind for kind in ("config_map_ref", "secret_ref") if kind in entry]
    if len(sources) != 1:
        raise K8sConfigError("must name one Secret (secret_ref) or one ConfigMap (config_map_ref)")
    source = entry[sources[0]]
    if not source.get("name"):
        raise K8sConfigError(f"{sources[0]} has no name")
    check_dns_subdomain(source["name"])


_REQUIRED = {
    "secret_key_ref": ("name", "key"),
    "config_map_key_ref": ("name", "key"),
    "field_ref": ("field_path",),
    "resource_field_ref": ("resource",),
}


def _env_source(value_from: Mapping[str, Any]) -> EnvValue:
    ((kind, source),) = value_from.items()
    return _SOURCES[kind](**source) if kind in _SOURCES else {kind: thaw(source)}
