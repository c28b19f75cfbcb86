"""Containers beside the one that runs Dagster: init containers and native sidecars.

Source: https://kubernetes.io/docs/concepts/workloads/pods/init-containers/ and
https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypedDict, Unpack

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.immutable import Checked, Immutable
from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject, read, thaw
from dagster_plus_k8s_helpers.pod.parts.env import EnvFrom, EnvLike, env_to_list
from dagster_plus_k8s_helpers.pod.parts.rules import check

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.pod.parts.resources import Resources
    from dagster_plus_k8s_helpers.pod.parts.volumes import VolumeMount

__all__ = ["Container", "ContainerFields"]


class ContainerFields(TypedDict, total=False):
    """What `Container` takes beside its name and image; every other field of Kubernetes' too."""

    command: Sequence[str]
    args: Sequence[str]
    env: EnvLike
    env_from: Sequence[EnvFrom | Mapping[str, Any]]
    image_pull_policy: str
    lifecycle: Mapping[str, Any]
    liveness_probe: Mapping[str, Any]
    ports: Sequence[Mapping[str, Any]]
    readiness_probe: Mapping[str, Any]
    resources: Resources | Mapping[str, Any]
    restart_policy: str
    security_context: Mapping[str, Any]
    startup_probe: Mapping[str, Any]
    volume_mounts: Sequence[VolumeMount | Mapping[str, Any]]
    working_dir: str


@answering
class Container(Checked, Immutable):
    """A container that runs before the main one, or beside it as a sidecar.

    Args:
        name: Its name in the pod.
        image: Image reference.
        **fields: `ContainerFields`, or any other field of Kubernetes' ``Container``, in either case.

    Raises:
        K8sConfigError: A field that does not exist or a value that Kubernetes refuses.
    """

    __slots__ = ("_container",)

    MODEL: ClassVar = "V1Container"

    _container: KubernetesObject

    def __init__(self, name: str, image: str, **fields: Unpack[ContainerFields]) -> None:
        given: dict[str, Any] = {"name": name, "image": image, **fields}
        for required in ("name", "image"):
            if not given[required]:
                raise K8sConfigError(f"a container must have a {required}", where=required)
        if "env" in given:
            try:
                given["env"] = env_to_list(given["env"])
            except K8sConfigError as error:
                raise error.within("env") from None
        object.__setattr__(self, "_container", read("V1Container", given, check))

    @classmethod
    def sidecar(cls, name: str, image: str, **fields: Unpack[ContainerFields]) -> Container:
        """A native sidecar: starts before the main container, runs beside it and does not keep the Job alive.

        Needs Kubernetes 1.29 or newer; it is an init container with ``restartPolicy: Always``.
        """
        fields["restart_policy"] = "Always"
        return cls(name, image, **fields)

    @classmethod
    def from_dict(cls, container: Mapping[str, Any]) -> Container:
        """From Kubernetes' ``Container``; the inverse of `to_dict`."""
        rest = dict(container)
        return cls(rest.pop("name", ""), rest.pop("image", ""), **rest)

    @property
    def name(self) -> str:
        """Its name in the pod."""
        return str(self._container["name"])

    @property
    def is_sidecar(self) -> bool:
        """Whether it runs beside the main container instead of before it."""
        return self._container.get("restart_policy") == "Always"

    def to_dict(self) -> dict[str, Any]:
        """Kubernetes' ``Container``, in snake_case."""
        container: dict[str, Any] = thaw(self._container)
        return container

    def checked(self) -> dict[str, Any]:
        """`to_dict` with quantities as they are."""
        return dict(self._container)

    def __eq__(self, other: object) -> bool:
        return self._container == other._container if isinstance(other, Container) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self.to_dict().items())
        return f"Container({fields})"

    def __reduce__(self) -> tuple[object, tuple[dict[str, Any]]]:
        return Container.from_dict, (self.to_dict(),)
