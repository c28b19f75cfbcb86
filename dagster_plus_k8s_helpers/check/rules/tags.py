"""Rules for tags where they are written in Python: those of ops, jobs, partitions and schedules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.check.rules.configs import (
    CONFIG_RULES,
    REFUSED_VALUE,
    ConfigProblem,
    config_problems,
)
from dagster_plus_k8s_helpers.check.subjects.registry import of_tags
from dagster_plus_k8s_helpers.check.subjects.subjects import OLD_TAG, Hit
from dagster_plus_k8s_helpers.check.subjects.waivers import WAIVER_TAG
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.executor.settings import (
    RUNS_IN_TAG,
    START_TIMEOUT_TAG,
    runs_in_of_step,
    start_timeout_of_step,
)
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.sizing.memory_ladder import MEMORY_LADDER_TAG, ladder_of_step
from dagster_plus_k8s_helpers.sizing.reading import size_of_step
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster_plus_k8s_helpers.check.subjects.subjects import Asked


@of_tags(*CONFIG_RULES)
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


MISSPELT_TAG = Rule(
    "DPK514", Severity.WARNING, "A tag that nobody reads has no effect.", "correct the key of the tag"
)


@of_tags(MISSPELT_TAG)
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


NOT_OUR_EXECUTOR = Rule(
    "DPK541",
    Severity.WARNING,
    "Only k8s_executor() of this package reads these op tags; any other executor ignores them without a "
    "word.",
    "use k8s_executor() for the job, or leave the tag out",
)


@of_tags(NOT_OUR_EXECUTOR, REFUSED_VALUE)
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


_OWN_TAGS: dict[str, Callable[[Mapping[str, str], None], object]] = {
    MEMORY_LADDER_TAG: ladder_of_step,
    START_TIMEOUT_TAG: start_timeout_of_step,
    SIZE_TAG: size_of_step,
    RUNS_IN_TAG: lambda tags, _default: runs_in_of_step(tags),
}
_RUN_TAGS = (K8sConfig.TAG, OLD_TAG, WAIVER_TAG)
_OP_TAGS = (*_RUN_TAGS, *_OWN_TAGS)


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
    except RecursionError:
        yield ConfigProblem(REFUSED_VALUE, "is JSON that is nested too deeply")
        return
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


def _reason_of(error: K8sConfigError, tag: str) -> str:
    """What is wrong with a tag, which stands before it already."""
    inside = error.where.removeprefix(f"tag {tag}").lstrip(".")
    return f"{inside}: {error.reason}" if inside else error.reason


def _is_misspelt(key: str, known: tuple[str, ...]) -> bool:
    return key not in known and (key.startswith("dagster-k8s/") or bool(did_you_mean(key, known)))
