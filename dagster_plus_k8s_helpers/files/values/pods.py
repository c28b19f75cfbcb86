"""``runK8sConfig`` and ``serverK8sConfig`` of the values, and which of their fields users may set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeAlias

from pydantic import GetCoreSchemaHandler, ValidationInfo, model_validator
from pydantic_core import core_schema

from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.files.sections.section import is_from_file
from dagster_plus_k8s_helpers.files.sections.server_config import SERVER_SECTIONS, ServerK8sConfig
from dagster_plus_k8s_helpers.files.values.section import ValuesSection, camel_case
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.objects.schema import field_types, shown_name

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.pod.renderings import PodKind

__all__ = [
    "ALLOWED_MODELS",
    "RUN_MODELS",
    "SERVER_MODELS",
    "AllowedFields",
    "PodConfig",
    "RunPods",
    "ServerPods",
]

RUN_MODELS = {camel_case(name): model for name, model in SECTIONS.items()}
"""What ``runK8sConfig`` may hold, and what Kubernetes calls it."""

SERVER_MODELS = {
    **{name: model for name, model in RUN_MODELS.items() if not name.startswith("job")},
    **{camel_case(name): model for name, model in SERVER_SECTIONS.items()},
}
"""What ``serverK8sConfig`` may hold, and what Kubernetes calls it."""

ALLOWED_MODELS = {**RUN_MODELS, **SERVER_MODELS}
"""What the list of allowed fields may hold."""


@dataclass(frozen=True)
class PodConfig:
    """For ``Annotated``: the config of the pods of one kind.

    Attributes:
        pods: Which pods.
    """

    pods: PodKind

    def __get_pydantic_core_schema__(self, _source: object, _handler: GetCoreSchemaHandler) -> Any:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    @property
    def models(self) -> Mapping[str, str]:
        """The keys it may have, and what Kubernetes calls what they hold."""
        return RUN_MODELS if self.pods == "run" else SERVER_MODELS

    def read(self, value: object) -> K8sConfig | ServerK8sConfig | None:
        """The config, checked.

        Raises:
            K8sConfigError: A value that Kubernetes or Dagster would refuse or ignore.
        """
        if value is None or isinstance(value, ServerK8sConfig):
            if value is not None and self.pods == "run":
                raise K8sConfigError("must be a K8sConfig, not ServerK8sConfig")
            return value
        if isinstance(value, K8sConfig):
            config = value
        elif isinstance(value, Mapping):
            given = {name: said for name, said in value.items() if said is not None}
            if self.pods == "server":
                return ServerK8sConfig.from_dict(given)
            config = K8sConfig.from_dict(given)
        else:
            raise K8sConfigError(f"must be a mapping, not {type(value).__name__}")
        if self.pods == "server":
            return ServerK8sConfig(config)
        config.helm_values("run")
        return config

    def write(self, value: K8sConfig | ServerK8sConfig | None) -> dict[str, Any] | None:
        """The config as YAML, in camelCase."""
        if value is None:
            return None
        if isinstance(value, ServerK8sConfig):
            return value.helm_values()
        written: dict[str, Any] = value.helm_values("run")["workspace"]["runK8sConfig"]
        return written


RunPods: TypeAlias = Annotated[K8sConfig | None, PodConfig("run")]
ServerPods: TypeAlias = Annotated[ServerK8sConfig | None, PodConfig("server")]


class AllowedFields(ValuesSection):
    """The only fields that code locations and run tags may set; made by `AllowedFields.of`.

    Args:
        container_config: Fields of ``Container`` that they may set.
        pod_spec_config: Fields of ``PodSpec``.
        pod_template_spec_metadata: Fields of the pod's ``ObjectMeta``.
        job_spec_config: Fields of ``JobSpec``.
        job_metadata: Fields of the Job's ``ObjectMeta``.
        deployment_metadata: Fields of the ``ObjectMeta`` of a code server's Deployment.
        service_metadata: Fields of the ``ObjectMeta`` of its Service.
        service_spec_config: Fields of its ``ServiceSpec``.
        namespace: Whether they may choose the namespace.
    """

    container_config: dict[str, bool] | None = None
    pod_spec_config: dict[str, bool] | None = None
    pod_template_spec_metadata: dict[str, bool] | None = None
    job_spec_config: dict[str, bool] | None = None
    job_metadata: dict[str, bool] | None = None
    deployment_metadata: dict[str, bool] | None = None
    service_metadata: dict[str, bool] | None = None
    service_spec_config: dict[str, bool] | None = None
    namespace: bool | None = None

    @classmethod
    def of(cls, *names: str) -> Self:
        """Allows these fields and nothing else.

        Args:
            *names: Fields of `K8sConfig` such as ``resources``; ``namespace``; and for what `K8sConfig` does
                not name the section and Kubernetes' own field, such as ``pod_spec_config.host_network``.

        Raises:
            K8sConfigError: A field that does not exist.
        """
        return cls(**_allowed(names))

    @model_validator(mode="before")
    @classmethod
    def _read_names(cls, data: object, info: ValidationInfo) -> object:
        if isinstance(data, list | tuple) and not is_from_file(info):
            return _allowed(data)
        return data

    @model_validator(mode="after")
    def _check_fields(self) -> Self:
        for section, model in ALLOWED_MODELS.items():
            name = _SECTION_NAMES[section]
            known = {row.camel for row in field_types(model).values()} | set(field_types(model))
            for key in getattr(self, name) or ():
                if key not in known:
                    raise UnknownFieldError(key, field_types(model), of=shown_name(model), where=section)
        return self


_SECTION_NAMES = {camel_case(name): name for name in (*SECTIONS, *SERVER_SECTIONS)}


def _allowed(names: Sequence[object]) -> dict[str, Any]:
    """The fields of `AllowedFields` for names of fields."""
    allowed: dict[str, Any] = {}
    for name in names:
        if name == "namespace":
            allowed["namespace"] = True
            continue
        section, key = _place(name)
        allowed.setdefault(section, {})[key] = True
    return allowed


def _place(name: object) -> tuple[str, str]:
    """The section that holds a field, and Kubernetes' own name for it."""
    known = K8sConfig.FIELDS
    if isinstance(name, str) and name in known:
        section, key = known[name].section, known[name].key
    else:
        section, _, key = str(name).partition(".")
        if section not in _SECTION_NAMES.values() or not key:
            raise UnknownFieldError(str(name), (*known, "namespace"), of="K8sConfig")
    types = field_types(ALLOWED_MODELS[camel_case(section)])
    if key not in types:
        raise UnknownFieldError(key, types, of=section)
    return section, types[key].camel
