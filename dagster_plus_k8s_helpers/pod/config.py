"""`K8sConfig`: what one pod needs, said once and rendered for every level of Dagster on Kubernetes."""

from __future__ import annotations

import json
from collections.abc import Iterator, KeysView, Mapping, Sequence
from typing import Any, ClassVar, Literal, Never, TypeAlias, TypedDict, Unpack

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import ArgumentError, K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.fields import RAW_FIELDS, SECTIONS, Field, Sections, names_to_references
from dagster_plus_k8s_helpers.pod.immutable import FromYaml
from dagster_plus_k8s_helpers.pod.job_labels import JOB_LABELS, with_job_labels, without_job_label
from dagster_plus_k8s_helpers.pod.objects.merge import merge
from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject, thaw
from dagster_plus_k8s_helpers.pod.parts.containers import Container
from dagster_plus_k8s_helpers.pod.parts.env import (
    EnvFrom,
    EnvLike,
    EnvValue,
    env_from_from_list,
    env_from_list,
    env_to_list,
)
from dagster_plus_k8s_helpers.pod.parts.resources import Resources, resources_written
from dagster_plus_k8s_helpers.pod.parts.toleration import Toleration
from dagster_plus_k8s_helpers.pod.parts.volumes import Volume, VolumeMount
from dagster_plus_k8s_helpers.pod.reading import by_name, sections_from_dict, sections_from_fields, spellings
from dagster_plus_k8s_helpers.pod.renderings import Renderings

__all__ = ["K8sConfig", "K8sConfigFields", "MergeBehavior"]

MergeBehavior: TypeAlias = Literal["DEEP", "SHALLOW"]
"""How Dagster lays a config onto the layer below: merged in depth (its default), or field by field."""


class K8sConfigFields(TypedDict, total=False):
    """Everything `K8sConfig` takes; see there for what each field means."""

    resources: Resources | Mapping[str, Any] | None
    node_selector: Mapping[str, str] | None
    tolerations: Sequence[Toleration | Mapping[str, Any]] | None
    affinity: Mapping[str, Any] | None
    topology_spread_constraints: Sequence[Mapping[str, Any]] | None
    priority_class_name: str | None
    runtime_class_name: str | None
    scheduler_name: str | None
    service_account_name: str | None
    image: str | None
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None
    image_pull_secrets: Sequence[str | Mapping[str, str]] | None
    env: EnvLike | None
    env_from: Sequence[EnvFrom | Mapping[str, Any]] | None
    volumes: Sequence[Volume | Mapping[str, Any]] | None
    volume_mounts: Sequence[VolumeMount | Mapping[str, Any]] | None
    labels: Mapping[str, str] | None
    annotations: Mapping[str, str] | None
    security_context: Mapping[str, Any] | None
    pod_security_context: Mapping[str, Any] | None
    host_aliases: Sequence[Mapping[str, Any]] | None
    dns_policy: Literal["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"] | None
    dns_config: Mapping[str, Any] | None
    init_containers: Sequence[Container | Mapping[str, Any]] | None
    termination_grace_period_seconds: int | None
    active_deadline_seconds: int | None
    ttl_seconds_after_finished: int | None
    queue: str | None
    priority_class: str | None
    container_config: Mapping[str, Any] | None
    pod_spec_config: Mapping[str, Any] | None
    pod_metadata: Mapping[str, Any] | None
    job_spec_config: Mapping[str, Any] | None
    job_metadata: Mapping[str, Any] | None
    merge_behavior: MergeBehavior | None


@answering
class K8sConfig(Renderings, Sections, FromYaml, Mapping[str, Any]):
    """What one pod needs: the bundle of container, pod and Job settings that ``dagster-k8s/config`` holds.

    Immutable, comparable and hashable; ``a | b`` merges with ``b`` winning. Every field may be left out
    or ``None``, and is accepted in Kubernetes' camelCase as well. As a mapping it is its `tags`, so that
    ``op_tags=SMALL`` means ``op_tags=SMALL.tags``.

    Args:
        resources: `Resources` of the main container.
        node_selector: Labels a node must have.
        tolerations: `Toleration` objects.
        affinity: Kubernetes' ``Affinity``.
        topology_spread_constraints: Kubernetes' ``TopologySpreadConstraint`` objects.
        priority_class_name: Name of a PriorityClass.
        runtime_class_name: Name of a RuntimeClass, such as ``nvidia``.
        scheduler_name: Another scheduler than the default one.
        service_account_name: Name of the ServiceAccount the pod runs under.
        image: Image reference of the main container.
        image_pull_policy: ``Always``, ``IfNotPresent`` or ``Never``.
        image_pull_secrets: Names of Secrets for the registry.
        env: Names to values: text, `SecretKeyRef`, `ConfigMapKeyRef`, `FieldRef` or `ResourceFieldRef`.
        env_from: `SecretEnvSource` and `ConfigMapEnvSource` objects.
        volumes: `Volume` objects; what they are mounted at goes to ``volume_mounts``.
        volume_mounts: `VolumeMount` objects, also of volumes that a lower layer defines.
        labels: Labels of the pod.
        annotations: Annotations of the pod.
        security_context: Kubernetes' ``SecurityContext`` of the main container.
        pod_security_context: Kubernetes' ``PodSecurityContext``.
        host_aliases: Kubernetes' ``HostAlias`` objects.
        dns_policy: ``ClusterFirst``, ``ClusterFirstWithHostNet``, ``Default`` or ``None`` as text.
        dns_config: Kubernetes' ``PodDNSConfig``.
        init_containers: `Container` objects, run before the main one; `Container.sidecar` beside it.
        termination_grace_period_seconds: Seconds between SIGTERM and SIGKILL.
        active_deadline_seconds: Seconds the Job may take in all before Kubernetes ends it.
        ttl_seconds_after_finished: Seconds the finished Job is kept.
        queue: The LocalQueue of Kueue that the Job waits in: a label of the Job.
        priority_class: Its WorkloadPriorityClass there, another label; the scheduler goes by
            ``priority_class_name``.
        container_config: Any other field of Kubernetes' ``Container``.
        pod_spec_config: Any other field of ``PodSpec``; ``containers`` are further containers.
        pod_metadata: Any other field of the pod's ``ObjectMeta``.
        job_spec_config: Any other field of ``JobSpec``.
        job_metadata: Any field of the Job's ``ObjectMeta``.
        merge_behavior: How Dagster lays this onto the layer below; ``DEEP`` when left out.

    Raises:
        UnknownFieldError: A field that does not exist, at any depth, with the nearest one that does.
        K8sConfigError: A value that Kubernetes or Dagster would refuse or ignore.

    Source: https://docs.dagster.io/deployment/oss/deployment-options/kubernetes/customizing-your-deployment
    """

    __slots__ = ("_merge_behavior",)

    _merge_behavior: MergeBehavior | None

    resources = Field[Resources | None](
        "container_config",
        unset=None,
        read=lambda value: Resources.from_dict({k: v for k, v in value.items() if k != "claims"}),
        write=resources_written,
    )
    node_selector = Field[dict[str, str]]("pod_spec_config", unset={})
    tolerations = Field[tuple[Toleration, ...]](
        "pod_spec_config", unset=(), read=lambda items: tuple(map(Toleration.from_dict, items))
    )
    affinity = Field[dict[str, Any]]("pod_spec_config", unset={})
    topology_spread_constraints = Field[list[dict[str, Any]]]("pod_spec_config", unset=[])
    priority_class_name = Field[str | None]("pod_spec_config", unset=None)
    runtime_class_name = Field[str | None]("pod_spec_config", unset=None)
    scheduler_name = Field[str | None]("pod_spec_config", unset=None)
    service_account_name = Field[str | None]("pod_spec_config", unset=None)
    image = Field[str | None]("container_config", unset=None)
    image_pull_policy = Field[str | None]("container_config", unset=None)
    image_pull_secrets = Field[tuple[str, ...]](
        "pod_spec_config",
        unset=(),
        read=lambda items: tuple(item.get("name", "") for item in items),
        write=names_to_references,
    )
    env = Field[dict[str, EnvValue]]("container_config", unset={}, read=env_from_list, write=env_to_list)
    env_from = Field[tuple[EnvFrom, ...]]("container_config", unset=(), read=env_from_from_list)
    volumes = Field[tuple[Volume, ...]](
        "pod_spec_config", unset=(), read=lambda items: tuple(map(Volume.from_dict, thaw(items)))
    )
    volume_mounts = Field[tuple[VolumeMount, ...]](
        "container_config", unset=(), read=lambda items: tuple(VolumeMount(**item) for item in items)
    )
    labels = Field[dict[str, str]]("pod_template_spec_metadata", unset={})
    annotations = Field[dict[str, str]]("pod_template_spec_metadata", unset={})
    security_context = Field[dict[str, Any]]("container_config", unset={})
    pod_security_context = Field[dict[str, Any]]("pod_spec_config", "security_context", unset={})
    host_aliases = Field[list[dict[str, Any]]]("pod_spec_config", unset=[])
    dns_policy = Field[str | None]("pod_spec_config", unset=None)
    dns_config = Field[dict[str, Any]]("pod_spec_config", unset={})
    init_containers = Field[tuple[Container, ...]](
        "pod_spec_config", unset=(), read=lambda items: tuple(map(Container.from_dict, thaw(items)))
    )
    termination_grace_period_seconds = Field[int | None]("pod_spec_config", unset=None)
    active_deadline_seconds = Field[int | None]("job_spec_config", unset=None)
    ttl_seconds_after_finished = Field[int | None]("job_spec_config", unset=None)

    FIELDS: ClassVar[Mapping[str, Field[Any]]]

    def __init__(self, **fields: Unpack[K8sConfigFields]) -> None:
        given = by_name(fields, _SPELLINGS)
        behavior = given.pop("merge_behavior", None)
        labels = {name: given.pop(name) for name in JOB_LABELS if name in given}
        self._set(with_job_labels(sections_from_fields(given, self.FIELDS), labels), behavior)

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> K8sConfig:
        """From what ``dagster-k8s/config``, ``run_k8s_config`` or ``runK8sConfig`` holds.

        The inverse of `to_dict`.

        Raises:
            K8sConfigError: Anything that Dagster would ignore, overwrite or refuse, or Kubernetes refuse.
        """
        if isinstance(config, K8sConfig):
            return config
        sections, behavior = sections_from_dict(config, cls.FIELDS)
        return cls._make(sections, behavior)

    @classmethod
    def from_tags(cls, tags: Mapping[str, Any]) -> K8sConfig:
        """From the tags of a job, op, asset or run; an empty config when they carry none.

        Raises:
            K8sConfigError: The tag is not JSON, or `from_dict` refuses what it holds.
        """
        if not isinstance(tags, Mapping):
            raise K8sConfigError(f"tags must be a mapping, not {type(tags).__name__}")
        value = tags.get(cls.TAG, {})
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except RecursionError:
                raise K8sConfigError("is JSON that is nested too deeply", where=cls.TAG) from None
            except ValueError as error:
                raise K8sConfigError(f"is not JSON: {error}", where=cls.TAG) from None
        try:
            return cls.from_dict(value)
        except K8sConfigError as error:
            raise error.within(cls.TAG) from None

    @property
    def merge_behavior(self) -> MergeBehavior | None:
        """How Dagster lays this onto the layer below; ``DEEP`` when ``None``."""
        return self._merge_behavior

    @property
    def queue(self) -> str | None:
        """The LocalQueue of Kueue that the Job waits in."""
        return self._job_label("queue")

    @property
    def priority_class(self) -> str | None:
        """The WorkloadPriorityClass of the Job in its queue."""
        return self._job_label("priority_class")

    def without(self, *names: str) -> K8sConfig:
        """A copy that says nothing in the named fields.

        Raises:
            UnknownFieldError: A name that is no field.
        """
        sections = {section: dict(value) for section, value in self._sections.items()}
        behavior = self._merge_behavior
        for spelling in names:
            name = _SPELLINGS.get(spelling, spelling)
            if name in self.FIELDS:
                sections.get(self.FIELDS[name].section, {}).pop(self.FIELDS[name].key, None)
            elif name in JOB_LABELS:
                sections["job_metadata"] = without_job_label(sections.get("job_metadata", {}), name)
            elif name in RAW_FIELDS:
                for key in self._raw(name):
                    sections[RAW_FIELDS[name]].pop(key, None)
            elif name == "merge_behavior":
                behavior = None
            else:
                raise UnknownFieldError(name, _SPELLINGS.values(), of="K8sConfig")
        return self._make(sections, behavior)

    def to_dict(self) -> dict[str, Any]:
        """What ``dagster-k8s/config`` holds, in snake_case; a new dictionary, free to be changed."""
        config = super().to_dict()
        if self._merge_behavior:
            config["merge_behavior"] = self._merge_behavior
        return config

    def __or__(self, other: K8sConfig) -> K8sConfig:
        if not isinstance(other, K8sConfig):
            raise ArgumentError(_no_operand(other))
        sections = {
            section: merge(model, self._section(section), other._section(section))
            for section, model in SECTIONS.items()
        }
        return self._make(sections, other._merge_behavior or self._merge_behavior)

    # `Never` keeps these an error to type checkers: they only say what to write.
    def __ror__(self, other: Never) -> Never:
        raise ArgumentError(_no_operand(other))

    def __add__(self, other: Never) -> Never:
        raise ArgumentError("configs are merged with |; write a | b")

    __radd__ = __add__

    def __getitem__(self, key: str) -> Any:
        return self.tags[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tags)

    def keys(self) -> KeysView[str]:
        """The keys of its tags."""
        return self.tags.keys()

    def __len__(self) -> int:
        return len(self.tags)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, K8sConfig):
            return NotImplemented
        return self._sections == other._sections and self._merge_behavior == other._merge_behavior

    def __hash__(self) -> int:
        return hash((_hashable(self._sections), self._merge_behavior))

    def __bool__(self) -> bool:
        return bool(self._sections or self._merge_behavior)

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name, field in self.FIELDS.items() if field.is_set(self)}
        if "claims" in self._section("container_config").get("resources", {}):
            shown["resources"] = thaw(self._section("container_config")["resources"])
        shown |= {name: raw for name in RAW_FIELDS if (raw := self._raw(name))}
        if self._merge_behavior:
            shown["merge_behavior"] = self._merge_behavior
        return f"K8sConfig({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def __reduce__(self) -> tuple[object, tuple[dict[str, Any]]]:
        return K8sConfig.from_dict, (self.to_dict(),)

    def _job_label(self, name: str) -> str | None:
        found: str | None = self._section("job_metadata").get("labels", {}).get(JOB_LABELS[name])
        return found

    def _raw(self, name: str) -> dict[str, Any]:
        section = RAW_FIELDS[name]
        named = {field.key for field in self.FIELDS.values() if field.section == section}
        return {key: thaw(value) for key, value in self._section(section).items() if key not in named}

    @classmethod
    def _make(
        cls, sections: Mapping[str, KubernetesObject], merge_behavior: MergeBehavior | None
    ) -> K8sConfig:
        config = object.__new__(cls)
        config._set(sections, merge_behavior)
        return config

    def _set(self, sections: Mapping[str, KubernetesObject], merge_behavior: MergeBehavior | None) -> None:
        if merge_behavior not in (None, "DEEP", "SHALLOW"):
            raise K8sConfigError(f"{merge_behavior!r} is neither DEEP nor SHALLOW", where="merge_behavior")
        object.__setattr__(self, "_sections", {name: value for name, value in sections.items() if value})
        object.__setattr__(self, "_merge_behavior", merge_behavior)


K8sConfig.FIELDS = {name: row for name, row in vars(K8sConfig).items() if isinstance(row, Field)}
_SPELLINGS = spellings(*K8sConfig.FIELDS, *JOB_LABELS, *RAW_FIELDS, "merge_behavior")


def _no_operand(other: object) -> str:
    """What to write instead of merging a config with something that is none."""
    if isinstance(other, type):
        return f"| merges two K8sConfig, not one and the class {other.__name__}; write {other.__name__}(...)"
    if other is None:
        return "| merges two K8sConfig, not one and None; for a config that says nothing write K8sConfig()"
    if isinstance(other, Mapping) and K8sConfig.TAG in other:
        return "| merges two K8sConfig, not one and tags; write (a | b).tags, or K8sConfig.from_tags(...)"
    write = ""
    if isinstance(other, Mapping):
        write = "; write K8sConfig.from_dict(...), or for tags {**a.tags, ...}"
    elif isinstance(other, Resources):
        write = "; write K8sConfig(resources=Resources(...))"
    elif isinstance(other, Toleration | Volume | VolumeMount):
        field = _FIELD_OF[type(other)]
        write = f"; write K8sConfig({field}=[{type(other).__name__}(...)])"
    return f"| merges two K8sConfig, not one and {type(other).__name__}{write}"


_FIELD_OF = {Toleration: "tolerations", Volume: "volumes", VolumeMount: "volume_mounts"}


def _hashable(value: object) -> object:
    if isinstance(value, Mapping):
        return frozenset((key, _hashable(item)) for key, item in value.items())
    return tuple(map(_hashable, value)) if isinstance(value, list) else value
