"""From what users write to the checked sections of a config, with errors that say where things belong."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypeAlias

from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.fields import RAW_FIELDS, SECTIONS, Field
from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject, field_types, read, shown_name
from dagster_plus_k8s_helpers.pod.parts.rules import check
from dagster_plus_k8s_helpers.pod.parts.volumes import Volume

__all__ = ["ADVICE", "by_name", "sections_from_dict", "sections_from_fields", "spellings"]

Fields: TypeAlias = Mapping[str, Field[Any]]


@cache
def spellings(*names: str) -> Mapping[str, str]:
    """From each name in snake_case and in camelCase to the name."""
    return MappingProxyType({spelling: name for name in names for spelling in (name, _camel(name))})


def by_name(written: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
    """What was written, by names instead of spellings, without what is ``None``."""
    given: dict[str, Any] = {}
    for spelling, value in written.items():
        if spelling not in known:
            raise _unknown_field(spelling, known)
        name = known[spelling]
        if name in given:
            raise K8sConfigError("is given twice, in snake_case and in camelCase", where=name)
        _refuse_class(name, value)
        if value is not None:
            given[name] = value
    return given


def _refuse_class(name: str, value: object) -> None:
    items = value if isinstance(value, list | tuple) else (value,)
    wrong = next((item for item in items if isinstance(item, type)), None)
    if wrong is not None:
        raise K8sConfigError(f"is the class itself; write {wrong.__name__}(...)", where=name)


def sections_from_fields(given: Mapping[str, Any], fields: Fields) -> dict[str, KubernetesObject]:
    """The sections of a config from its fields, named and raw."""
    named: dict[str, KubernetesObject] = {}
    raw: dict[str, KubernetesObject] = {}
    for name, value in _with_mounts(given).items():
        if name in fields:
            field = fields[name]
            named.setdefault(field.section, {})[field.key] = _written(name, field, value)
        else:
            raw[RAW_FIELDS[name]] = _read_section(name, RAW_FIELDS[name], value)
    for section, written in named.items():
        try:
            read_fields = read(SECTIONS[section], written, check)
        except K8sConfigError as error:
            raise _under_its_name(error, section, fields) from None
        raw[section] = _union(section, read_fields, raw.get(section, {}))
    return raw


def sections_from_dict(config: object, fields: Fields) -> tuple[dict[str, KubernetesObject], Any]:
    """The sections and the merge behaviour of what ``dagster-k8s/config`` holds, in either case."""
    if not isinstance(config, Mapping):
        raise K8sConfigError(f"a k8s config must be a mapping, not {type(config).__name__}")
    known = spellings(*SECTIONS, "merge_behavior", "job_config")
    given: dict[Any, Any] = {}
    for key, value in config.items():
        name = known.get(key, key)
        if name in given:
            raise K8sConfigError("is given twice, in snake_case and in camelCase", where=str(name))
        given[name] = value
    behavior = given.pop("merge_behavior", None)
    _refuse_job_config(given.pop("job_config", {}))
    for name in given:
        if name not in SECTIONS:
            raise _unknown_section(name, fields)
    return {name: _read_section(name, name, value) for name, value in given.items()}, behavior


def _under_its_name(error: K8sConfigError, section: str, fields: Fields) -> K8sConfigError:
    """The error under the name that the user wrote, where Kubernetes has another one for the field."""
    for name, field in fields.items():
        if name != field.key and section == field.section and error.where.startswith(field.key):
            return error.renamed(field.key, name)
    return error


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _unknown_field(name: str, known: Mapping[str, str]) -> K8sConfigError:
    if name in ADVICE:
        reason = f"K8sConfig has no field {name!r}; {ADVICE[name].format(name=name)}"
        return UnknownFieldError(name, (), of="K8sConfig", reason=reason)
    nearest = UnknownFieldError(name, known.values(), of="K8sConfig")
    if name in _LOSING or (nearest.suggests and name not in _RAW_NAMES):
        return nearest
    for raw, section in _HOMES:
        if name in field_types(SECTIONS[section]):
            return K8sConfigError(
                f"K8sConfig does not name the field {name!r}; write {raw}={{{name!r}: ...}}"
            )
    return nearest


_TAG = "dagster-k8s/config"

ADVICE = {
    **dict.fromkeys(
        ("cpu", "memory", "gpu", "ephemeral_storage", "extended"), "write resources=Resources({name}=...)"
    ),
    **dict.fromkeys(
        ("limits", "requests"),
        'write resources=Resources(cpu=("1", "2"), memory="4Gi"): a pair is request and limit',
    ),
    "mem": "write resources=Resources(memory=...)",
    "args": "Dagster overwrites the arguments of its own pods; for .pod_spec() write "
    "container_config={{'args': ...}}",
    "env_config_maps": "write env_from=[ConfigMapEnvSource('NAME')]",
    "env_secrets": "write env_from=[SecretEnvSource('NAME')]",
    "env_vars": "write env={{'NAME': 'value'}}",
    "job_config": "write job_spec_config=..., job_metadata=...",
    "metadata": "write labels=..., annotations=..., pod_metadata=... or job_metadata=...",
    "namespace": "pods go where the agent says; those of steps elsewhere with k8s_executor(namespace=...)",
    "pod_template_spec_metadata": "write labels=..., annotations=... or pod_metadata=...",
    "run_k8s_config": "write its fields here; config.container_context() and config.helm_values() say whose "
    "pods they are for",
    "step_k8s_config": "write k8s_executor(step_config=K8sConfig(...))",
}
"""What to write instead of a field that goes elsewhere, or that Dagster decides about."""
_LOSING = {"service_account"}
"""Fields that Kubernetes still has, under a name that loses against the one to write."""
_HOMES = sorted(RAW_FIELDS.items(), key=lambda item: item[0] != "pod_spec_config")
_RAW_NAMES = {name for section in SECTIONS.values() for name in field_types(section)}


def _unknown_section(name: str, fields: Fields) -> K8sConfigError:
    if name == _TAG:
        reason = f"{name!r} is the key of the tag; write what it holds, or read tags with K8sConfig.from_tags"
        return UnknownFieldError(name, (), of=_TAG, reason=reason)
    if name in fields:
        row = fields[name]
        reason = f"{name!r} belongs one level further in; write {row.section}: {{{row.key}: ...}}"
        return UnknownFieldError(name, (), of="dagster-k8s/config", reason=reason)
    return UnknownFieldError(str(name), (*SECTIONS, "merge_behavior"), of="dagster-k8s/config")


def _refuse_job_config(job_config: object) -> None:
    if job_config:
        raise K8sConfigError(
            "Dagster overwrites what it holds; write job_metadata for its metadata and job_spec_config for "
            "its spec",
            where="job_config",
        )


def _with_mounts(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with the mounts of volumes among the volume mounts."""
    volumes = given.get("volumes", ())
    if not isinstance(volumes, list | tuple):
        raise K8sConfigError(
            f"must be a list of Volume objects, not {type(volumes).__name__}", where="volumes"
        )
    mounts = [mount for volume in volumes if isinstance(volume, Volume) for mount in volume.mounts]
    others = given.get("volume_mounts", ())
    if not mounts or not isinstance(others, list | tuple):
        return dict(given)
    return {**given, "volume_mounts": [*mounts, *others]}


def _written(name: str, field: Field[Any], value: object) -> object:
    try:
        return field.write(value)
    except K8sConfigError as error:
        raise error.within(name) from None


def _read_section(name: str, section: str, value: object) -> KubernetesObject:
    """A section given as a whole, under the name it was given by."""
    try:
        return read(SECTIONS[section], value, check)
    except UnknownFieldError as error:
        raise _elsewhere(section, error).within(name) from None
    except K8sConfigError as error:
        raise error.within(name) from None


def _elsewhere(section: str, error: UnknownFieldError) -> K8sConfigError:
    """A better error for a field that exists, but in another section."""
    if error.where:
        return error
    for raw, other in RAW_FIELDS.items():
        if error.name in field_types(SECTIONS[other]):
            here = shown_name(SECTIONS[section])
            reason = f"{here} has no field {error.name!r}; it belongs in {raw}"
            return UnknownFieldError(error.name, (), of=here, reason=reason)
    return error


def _union(section: str, named: KubernetesObject, raw: KubernetesObject) -> KubernetesObject:
    for key in raw:
        if key in named:
            raise K8sConfigError(f"is given twice, as a field of its own and in {section}", where=key)
    return {**named, **raw}
