"""Rules for settings where they are written in Python: tags of ops and jobs, and the executor's config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.agent.credentials import find_credentials
from dagster_plus_k8s_helpers.agent.refusals import refusals
from dagster_plus_k8s_helpers.agent.yaml_file import shown_path
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.plan.rules import (
    LITERAL_CREDENTIAL,
    MISSPELT_TAG,
    OVERWRITTEN,
    REFUSED_VALUE,
    UNKNOWN_KEY,
    WRONG_CASE,
)
from dagster_plus_k8s_helpers.plan.subjects import Hit
from dagster_plus_k8s_helpers.plan.waived import WAIVER_TAG
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.findings import Rule
    from dagster_plus_k8s_helpers.plan.subjects import Asked, JobRule, Planned, TagRule

__all__ = ["EXECUTOR_RULES", "TAG_RULES", "config_problems", "executor_config", "misspelt_tags", "tag_values"]


def tag_values(asked: Asked) -> Iterator[Hit]:
    """What is wrong in ``dagster-k8s/config`` of ops and of the job."""
    by_text: dict[str, list[str]] = {}
    for step in asked.steps:
        if K8sConfig.TAG in step.tags:
            by_text.setdefault(step.tags[K8sConfig.TAG], []).append(step.key)
    for text, keys in by_text.items():
        for rule, problem in _text_problems(text):
            yield Hit(rule, f"op tags, {K8sConfig.TAG}: {problem}", tuple(keys))
    if K8sConfig.TAG in asked.job.run_tags:
        for rule, problem in _text_problems(asked.job.run_tags[K8sConfig.TAG]):
            yield Hit(rule, f"its tags, {K8sConfig.TAG}: {problem}", of="the job")


def misspelt_tags(asked: Asked) -> Iterator[Hit]:
    """Tags that are nearly, but not quite, one that Dagster on Kubernetes reads."""
    by_key: dict[str, list[str]] = {}
    for step in asked.steps:
        for key in step.tags:
            by_key.setdefault(key, []).append(step.key)
    for key, keys in by_key.items():
        if _is_misspelt(key):
            yield Hit(MISSPELT_TAG, f"op tags: nobody reads {key!r}{did_you_mean(key, _TAGS)}", tuple(keys))
    for key in asked.job.run_tags:
        if _is_misspelt(key):
            yield Hit(MISSPELT_TAG, f"its tags: nobody reads {key!r}{did_you_mean(key, _TAGS)}", of="the job")


def executor_config(job: Planned) -> Iterator[Hit]:
    """What is wrong in the settings that an executor has for all steps, or for some."""
    for group in job.groups[1:]:
        for layer in group.pod.layers:
            if layer.name in {"executor", "per_step_k8s_config"}:
                for rule, problem in config_problems(layer.config):
                    yield group.hit(rule, f"{layer}: {problem}")


TAG_RULES: tuple[TagRule, ...] = (tag_values, misspelt_tags)
EXECUTOR_RULES: tuple[JobRule, ...] = (executor_config,)

_TAGS = (K8sConfig.TAG, "dagster-k8s/resource_requirements", WAIVER_TAG)
_SECTIONS = (*SECTIONS, "merge_behavior", "job_config")
_SPELLINGS = spellings(*_SECTIONS)
_OVERWRITTEN = {("container_config", "args"), ("job_spec_config", "template")}


def config_problems(config: Mapping[str, Any]) -> Iterator[tuple[Rule, str]]:
    """What Dagster ignores, overwrites or refuses in a config, what Kubernetes refuses, and credentials."""
    known: dict[str, Any] = {}
    for key, value in config.items():
        if key in _SECTIONS:
            known[key] = value
        elif key in _SPELLINGS:
            yield WRONG_CASE, f"Dagster ignores {key!r}; write {_SPELLINGS[key]!r}"
            known.setdefault(_SPELLINGS[key], value)
        else:
            yield UNKNOWN_KEY, _reason(key, value)
    for refusal in refusals(K8sConfig.from_dict, known):
        place = refusal.path[:2]
        if place == ("job_config",) or place in _OVERWRITTEN or "Dagster names" in refusal.reason:
            rule = OVERWRITTEN
        else:
            rule = UNKNOWN_KEY if refusal.is_unknown_field else REFUSED_VALUE
        path = shown_path(refusal.path)
        yield rule, f"{path}: {refusal.reason}" if path else refusal.reason
    container = known.get("container_config")
    if isinstance(container, Mapping) and "args" in container:
        yield OVERWRITTEN, "container_config.args: Dagster overwrites it with arguments of its own"
    for found, kind in find_credentials(dict(config)):
        yield LITERAL_CREDENTIAL, f"{shown_path(found)}: this looks like {kind}"


def _text_problems(text: str) -> Iterator[tuple[Rule, str]]:
    try:
        config = json.loads(text)
    except ValueError as error:
        yield REFUSED_VALUE, f"is not JSON: {error}"
        return
    if isinstance(config, Mapping):
        yield from config_problems(config)
    else:
        yield REFUSED_VALUE, f"must be a mapping, not {type(config).__name__}"


def _reason(key: str, value: object) -> str:
    try:
        K8sConfig.from_dict({key: value})
    except K8sConfigError as error:
        return str(error)
    return f"Dagster ignores {key!r}"


def _is_misspelt(key: str) -> bool:
    return key not in _TAGS and (key.startswith("dagster-k8s/") or bool(did_you_mean(key, _TAGS)))
