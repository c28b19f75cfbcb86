"""From what YAML holds to the values of this package: a config, resources, a memory ladder, a size."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from dagster_plus_k8s_helpers.arguments import unknown_argument
from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError, did_you_mean
from dagster_plus_k8s_helpers.pod.config import K8sConfig, K8sConfigFields
from dagster_plus_k8s_helpers.pod.parts import Resources
from dagster_plus_k8s_helpers.pod.reading import spellings
from dagster_plus_k8s_helpers.sizing.by_partition import sized_by_partition
from dagster_plus_k8s_helpers.sizing.by_usage import ByUsage
from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder
from dagster_plus_k8s_helpers.sizing.reading import size_tags, strategy_from
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG, SizeTags

__all__ = [
    "AMOUNTS",
    "CONFIG_FIELDS",
    "CONFIG_SLIPS",
    "RESOURCES_SLIPS",
    "config_of",
    "entries_of",
    "known_only",
    "ladder_of",
    "resources_of",
    "size_of",
    "within",
]

AMOUNTS = ("cpu", "memory", "gpu", "ephemeral_storage", "extended")
CONFIG_FIELDS = tuple(K8sConfigFields.__annotations__)
CONFIG_SLIPS: Mapping[str, str] = {
    **{name: f"resources: {{{name}: ...}}" for name in AMOUNTS},
    "mem": "resources: {memory: ...}",
    "limits": "resources: {cpu: [REQUEST, LIMIT], memory: [REQUEST, LIMIT]}",
    "requests": "resources: {cpu: [REQUEST, LIMIT], memory: [REQUEST, LIMIT]}",
    "env_vars": "env: {NAME: VALUE}",
    "env_secrets": "env_from: [{secretRef: {name: NAME}}]",
    "env_config_maps": "env_from: [{configMapRef: {name: NAME}}]",
    "pod_template_spec_metadata": "labels: ..., annotations: ... or pod_metadata: ...",
    "metadata": "labels: ..., annotations: ..., pod_metadata: ... or job_metadata: ...",
    "job_config": "job_spec_config: ..., job_metadata: ...",
}
"""What to write instead of what stands elsewhere in a config, as YAML."""
RESOURCES_SLIPS: Mapping[str, str] = {
    "mem": "memory: ...",
    "gpus": "gpu: ...",
    "storage": "ephemeral_storage: ...",
    "disk": "ephemeral_storage: ...",
}
_SIDES = ("requests", "limits")
# What a template gives may be the value of a variable, and that a secret: no message repeats it.
_KINDS = "a mapping, or a template such as '{{ k8s(cpu=1) }}'"


def known_only(
    written: Mapping[str, object], known: Collection[str], of: str, slips: Mapping[str, str] | None = None
) -> None:
    """Refuses a name that there is not, where it stands.

    Raises:
        UnknownFieldError: It says what to write instead.
    """
    for name in written:
        if name not in known:
            advice = {
                slip: f"write {write}".replace("{", "{{").replace("}", "}}")
                for slip, write in (slips or {}).items()
            }
            write = unknown_argument(str(name), known, advice)
            reason = f"{of} has no field {name!r}{write}"
            raise UnknownFieldError(str(name), (), of=of, where=str(name), reason=reason)


def config_of(value: object) -> K8sConfig:
    """A pod config: from its fields, or from what a template gave.

    Raises:
        K8sConfigError: Anything that Kubernetes or Dagster would refuse or ignore.
    """
    if isinstance(value, K8sConfig):
        return value
    if not isinstance(value, Mapping):
        raise K8sConfigError(f"must be {_KINDS}, not {type(value).__name__}")
    if K8sConfig.TAG in value:
        return K8sConfig.from_tags(value)
    known_only(value, spellings(*CONFIG_FIELDS), "K8sConfig", CONFIG_SLIPS)
    fields: dict[str, Any] = dict(value)
    if fields.get("resources") is not None:
        fields["resources"] = within("resources", resources_of, fields["resources"])
    return K8sConfig(**fields)


def resources_of(value: object) -> Resources:
    """Resources: ``{cpu: 500m, memory: [2Gi, 4Gi]}``, or Kubernetes' own ``{requests: ..., limits: ...}``.

    Raises:
        K8sConfigError: An amount that Kubernetes refuses, or that is almost surely a mistake of units.
    """
    if isinstance(value, Resources):
        return value
    if not isinstance(value, Mapping):
        raise K8sConfigError(
            f"must be a mapping such as {{cpu: 500m, memory: 2Gi}}, not {type(value).__name__}"
        )
    if any(side in value for side in _SIDES):
        known_only(value, _SIDES, "resources with requests and limits")
        for side in value:
            # Each by itself first, so that an amount is refused at its own line.
            within(side, lambda amounts: Resources.from_dict({side: amounts}), value[side])  # noqa: B023 - at once
        return Resources.from_dict(value)
    known_only(value, AMOUNTS, "Resources", RESOURCES_SLIPS)
    return Resources(**value)


def ladder_of(value: object) -> MemoryLadder:
    """A memory ladder, from its fields.

    Raises:
        K8sConfigError: A value that makes no ladder.
    """
    if isinstance(value, MemoryLadder):
        return value
    if not isinstance(value, Mapping):
        raise K8sConfigError(f"must be a mapping such as {{maximum: 64Gi}}, not {type(value).__name__}")
    known_only(value, MemoryLadder.__dataclass_fields__, "MemoryLadder")
    return MemoryLadder.from_dict(value)


def size_of(value: object) -> SizeTags:
    """What decides a size: ``{by: partition, ...}``, ``{by: usage, ...}``, or a function as ``module:name``.

    Raises:
        K8sConfigError: Something else, or a setting that makes no sense.
    """
    if not isinstance(value, Mapping) or SIZE_TAG in value:
        return size_tags(value, where="")  # type: ignore[arg-type] # which refuses what is of no such kind
    by = value.get("by")
    given = {name: item for name, item in value.items() if name != "by"}
    if by == "partition":
        known_only(given, ("sizes", "otherwise"), "a size by partition")
        sizes = within("sizes", lambda written: entries_of(written, config_of), given.get("sizes", {}))
        otherwise = given.get("otherwise")
        other = None if otherwise is None else within("otherwise", config_of, otherwise)
        return sized_by_partition(sizes, otherwise=other)
    if by == "usage":
        known_only(given, ByUsage.__dataclass_fields__, "a size by usage")
        strategy = ByUsage.from_fields(given)
        return SizeTags(strategy.to_text(), strategy_from(strategy.to_text()))
    near = did_you_mean(by, ("partition", "usage")) if isinstance(by, str) else ""
    raise K8sConfigError(f"must be partition or usage, not {by!r}{near}", where="by")


def entries_of(value: object, read: Callable[[object], Any]) -> dict[str, Any]:
    """A mapping with each of its values read.

    Raises:
        K8sConfigError: It is no mapping, or one of them is refused.
    """
    if not isinstance(value, Mapping):
        raise K8sConfigError(f"must be a mapping, not {type(value).__name__}")
    return {name: within(f"[{name!r}]", read, item) for name, item in value.items()}


def within(where: str, read: Callable[[Any], Any], value: object) -> Any:
    """What is read of a part, with errors that say which part it is.

    Raises:
        K8sConfigError: It is refused.
    """
    try:
        return read(value)
    except K8sConfigError as error:
        raise error.within(where) from None
