"""``run_k8s_config`` and ``server_k8s_config`` of a code location, each with a `K8sConfig` in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, InstanceOf, PlainSerializer, ValidationInfo

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.sections.section import is_from_file
from dagster_plus_k8s_helpers.files.sections.server_config import SERVER_SECTIONS, ServerK8sConfig, check_kind
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.reading import spellings

__all__ = ["RUN_KEYS", "SERVER_KEYS", "RunK8sConfig", "ServerK8sConfigField"]

_JOB_SECTIONS = ("job_metadata", "job_spec_config")

RUN_KEYS = (*SECTIONS, "merge_behavior", "job_config")
"""Keys that Dagster reads in ``run_k8s_config``."""

SERVER_KEYS = (*(key for key in SECTIONS if key not in _JOB_SECTIONS), "merge_behavior", *SERVER_SECTIONS)
"""Keys that Dagster reads in ``server_k8s_config``."""


def _refuse_camel_case(value: Mapping[Any, Any], keys: tuple[str, ...]) -> None:
    """Dagster reads its own keys in snake_case only; `K8sConfig` takes both."""
    known = spellings(*keys)
    for key in value:
        if known.get(key, key) != key:
            raise K8sConfigError(f"this file does not spell the key {key!r}; write {known[key]!r}", where=key)


def _refuse_keys_of_servers(value: Mapping[Any, Any]) -> None:
    for key in SERVER_SECTIONS:
        if key in value:
            reason = (
                f"a run has no Deployment and no Service and takes no {key!r}; move it to server_k8s_config"
            )
            raise K8sConfigError(reason, where=key)


def _run(value: object, info: ValidationInfo) -> object:
    if isinstance(value, Mapping):
        if is_from_file(info):
            _refuse_camel_case(value, RUN_KEYS)
            _refuse_keys_of_servers(value)
        value = K8sConfig.from_dict(value)
    if not isinstance(value, K8sConfig):
        raise K8sConfigError(f"must be a mapping, not {_words(value)}")
    check_kind(value, "run")
    return value


def _server(value: object, info: ValidationInfo) -> object:
    if isinstance(value, K8sConfig):
        return ServerK8sConfig(value)
    if isinstance(value, Mapping):
        if is_from_file(info):
            _refuse_camel_case(value, SERVER_KEYS)
        return ServerK8sConfig.from_dict(value)
    if not isinstance(value, ServerK8sConfig):
        raise K8sConfigError(f"must be a mapping, not {_words(value)}")
    return value


def _words(value: object) -> str:
    return {str: "text", list: "a list", bool: "true or false", int: "a number", float: "a number"}.get(
        type(value), "this"
    )


RunK8sConfig: TypeAlias = Annotated[
    K8sConfig, BeforeValidator(_run), PlainSerializer(lambda config: config.to_dict())
]
"""A `K8sConfig`, or the mapping of one."""

ServerK8sConfigField: TypeAlias = Annotated[
    InstanceOf[ServerK8sConfig], BeforeValidator(_server), PlainSerializer(lambda config: config.to_dict())
]
"""A `ServerK8sConfig`, a `K8sConfig`, or the mapping of one."""
