"""Rules for tags where they are written in Python: those of ops, jobs, partitions and schedules."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.agent.credentials import find_credentials
from dagster_plus_k8s_helpers.agent.reasons import IS_ABOVE_LIMIT
from dagster_plus_k8s_helpers.agent.refusals import refusals
from dagster_plus_k8s_helpers.agent.yaml_file import shown_path
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.executor.memory_ladder import MEMORY_LADDER_TAG, ladder_of_step
from dagster_plus_k8s_helpers.executor.settings import START_TIMEOUT_TAG, start_timeout_of_step
from dagster_plus_k8s_helpers.plan.rules import (
    DUPLICATE_ENV,
    DUPLICATE_NAME,
    LITERAL_CREDENTIAL,
    MISSPELT_TAG,
    NOT_OUR_EXECUTOR,
    OVERWRITTEN,
    REFUSED_VALUE,
    REQUEST_ABOVE_LIMIT,
    UNKNOWN_KEY,
    WRONG_CASE,
)
from dagster_plus_k8s_helpers.plan.subjects import OLD_TAG, Hit, of_no_one, twice
from dagster_plus_k8s_helpers.plan.waived import WAIVER_TAG
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.fields import SECTIONS
from dagster_plus_k8s_helpers.pod.reading import spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dagster_plus_k8s_helpers.agent.refusals import Refusal
    from dagster_plus_k8s_helpers.agent.yaml_file import Path
    from dagster_plus_k8s_helpers.findings import Rule
    from dagster_plus_k8s_helpers.plan.subjects import Asked, TagRule

__all__ = ["TAG_RULES", "ConfigProblem", "config_problems", "misspelt_tags", "own_tags", "tag_values"]


def tag_values(asked: Asked) -> Iterator[Hit]:
    """What is wrong in ``dagster-k8s/config``, and in the tag that was there before it."""
    for key, problems in ((K8sConfig.TAG, config_problems), (OLD_TAG, _resource_problems)):
        for text, steps in _by_value(asked, key).items():
            for found in _text_problems(text, problems):
                problem = f"op tags, {key}: {found.text}"
                yield Hit(found.rule, problem, steps, layer="op tags", cause=found.cause_in("op tags"))
        of_job = asked.job.run_tags.get(key)
        for whose, tags in asked.tags_of_runs:
            if key in tags and (whose == "the job" or tags[key] != of_job):
                for found in _text_problems(tags[key], problems):
                    problem = f"its tags, {key}: {found.text}"
                    cause = found.cause_in("run tags")
                    yield Hit(found.rule, problem, of=whose, layer="run tags", cause=cause)


def misspelt_tags(asked: Asked) -> Iterator[Hit]:
    """Tags that are nearly, but not quite, one that Dagster on Kubernetes reads."""
    by_key: dict[str, list[str]] = {}
    for step in asked.steps:
        for key in step.tags:
            by_key.setdefault(key, []).append(step.key)
    for key, keys in by_key.items():
        if _is_misspelt(key, _OP_TAGS):
            yield Hit(
                MISSPELT_TAG, f"op tags: nobody reads {key!r}{did_you_mean(key, _OP_TAGS)}", tuple(keys)
            )
    for whose, tags in asked.tags_of_runs:
        for key in tags:
            if whose != "the job" and key in asked.job.run_tags:
                continue
            if key in _OWN_TAGS:
                yield Hit(MISSPELT_TAG, f"its tags: nobody reads {key!r} here, it is for op tags", of=whose)
            elif _is_misspelt(key, _RUN_TAGS):
                hint = did_you_mean(key, _RUN_TAGS)
                yield Hit(MISSPELT_TAG, f"its tags: nobody reads {key!r}{hint}", of=whose)


def own_tags(asked: Asked) -> Iterator[Hit]:
    """Op tags of this package: whether their executor reads them, and what they say."""
    config = asked.executor.resolved
    is_read = config is None or {"start_timeout", "memory_ladder"} <= config.keys()
    for key, read in _OWN_TAGS.items():
        for text, steps in _by_value(asked, key).items():
            if not is_read:
                name = asked.job.executor_def.name
                yield Hit(NOT_OUR_EXECUTOR, f"op tags: the executor {name!r} does not read {key!r}", steps)
                continue
            try:
                read({key: text}, None)
            except K8sConfigError as error:
                problem = f"op tags, {key}: {_reason_of(error, key)}"
                yield Hit(REFUSED_VALUE, problem, steps, layer="op tags")


TAG_RULES: tuple[TagRule, ...] = (tag_values, misspelt_tags, own_tags)

_OWN_TAGS: dict[str, Callable[[Mapping[str, str], None], object]] = {
    MEMORY_LADDER_TAG: ladder_of_step,
    START_TIMEOUT_TAG: start_timeout_of_step,
}
_RUN_TAGS = (K8sConfig.TAG, OLD_TAG, WAIVER_TAG)
_OP_TAGS = (*_RUN_TAGS, *_OWN_TAGS)
_SECTIONS = (*SECTIONS, "merge_behavior", "job_config")
_SPELLINGS = spellings(*_SECTIONS)


class ConfigProblem(NamedTuple):
    """What is wrong in a config.

    Attributes:
        rule: By which rule.
        text: What is wrong, with its path in the config.
        pod_cause: What a rule for pods calls the cause, without the layer, where one says the same of a pod.
    """

    rule: Rule
    text: str
    pod_cause: str = ""

    def cause_in(self, layer: str) -> str:
        """What a rule for pods calls the cause when the config is that of a layer; empty where none does."""
        return of_no_one(f"{self.pod_cause} by {layer}") if self.pod_cause else ""


def config_problems(config: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """What Dagster ignores, overwrites or refuses in a config, what Kubernetes refuses, and credentials."""
    known: dict[str, Any] = {}
    for key, value in config.items():
        if key in _SECTIONS:
            known[key] = value
        elif key in _SPELLINGS:
            yield ConfigProblem(WRONG_CASE, f"Dagster ignores {key!r}; write {_SPELLINGS[key]!r}")
            known.setdefault(_SPELLINGS[key], value)
        else:
            yield ConfigProblem(UNKNOWN_KEY, _reason(key, value))
    for refusal in refusals(K8sConfig.from_dict, known):
        path = shown_path(refusal.path)
        place = refusal.path[:2]
        reason = _OVERWRITTEN.get(place, refusal.reason)
        if place == ("job_config",) or place in _OVERWRITTEN or "Dagster names" in refusal.reason:
            rule = OVERWRITTEN
        else:
            rule = UNKNOWN_KEY if refusal.is_unknown_field else REFUSED_VALUE
        text = f"{path}: {reason}" if path else reason
        yield _of_pods(known, refusal, text) or ConfigProblem(rule, text)
    container = known.get("container_config")
    if isinstance(container, Mapping) and "args" in container:
        text = "container_config.args: Dagster overwrites it with arguments of its own"
        yield ConfigProblem(OVERWRITTEN, text)
    for found, kind in find_credentials(dict(config)):
        yield ConfigProblem(LITERAL_CREDENTIAL, f"{shown_path(found)}: this looks like {kind}")


def _of_pods(config: Mapping[str, Any], refusal: Refusal, text: str) -> ConfigProblem | None:
    """What the rules for pods say as well, which look at layers together: told by their rule and cause."""
    named = _NAMED_TWICE.match(refusal.reason)
    if named and len(refusal.path) > 2:
        *holder, field, _ = refusal.path
        container = _at(config, holder)
        is_dagsters = holder == ["container_config"] or not isinstance(container, Mapping)
        whose = "" if is_dagsters or field == "volumes" else str(container.get("name"))
        if field in _LISTS:
            rule = DUPLICATE_ENV if field == "env" else DUPLICATE_NAME
            text = text.removesuffix("; keep one of the two")  # the fix says so
            return ConfigProblem(rule, text, twice(_LISTS[field], named[1], whose))
    if IS_ABOVE_LIMIT in refusal.reason and refusal.path[:2] == ("container_config", "resources"):
        field = ".".join(map(str, refusal.path[1:]))
        value = _at(config, refusal.path)
        return ConfigProblem(REQUEST_ABOVE_LIMIT, text, f"containers[0].{field} is {value!r}")
    return None


def _at(value: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        if isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            value = value.get(part) if isinstance(value, Mapping) else None
    return value


_LISTS: dict[str | int, str] = {
    "env": "env",
    "volumes": "volumes",
    "volume_mounts": "volumeMounts",
    "volumeMounts": "volumeMounts",
}
_NAMED_TWICE = re.compile(r"names '([^']*)' twice")


_OVERWRITTEN: dict[Path, str] = {
    ("container_config", "args"): "Dagster overwrites it with arguments of its own",
    (
        "job_spec_config",
        "template",
    ): "Dagster overwrites it with the pod that it makes; write pod_spec_config, "
    "and pod_template_spec_metadata for its metadata",
}


def _by_value(asked: Asked, key: str) -> dict[str, tuple[str, ...]]:
    """The steps whose ops have a tag, by what it says."""
    found: dict[str, list[str]] = {}
    for step in asked.steps:
        if key in step.tags:
            found.setdefault(step.tags[key], []).append(step.key)
    return {text: tuple(steps) for text, steps in found.items()}


def _text_problems(
    text: str, problems: Callable[[Mapping[str, Any]], Iterator[ConfigProblem]]
) -> Iterator[ConfigProblem]:
    try:
        config = json.loads(text)
    except ValueError as error:
        yield ConfigProblem(REFUSED_VALUE, f"is not JSON: {error}")
        return
    if isinstance(config, Mapping):
        yield from problems(config)
    else:
        yield ConfigProblem(REFUSED_VALUE, f"must be a mapping, not {type(config).__name__}")


def _resource_problems(resources: Mapping[str, Any]) -> Iterator[ConfigProblem]:
    """What is wrong in the old tag, which holds what ``container_config.resources`` holds in the new one."""
    where = "container_config.resources"
    for found in config_problems({"container_config": {"resources": resources}}):
        yield found._replace(text=found.text.removeprefix(f"{where}.").removeprefix(f"{where}: "))


def _reason(key: str, value: object) -> str:
    try:
        K8sConfig.from_dict({key: value})
    except K8sConfigError as error:
        return str(error)
    return f"Dagster ignores {key!r}"


def _reason_of(error: K8sConfigError, tag: str) -> str:
    """What is wrong with a tag, which stands before it already."""
    inside = error.where.removeprefix(f"tag {tag}").lstrip(".")
    return f"{inside}: {error.reason}" if inside else error.reason


def _is_misspelt(key: str, known: tuple[str, ...]) -> bool:
    return key not in known and (key.startswith("dagster-k8s/") or bool(did_you_mean(key, known)))
