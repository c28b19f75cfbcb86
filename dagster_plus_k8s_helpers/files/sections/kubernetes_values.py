"""Kubernetes objects inside the agent's values: read by Kubernetes' own fields, written in camelCase."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic_core import core_schema

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.objects.schema import (
    KubernetesObject,
    field_types,
    no_check,
    read,
    to_camel_case,
)
from dagster_plus_k8s_helpers.pod.parts import Resources, Toleration, Volume, check

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

__all__ = [
    "AffinityValue",
    "AnnotationsValue",
    "ContainerSecurityValue",
    "Kubernetes",
    "LabelsValue",
    "MountsValue",
    "NodeSelectorValue",
    "PodSecurityValue",
    "ResourcesValue",
    "TolerationsValue",
    "VolumesValue",
    "check_of_deployment",
    "with_mounts",
]


@dataclass(frozen=True)
class Kubernetes:
    """For ``Annotated``: what one field of a Kubernetes object holds, or a whole object.

    Attributes:
        model: Name of the model in the ``kubernetes`` package, such as ``V1PodSpec``.
        field: Its field that is meant, in snake_case; the whole object when empty.
        shown: What users see of the value that `schema.read` returned.
        or_mapping: Whether a mapping of text to text will do too, which is then kept as it is.
    """

    model: str
    field: str = ""
    shown: Callable[[Any], object] | None = None
    or_mapping: bool = False

    def __get_pydantic_core_schema__(self, _source: object, handler: GetCoreSchemaHandler) -> Any:
        serialization = core_schema.plain_serializer_function_ser_schema(self.write)
        if self.or_mapping:
            return core_schema.no_info_wrap_validator_function(
                self._read_either, handler.generate_schema(dict[str, str]), serialization=serialization
            )
        return core_schema.no_info_plain_validator_function(self.read, serialization=serialization)

    def _read_either(self, value: object, read_mapping: Callable[[object], object]) -> object:
        return self.read(list(value)) if isinstance(value, list | tuple) else read_mapping(value)

    def read(self, value: object) -> object:
        """The value, checked.

        Raises:
            K8sConfigError: What Kubernetes would refuse or ignore.
        """
        if value is None:
            return None
        whole = self._whole(value)
        result = whole[self.field] if self.field else whole
        return self.shown(result) if self.shown else result

    def write(self, value: object) -> object:
        """The value as YAML, in camelCase."""
        if value is None or (self.or_mapping and isinstance(value, Mapping)):
            return value
        if not self.field:
            return to_camel_case(self.model, read(self.model, value, no_check))
        whole = to_camel_case(self.model, read(self.model, {self.field: value}, no_check))
        return whole[field_types(self.model)[self.field].camel]

    def _whole(self, value: object) -> KubernetesObject:
        if not self.field:
            return read(self.model, value, check_of_deployment)
        try:
            return read(self.model, {self.field: value}, check_of_deployment)
        except K8sConfigError as error:
            raise error.renamed(self.field, "") from None


def check_of_deployment(model: str, value: KubernetesObject) -> None:
    """Every rule for an object in the pod of a Deployment, which is always started again."""
    if model == "V1PodSpec" and value.get("restart_policy") == "Always":
        value = {name: said for name, said in value.items() if name != "restart_policy"}
    check(model, value)


def with_mounts(data: object) -> object:
    """What Python gives for a section with volumes: the mounts of `Volume` objects among the mounts."""
    if not isinstance(data, Mapping) or not isinstance(data.get("volumes"), list | tuple):
        return data
    mounts = [mount for volume in data["volumes"] if isinstance(volume, Volume) for mount in volume.mounts]
    if not mounts:
        return data
    return {**data, "volume_mounts": [*mounts, *(data.get("volume_mounts") or ())]}


def _resources(requirements: KubernetesObject) -> object:
    # Resources does not know claims, and what it does not know must not get lost.
    return requirements if "claims" in requirements else Resources.from_dict(requirements)


def _tolerations(items: list[KubernetesObject]) -> tuple[Toleration, ...]:
    return tuple(map(Toleration.from_dict, items))


ResourcesValue: TypeAlias = Annotated[
    Resources | KubernetesObject | None, Kubernetes("V1Container", "resources", shown=_resources)
]
TolerationsValue: TypeAlias = Annotated[
    tuple[Toleration, ...] | None, Kubernetes("V1PodSpec", "tolerations", shown=_tolerations)
]
AffinityValue: TypeAlias = Annotated[KubernetesObject | None, Kubernetes("V1PodSpec", "affinity")]
NodeSelectorValue: TypeAlias = Annotated[dict[str, str] | None, Kubernetes("V1PodSpec", "node_selector")]
PodSecurityValue: TypeAlias = Annotated[KubernetesObject | None, Kubernetes("V1PodSpec", "security_context")]
ContainerSecurityValue: TypeAlias = Annotated[
    KubernetesObject | None, Kubernetes("V1Container", "security_context")
]
VolumesValue: TypeAlias = Annotated[list[KubernetesObject] | None, Kubernetes("V1PodSpec", "volumes")]
MountsValue: TypeAlias = Annotated[list[KubernetesObject] | None, Kubernetes("V1Container", "volume_mounts")]
AnnotationsValue: TypeAlias = Annotated[dict[str, str] | None, Kubernetes("V1ObjectMeta", "annotations")]
LabelsValue: TypeAlias = Annotated[dict[str, str] | None, Kubernetes("V1ObjectMeta", "labels")]
