"""Rules for the config of an executor: as it is written, and as it reaches the pods."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.executor_config import launched_config
from dagster_plus_k8s_helpers.check.rules.configs import CONFIG_RULES, REFUSED_VALUE, config_problems
from dagster_plus_k8s_helpers.check.subjects.registry import of_plans, of_tags
from dagster_plus_k8s_helpers.check.subjects.subjects import EXECUTOR, Hit
from dagster_plus_k8s_helpers.documents.shape import plain_key
from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.plan.merge.executor_keys import settings_problem
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label, check_image

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.check.rules.configs import ConfigProblem
    from dagster_plus_k8s_helpers.check.subjects.subjects import Asked, Planned

__all__ = ["UNKNOWN_SETTING"]


@of_tags(*CONFIG_RULES)
def written_config(asked: Asked) -> Iterator[Hit]:
    """What is wrong in the pod settings of an executor as they are written, which Dagster may well refuse."""
    for key, check in _TEXTS.items():
        text = asked.executor.written.get(key)
        try:
            if text and isinstance(text, str):
                check(text)
        except K8sConfigError as error:
            yield Hit(REFUSED_VALUE, f"{key}: {error}", of=EXECUTOR, layer="executor")
    for op_name, found in _written_problems(asked):
        if op_name is None:
            text = f"step_k8s_config: {found.text}"
            cause = found.cause_in(f"executor (the executor {asked.job.executor_def.name!r})")
            yield Hit(found.rule, text, of=EXECUTOR, layer="executor", cause=cause)
            continue
        steps = tuple(step.key for step in asked.steps if step.op_name == op_name)
        # Of an op that is in another job, that job says it.
        if steps or op_name not in asked.op_names:
            text = f"per_step_k8s_config[{op_name!r}]: {found.text}"
            yield Hit(
                found.rule,
                text,
                steps,
                "" if steps else EXECUTOR,
                "per_step_k8s_config",
                found.cause_in("per_step_k8s_config"),
            )


UNKNOWN_SETTING = Rule(
    "DPK580",
    Severity.ERROR,
    "Dagster launches no run of a job whose executor is given a setting that it does not have.",
    "write a setting that the executor has; what is for the pods of steps goes into step_k8s_config",
)


@of_tags(UNKNOWN_SETTING)
def unknown_settings(asked: Asked) -> Iterator[Hit]:
    """Settings that the executor does not have."""
    problem = settings_problem(asked.job.executor_def, launched_config(asked.job))
    if problem is not None:
        name = asked.job.executor_def.name
        yield Hit(UNKNOWN_SETTING, f"in the config of {name!r} {problem}", of=EXECUTOR, layer="executor")


UNKNOWN_OP = Rule(
    "DPK540",
    Severity.ERROR,
    "per_step_k8s_config goes by the names of ops; what it says of one that no job with this executor has "
    "reaches no pod.",
    "write the name of the op, which for an asset a/b is a__b",
)


@of_tags(UNKNOWN_OP)
def unknown_ops(asked: Asked) -> Iterator[Hit]:
    """Entries of ``per_step_k8s_config`` for ops that there are none of."""
    for name in _per_step(asked):
        if name not in asked.op_names:
            hint = did_you_mean(name, asked.op_names)
            yield Hit(
                UNKNOWN_OP,
                f"per_step_k8s_config[{name!r}]: no job with the executor {asked.job.executor_def.name!r} "
                f"has an op {name!r}{hint}",
                of=EXECUTOR,
            )


@of_plans(*CONFIG_RULES)
def executor_config(job: Planned) -> Iterator[Hit]:
    """What is wrong in the settings that an executor has for all steps, or for some."""
    # Whatever the spelling of a path: a layer has it in snake_case.
    said = {plain_key(found.text) for _, found in _written_problems(job.asked)}
    for group in job.groups[1:]:
        for layer in group.pod.layers:
            if layer.name in {"executor", "per_step_k8s_config"}:
                for found in config_problems(layer.config):
                    if plain_key(found.text) not in said:
                        cause = found.cause_in(str(layer))
                        yield group.hit(found.rule, f"{layer}: {found.text}", cause=cause)


_TEXTS: Mapping[str, Callable[[str], None]] = {"job_image": check_image, "job_namespace": check_dns_label}
"""What the stock executor takes as it is, and `k8s_executor` refuses when it is made."""


def _written_problems(asked: Asked) -> Iterator[tuple[str | None, ConfigProblem]]:
    """For which op, or for all, something is wrong in the executor's config, and what."""
    configs: list[tuple[str | None, Any]] = [(None, asked.executor.written.get("step_k8s_config"))]
    configs += _per_step(asked).items()
    for op_name, config in configs:
        if isinstance(config, Mapping):
            yield from ((op_name, found) for found in config_problems(config))


def _per_step(asked: Asked) -> Mapping[str, Any]:
    config = asked.executor.resolved or asked.executor.written
    found = config.get("per_step_k8s_config")
    return found if isinstance(found, Mapping) else {}
