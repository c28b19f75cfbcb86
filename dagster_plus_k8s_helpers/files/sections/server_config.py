"""`ServerK8sConfig`: what the code servers of Dagster+ need, at every level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject, read, thaw, to_camel_case
from dagster_plus_k8s_helpers.pod.parts import check
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.pod.renderings import PodKind

__all__ = ["SERVER_SECTIONS", "ServerK8sConfig", "check_kind"]

SERVER_SECTIONS = {
    "deployment_metadata": "V1ObjectMeta",
    "service_metadata": "V1ObjectMeta",
    "service_spec_config": "V1ServiceSpec",
}
"""What a code server has beside its pod, and what Kubernetes calls it."""


@answering
@dataclass(frozen=True, slots=True)
class ServerK8sConfig:
    """What the code servers of a location need: a pod, and the Deployment and Service around it.

    Args:
        pod: What each code server's pod needs.
        deployment_metadata: Labels and annotations of the Deployment.
        service_metadata: Labels and annotations of the Service.
        service_spec_config: Any field of Kubernetes' ``ServiceSpec`` but the selector and the ports.

    Raises:
        K8sConfigError: A value that Kubernetes or Dagster would refuse or ignore.
    """

    pod: K8sConfig = field(default_factory=K8sConfig)
    deployment_metadata: Mapping[str, Any] = field(default_factory=dict)
    service_metadata: Mapping[str, Any] = field(default_factory=dict)
    service_spec_config: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_kind(self.pod, "server")
        for name, model in SERVER_SECTIONS.items():
            object.__setattr__(self, name, _read_section(name, model, getattr(self, name)))

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> Self:
        """From what ``server_k8s_config`` or ``serverK8sConfig`` holds; the inverse of `to_dict`.

        Raises:
            K8sConfigError: A value that Kubernetes or Dagster would refuse or ignore.
        """
        known = spellings(*SERVER_SECTIONS)
        around = {known[key]: item for key, item in config.items() if key in known}
        pod = {key: _started_again(item) for key, item in config.items() if key not in known}
        return cls(K8sConfig.from_dict(pod), **around)

    def to_dict(self) -> dict[str, Any]:
        """What ``server_k8s_config`` of a code location holds, in snake_case."""
        around = {name: thaw(getattr(self, name)) for name in SERVER_SECTIONS if getattr(self, name)}
        return {**self.pod.to_dict(), **around}

    def helm_values(self) -> dict[str, Any]:
        """What ``serverK8sConfig`` of the agent's values holds, in camelCase."""
        written: dict[str, Any] = dict(self.pod.helm_values("server")["workspace"]["serverK8sConfig"])
        camel = {name: spelling for spelling, name in spellings(*SERVER_SECTIONS).items() if spelling != name}
        for name, model in SERVER_SECTIONS.items():
            if getattr(self, name):
                written[camel[name]] = to_camel_case(model, getattr(self, name))
        return written

    def __hash__(self) -> int:
        return hash((self.pod, str(self.to_dict())))


def _started_again(section: object) -> object:
    """A section without the one restart policy that a Deployment takes, which goes without saying."""
    if not isinstance(section, Mapping):
        return section
    return {
        key: item
        for key, item in section.items()
        if key not in {"restartPolicy", "restart_policy"} or item != "Always"
    }


def _read_section(name: str, model: str, value: object) -> KubernetesObject:
    try:
        found = read(model, value, check)
    except K8sConfigError as error:
        raise error.within(name) from None
    for overwritten in ("selector", "ports") if name == "service_spec_config" else ():
        if overwritten in found:
            raise K8sConfigError(
                "Dagster overwrites it for the Service of a code server; leave it out",
                where=f"{name}.{overwritten}",
            )
    return found


def check_kind(config: K8sConfig, kind: PodKind) -> None:
    """Whether pods of a kind can have a config.

    Raises:
        K8sConfigError: It is none, or has settings that such pods do not take.
    """
    if not isinstance(config, K8sConfig):
        raise K8sConfigError(f"must be a K8sConfig, not {type(config).__name__}", where="pod")
    config.container_context(kind)
