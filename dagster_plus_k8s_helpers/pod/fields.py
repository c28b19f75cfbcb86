"""How the named fields of a `K8sConfig` are declared: where each stands, how it is written and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Self, TypeVar, overload

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.immutable import Immutable
from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject, thaw

__all__ = ["RAW_FIELDS", "SECTIONS", "Field", "Sections", "names_to_references"]

T = TypeVar("T")

SECTIONS: Mapping[str, str] = {
    "container_config": "V1Container",
    "pod_template_spec_metadata": "V1ObjectMeta",
    "pod_spec_config": "V1PodSpec",
    "job_metadata": "V1ObjectMeta",
    "job_spec_config": "V1JobSpec",
}
"""The keys of ``dagster-k8s/config``, and what Kubernetes calls what they hold."""

RAW_FIELDS: Mapping[str, str] = {
    "container_config": "container_config",
    "pod_spec_config": "pod_spec_config",
    "pod_metadata": "pod_template_spec_metadata",
    "job_spec_config": "job_spec_config",
    "job_metadata": "job_metadata",
}
"""The fields that take whatever a section holds beside its named fields, and the section of each."""


class Sections(Immutable):
    """The sections of one ``dagster-k8s/config``, each a Kubernetes object that `schema.read` returned."""

    __slots__ = ("_sections",)

    _sections: Mapping[str, KubernetesObject]

    def _section(self, name: str) -> KubernetesObject:
        return self._sections.get(name, {})


class Field(Generic[T]):
    """One named field: a descriptor that reads its value from the section it stands in.

    Args:
        section: Key of ``dagster-k8s/config``.
        key: Kubernetes' name of the field, when another field has taken it here.
        unset: What reads where nothing was said.
        read: From Kubernetes' form to what users see.
        write: The inverse, from everything users may give.
    """

    def __init__(
        self,
        section: str,
        key: str = "",
        *,
        unset: T,
        read: Callable[[Any], T] = thaw,
        write: Callable[[Any], object] = lambda value: value,
    ) -> None:
        self.section = section
        self.key = key
        self.unset = unset
        self.read = read
        self.write = write

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = self.key or name

    @overload
    def __get__(self, config: None, owner: type) -> Self: ...
    @overload
    def __get__(self, config: Sections, owner: type) -> T: ...
    def __get__(self, config: Sections | None, owner: type) -> Self | T:
        if config is None:
            return self
        return self.read(config._section(self.section)[self.key]) if self.is_set(config) else self.unset  # noqa: SLF001 - the descriptor reads for its owner

    def is_set(self, config: Sections) -> bool:
        """Whether the config says anything here."""
        return self.key in config._section(self.section)  # noqa: SLF001 - the descriptor reads for its owner


def names_to_references(names: object) -> list[object]:
    """``["regcred"]`` as Kubernetes wants it, ``[{"name": "regcred"}]``; references stay as they are."""
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise K8sConfigError(f"must be a list of Secret names, such as ['regcred'], not {names!r}")
    return [{"name": name} if isinstance(name, str) else name for name in names]
