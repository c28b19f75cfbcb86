"""As much of a job as can be planned: what Dagster refuses of it, and the plan of the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from dagster_plus_k8s_helpers.check.rules.allowed import NOT_ALLOWED
from dagster_plus_k8s_helpers.check.rules.configs import REFUSED_VALUE, UNKNOWN_KEY, WRONG_CASE
from dagster_plus_k8s_helpers.check.rules.executor import UNKNOWN_SETTING
from dagster_plus_k8s_helpers.check.subjects.subjects import EXECUTOR, OF_RUN, OF_SERVER, OLD_TAG, Hit
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.executor.settings import RUNS_IN_TAG, START_TIMEOUT_TAG
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.plan.resolve import plan_of_job
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.sizing.memory_ladder import MEMORY_LADDER_TAG
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TypeAlias

    from dagster_plus_k8s_helpers._dagster.planning import Step
    from dagster_plus_k8s_helpers.check.subjects.subjects import Asked
    from dagster_plus_k8s_helpers.deployment import Deployment
    from dagster_plus_k8s_helpers.plan.merge.layers import LayerName
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan

    PlanOf: TypeAlias = Callable[[Sequence[Step]], RunPlan]

__all__ = ["Plannable", "not_said_yet", "plannable", "planned_launches"]

CANNOT_PLAN = Rule(
    "DPK500",
    Severity.ERROR,
    "Dagster itself refuses the settings: a run of the job, or one of its steps, would not launch.",
    "write what Dagster takes; the message names the layer",
)


@dataclass(frozen=True)
class Plannable:
    """What there is to be planned of a job.

    Attributes:
        plan: The plan; ``None`` when there is none even without the job's tags.
        refused: What Dagster refuses.
        at_fault: Steps of which that is: planned as if they had no op tags, or not at all.
        is_run_at_fault: Whether it is refused of the run's own pod, which is planned without the job's tags.
    """

    plan: RunPlan | None
    refused: tuple[Hit, ...] = ()
    at_fault: frozenset[str] = frozenset()
    is_run_at_fault: bool = False


def plannable(asked: Asked, deployment: Deployment | None) -> Plannable:
    """Plans a job; without the settings that Dagster refuses, when it does."""
    plan_of = _planner(asked, deployment)
    try:
        return Plannable(plan_of(asked.steps))
    except PlanError:  # looked for below
        pass
    of_run = _refusal(plan_of, ())
    if of_run is None:
        return _without_refused_steps(asked, plan_of)
    hit = Hit(CANNOT_PLAN, of_run, of="the job", layer=_layer(of_run))
    without_tags = _planner(asked, deployment, {key: "{}" for key in _RUN_TAGS if key in asked.job.run_tags})
    if _refusal(without_tags, ()) is not None:
        return Plannable(None, (hit,))
    rest = _without_refused_steps(asked, without_tags)
    return replace(rest, refused=(hit, *rest.refused), is_run_at_fault=True)


def planned_launches(asked: Asked, deployment: Deployment | None) -> Iterator[tuple[str, RunPlan | Hit]]:
    """The run's own pod as partitions and schedules launch it, or what Dagster refuses of their tags."""
    for whose, tags in asked.launches.items():
        settings = {key: tags[key] for key in _RUN_TAGS if key in tags}
        if settings.items() <= asked.job.run_tags.items():
            continue
        try:
            yield whose, _planner(asked, deployment, settings)(())
        except PlanError as error:
            yield whose, Hit(CANNOT_PLAN, str(error), of=whose, layer=_layer(str(error)))


def not_said_yet(refused: Sequence[Hit], said: Sequence[Hit]) -> Iterator[Hit]:
    """What Dagster refuses and no error of another rule says of the same steps and the same layer.

    Args:
        refused: What Dagster refuses.
        said: What the other rules say, without what is waived.
    """
    errors = [hit for hit in said if hit.rule.severity is Severity.ERROR and hit.rule in _SAY_IT_BETTER]
    for hit in refused:
        about = [other for other in errors if _is_about(other, hit)]
        if any(not other.steps for other in about) or (about and not hit.steps):
            continue
        known = {key for other in about for key in other.steps}
        left = tuple(key for key in hit.steps if key not in known)
        if left or not hit.steps:
            yield hit._replace(steps=left)


def _is_about(said: Hit, refused: Hit) -> bool:
    """Whether a hit is about what Dagster refuses: about the same layer, and no other run or pod."""
    if said.layer is None or refused.layer is None:
        return False
    if refused.layer == "executor" and not refused.steps:
        return said.layer in {"executor", "per_step_k8s_config"}  # its config, which Dagster reads as a whole
    if said.layer != refused.layer:
        return False
    return bool(said.steps) or said.of in {EXECUTOR, refused.of} or {said.of, refused.of} <= _OF_A_RUN


_RUN_TAGS = (K8sConfig.TAG, OLD_TAG)
_OP_TAGS = (*_RUN_TAGS, MEMORY_LADDER_TAG, SIZE_TAG, START_TIMEOUT_TAG, RUNS_IN_TAG)
_OF_A_RUN = {"the job", OF_RUN, f"{OF_RUN} and {OF_SERVER}"}
_SAY_IT_BETTER = (UNKNOWN_KEY, UNKNOWN_SETTING, WRONG_CASE, REFUSED_VALUE, NOT_ALLOWED)
_OF_SIZE = ("size: ", f"tag {SIZE_TAG}: ")
_MEND_SIZE = (
    "mend what decides the size; the message says where. A function that returns None, and the op tag "
    f"{SIZE_TAG}: off, leave the size as the other layers say it"
)
_LAYER = re.compile(r"(?:^|, |\()(agent|location|executor|run tags|op tags|per_step_k8s_config)\b")


def _layer(text: str) -> LayerName | None:
    """The layer that the message of a PlanError names."""
    found = _LAYER.search(text)
    return cast("LayerName", found[1]) if found else None


def _planner(asked: Asked, deployment: Deployment | None, tags: Mapping[str, str] | None = None) -> PlanOf:
    """What plans some of the steps of a job, with other tags of its run than its own if any are given."""

    def plan_of(steps: Sequence[Step]) -> RunPlan:
        return plan_of_job(
            asked.job,
            agent=asked.around.agent,
            location=asked.around.location,
            deployment=deployment,
            tags=tags,
            steps=steps,
        )

    return plan_of


def _without_refused_steps(asked: Asked, plan_of: PlanOf) -> Plannable:
    """The plan without the op tags of steps that are refused for them, and without other refused steps."""
    refused: dict[tuple[str, LayerName | None], list[str]] = {}
    planned = {step.key: step for step in asked.steps}
    for steps in _refused(plan_of, _with_same_settings(asked)):
        bare = [_without_op_tags(step) for step in steps]
        is_by_op_tags = _refusal(plan_of, bare) is None
        text = (_refusal(plan_of, steps[:1]) or "").removeprefix(f"step {steps[0].key!r}").lstrip(",: ")
        layer = "op tags" if is_by_op_tags else _layer(text)
        refused.setdefault((text, layer), []).extend(step.key for step in steps)
        for step in bare:
            if is_by_op_tags:
                planned[step.key] = step
            else:
                del planned[step.key]
    hits = tuple(
        Hit(CANNOT_PLAN, text, tuple(keys), layer=by, fix=_MEND_SIZE if text.startswith(_OF_SIZE) else "")
        for (text, by), keys in refused.items()
    )
    at_fault = frozenset(key for hit in hits for key in hit.steps)
    return Plannable(plan_of(list(planned.values())), hits, at_fault)


def _refusal(plan_of: PlanOf, steps: Sequence[Step]) -> str | None:
    try:
        plan_of(steps)
    except PlanError as error:
        return str(error)
    return None


def _with_same_settings(asked: Asked) -> list[list[Step]]:
    """The steps, those together whose pods are made of the same settings."""
    own = (asked.executor.resolved or {}).get("per_step_k8s_config") or {}
    found: dict[object, list[Step]] = {}
    for step in asked.steps:
        settings = (*map(step.tags.get, _OP_TAGS), step.op_name if step.op_name in own else "")
        found.setdefault(settings, []).append(step)
    return list(found.values())


def _refused(plan_of: PlanOf, groups: list[list[Step]]) -> Iterator[list[Step]]:
    """The groups that cannot be planned, found by halving: there are few as a rule."""
    if not groups or _refusal(plan_of, [group[0] for group in groups]) is None:
        return
    if len(groups) == 1:
        yield groups[0]
        return
    middle = len(groups) // 2
    yield from _refused(plan_of, groups[:middle])
    yield from _refused(plan_of, groups[middle:])


def _without_op_tags(step: Step) -> Step:
    tags = {key: value for key, value in step.tags.items() if key not in _OP_TAGS}
    return step._replace(tags=tags)
