"""Rules for jobs: what their tags reach, and how much of them runs at once."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.executor_config import reads_op_tags
from dagster_plus_k8s_helpers.check.subjects.registry import of_plans, of_tags
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_RUN, OLD_TAG, Hit, amount, of_no_one, shown
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from dagster_plus_k8s_helpers.check.subjects.subjects import Asked, Planned
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, RunsIn


WIDE = 25
"""From how many steps at once a graph is wide."""


TAGS_LOST_TO_RUN_TAGS = Rule(
    "DPK507",
    Severity.ERROR,
    "Where a job has run_tags, its tags do not reach its runs.",
    "move them to run_tags",
)


@of_tags(TAGS_LOST_TO_RUN_TAGS)
def tags_lost_to_run_tags(asked: Asked) -> Iterator[Hit]:
    """Kubernetes settings in ``tags`` of a job that has ``run_tags``."""
    job = asked.job
    for key in (K8sConfig.TAG, OLD_TAG):
        if key in job.tags and job.run_tags.get(key) != job.tags[key]:
            wins = _of_tag(job.run_tags[key]) if key in job.run_tags else "nothing"
            yield Hit(
                TAGS_LOST_TO_RUN_TAGS,
                f"{key} is {_of_tag(job.tags[key])} in tags, and {wins} in run_tags, which wins",
                of="the job",
            )


OP_TAGS_IGNORED = Rule(
    "DPK501",
    Severity.WARNING,
    "Only an executor that gives each step a Kubernetes pod reads the Kubernetes settings in op tags; any "
    "other ignores them without a word.",
    "use k8s_executor() for the job, or size the run's pod with the job's tags",
)


@of_plans(OP_TAGS_IGNORED)
def op_tags_ignored(job: Planned) -> Iterator[Hit]:
    """Op tags that ask for something of a pod that there is none of."""
    # What of them reaches no step in the run's pod is DPK596's and DPK597's to say.
    if reads_op_tags(job.asked.job.executor_def) or job.plan.run_pod_concurrency is not None:
        return
    by_asked: dict[tuple[str, RunsIn], list[str]] = {}
    for step in job.asked.steps:
        asked = step.tags.get(K8sConfig.TAG) or step.tags.get(OLD_TAG)
        runs_in = job.plan.steps[step.key].runs_in if step.key in job.plan.steps else "own pod"
        if asked and runs_in != "own pod":
            by_asked.setdefault((asked, runs_in), []).append(step.key)
    for (asked, runs_in), keys in by_asked.items():
        place = "the step runs where the executor puts it"
        if runs_in == "run pod":
            limits = shown(job.plan.run.container.limits)
            place = f"the step runs in the run's pod, with limits {limits}"
        yield Hit(
            OP_TAGS_IGNORED,
            f"the executor {job.plan.executor!r} ignores the op tags, which ask for {_of_tag(asked)}; "
            f"{place}",
            tuple(keys),
            cause=job.plan.executor,
            part=_of_tag(asked),
        )


JOB_TAGS_NOT_FOR_STEPS = Rule(
    "DPK505",
    Severity.WARNING,
    "Tags of a job are for the run's own pod. Its steps, in pods of their own, never see them.",
    "put the resources into op_tags of the step, or into step_config of the executor",
)


@of_plans(JOB_TAGS_NOT_FOR_STEPS)
def job_tags_not_for_steps(job: Planned) -> Iterator[Hit]:
    """Resources in a job's tags, while steps in pods of their own have none that are meant for them."""
    (tags,) = [layer for layer in job.plan.run.layers if layer.name == "run tags"]
    asked = (tags.config.get("container_config") or {}).get("resources")
    if not asked:
        return
    for group in job.groups[1:]:
        if any(
            (layer.config.get("container_config") or {}).get("resources")
            for layer in group.pod.layers
            if layer.name in {"executor", "op tags", "per_step_k8s_config"}
        ):
            continue
        resources = group.pod.spec["containers"][0].get("resources") or {}
        yield Hit(
            JOB_TAGS_NOT_FOR_STEPS,
            f"resources are {shown(resources)}; the {shown(asked)} by {tags} are for the run's pod only",
            group.steps,
            cause=shown(asked),
            part=f"resources {shown(resources)}",
        )


ONLY_IN_THIS_JOB = Rule(
    "DPK506",
    Severity.WARNING,
    "Materializing in the UI, backfills and automation run the implicit asset job, which has none of the "
    "tags of a job.",
    "put what every run needs into run_k8s_config of the code location",
)


@of_plans(ONLY_IN_THIS_JOB)
def only_in_this_job(job: Planned) -> Iterator[Hit]:
    """Settings that the assets of a job have when they run in it, and not otherwise."""
    if not job.has_asset_job or not job.asked.job.is_asset_job:
        return
    here = _leaves(job.plan.run.manifest["spec"], "spec")
    elsewhere = _leaves(job.plan.run.manifest_without("run tags")["spec"], "spec")
    differing = [path for path in here if here[path] != elsewhere.get(path)]
    if differing:
        shown = "; ".join(_difference(path, here, elsewhere) for path in differing[:_MOST_SHOWN])
        more = f"; and {len(differing) - _MOST_SHOWN} more" if len(differing) > _MOST_SHOWN else ""
        yield Hit(ONLY_IN_THIS_JOB, f"{shown}{more}", of=OF_RUN)


UNBOUNDED = Rule(
    "DPK525",
    Severity.WARNING,
    "Without max_concurrent a run starts every step that is ready, all at once.",
    "set max_concurrent of the executor",
)


@of_plans(UNBOUNDED)
def unbounded(job: Planned) -> Iterator[Hit]:
    """A wide graph of pods, all of which start at once."""
    limits = (job.asked.executor.resolved or {}).get("tag_concurrency_limits") or ()
    limited = {step.key for step in job.asked.steps if any(_is_limited(step.tags, item) for item in limits)}
    inside = [step for step in job.plan.steps.values() if step.pod is not None and step.key not in limited]
    if job.plan.max_concurrent is not None or not inside:
        return
    mapped = tuple(step.key for step in inside if step.is_mapped)
    if mapped:
        yield Hit(
            UNBOUNDED,
            f"the executor {job.plan.executor!r} has no max_concurrent, and there is a pod for each "
            "output of a dynamic step",
            mapped,
            cause=job.plan.executor,
        )
    width = _width(job.plan, without=limited)
    if width >= WIDE:
        yield Hit(
            UNBOUNDED,
            f"the executor {job.plan.executor!r} has no max_concurrent, and {width} steps can be in pods "
            "at once",
            of="the job",
            cause=job.plan.executor,
            part=f"{width} steps at once",
        )


TOO_MANY_PROCESSES = Rule(
    "DPK526",
    Severity.WARNING,
    "More processes than the run's pod has CPUs slow each other down, and share its memory.",
    "set max_concurrent of the executor, or run_pod_concurrency of k8s_executor(), to the CPU limit, or "
    "raise the limit",
)


@of_plans(TOO_MANY_PROCESSES)
def too_many_processes(job: Planned) -> Iterator[Hit]:
    """More processes in the run's pod than it has CPUs."""
    limit = amount(job.plan.run.container.limits.get("cpu"))
    inside = [step for step in job.plan.steps.values() if step.runs_in == "run pod"]
    if limit is None or not inside:
        return
    own = job.plan.run_pod_concurrency
    most = job.plan.max_concurrent if own is None else own
    # How many steps there are of a mapped one, only a run knows.
    beside = {step.key for step in job.plan.steps.values()} - {step.key for step in inside}
    width = math.inf if any(step.is_mapped for step in inside) else _width(job.plan, without=beside)
    at_once = width if most is None else min(most, width)
    if at_once > max(Decimal(1), limit.value):
        count = (
            f"{'max_concurrent' if own is None else 'run_pod_concurrency'} {most}"
            if most
            else "no max_concurrent, so one process for each CPU of the node"
        )
        number = (
            "as many steps as there are outputs of a dynamic one"
            if at_once == math.inf
            else f"{at_once} steps"
        )
        layer = job.plan.run.origin("spec.template.spec.containers[0].resources.limits.cpu").layer
        yield Hit(
            TOO_MANY_PROCESSES,
            f"the executor {job.plan.executor!r} has {count}, and {number} can run at once; "
            f"limits.cpu is {str(limit)!r} by {layer}",
            of=OF_RUN,
            cause=of_no_one(f"{job.plan.executor} {count} {limit} by {layer}"),
            part=number,
        )


_MOST_SHOWN = 3


def _of_tag(text: str) -> str:
    try:
        return shown(json.loads(text))
    except (ValueError, RecursionError):
        return "no JSON"


def _width(plan: RunPlan, *, without: Collection[str] = ()) -> int:
    """How many steps are equally far from the start, but for some; all of them can run at once."""
    depth: dict[str, int] = {}
    for step in plan.steps.values():
        depth[step.key] = 1 + max((depth[key] for key in step.depends_on if key in depth), default=-1)
    counted = Counter(level for key, level in depth.items() if key not in without)
    return max(counted.values(), default=0)


def _is_limited(tags: Mapping[str, str], limit: Mapping[str, Any]) -> bool:
    """Whether one of the executor's ``tag_concurrency_limits`` counts for a step with these tags."""
    if limit.get("key") not in tags:
        return False
    value = limit.get("value")
    is_of_each_value = isinstance(value, Mapping)
    return value is None or is_of_each_value or value == tags[limit["key"]]


def _difference(path: str, here: Mapping[str, Any], elsewhere: Mapping[str, Any]) -> str:
    if path.endswith(".value") and ".env[" in path:
        return f"{path} is by run tags"
    otherwise = repr(elsewhere[path]) if path in elsewhere else "not set"
    return f"{path} is {here[path]!r} by run tags, else {otherwise}"


def _leaves(value: Any, path: str = "") -> dict[str, Any]:
    """Every value inside a manifest, by its path."""
    items: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        items = [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        items = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    if not items:
        return {} if value in ({}, []) else {path: value}
    return {inner: leaf for key, item in items for inner, leaf in _leaves(item, key).items()}
