"""Rules for the config of an executor: as it is written, and as it reaches the pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import did_you_mean
from dagster_plus_k8s_helpers.plan.checks_tags import config_problems
from dagster_plus_k8s_helpers.plan.rules import UNKNOWN_OP
from dagster_plus_k8s_helpers.plan.subjects import EXECUTOR, Hit

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan.checks_tags import ConfigProblem
    from dagster_plus_k8s_helpers.plan.subjects import Asked, JobRule, Planned, TagRule

__all__ = ["EXECUTOR_RULES", "WRITTEN_RULES", "executor_config", "unknown_ops", "written_config"]


def written_config(asked: Asked) -> Iterator[Hit]:
    """What is wrong in the pod settings of an executor as they are written, which Dagster may well refuse."""
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


def executor_config(job: Planned) -> Iterator[Hit]:
    """What is wrong in the settings that an executor has for all steps, or for some."""
    said = {_plain(found.text) for _, found in _written_problems(job.asked)}
    for group in job.groups[1:]:
        for layer in group.pod.layers:
            if layer.name in {"executor", "per_step_k8s_config"}:
                for found in config_problems(layer.config):
                    if _plain(found.text) not in said:
                        cause = found.cause_in(str(layer))
                        yield group.hit(found.rule, f"{layer}: {found.text}", cause=cause)


WRITTEN_RULES: tuple[TagRule, ...] = (written_config, unknown_ops)
EXECUTOR_RULES: tuple[JobRule, ...] = (executor_config,)


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


def _plain(problem: str) -> str:
    """A problem whatever the spelling of its path: a layer has it in snake_case."""
    return problem.replace("_", "").lower()
