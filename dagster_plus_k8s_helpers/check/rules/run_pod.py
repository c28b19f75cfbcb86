"""Rules for steps that k8s_executor has in the run's own pod, beside those in pods of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.gpus import is_gpu
from dagster_plus_k8s_helpers.check.subjects.registry import of_plans
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_RUN, Hit, amount
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.check.subjects.subjects import Planned

_RUN_WORKER = Decimal(300 * 2**20)
"""Memory of a run worker with Dagster and dagster_k8s imported and a small code location."""

RUN_POD_TOO_SMALL = Rule(
    "DPK595",
    Severity.WARNING,
    "Steps in the run's pod share its memory with the run worker. When it runs out, the kernel kills one of "
    "them, or, where the kubelet has it end the container as one, the run worker with all of them.",
    "raise the memory of the run's pod by tags of the job, lower run_pod_concurrency, or give steps pods of "
    "their own with the op tag dagster-plus-k8s/runs-in: own-pod",
)


@of_plans(RUN_POD_TOO_SMALL)
def run_pod_too_small(job: Planned) -> Iterator[Hit]:
    """Steps in the run's pod that ask for more memory at one time than it has beside the run worker."""
    share = job.plan.in_run_pod
    limit = amount(job.plan.run.container.limits.get("memory"))
    if job.plan.run_pod_concurrency is None or share is None or limit is None:
        return
    if share.at_once.memory + _RUN_WORKER > limit.value and share.at_once.memory:
        layer = job.plan.run.origin("spec.template.spec.containers[0].resources.limits.memory").layer
        asked = (Quantity("1Ki") * (share.at_once.memory / 1024)).canonical
        yield Hit(
            RUN_POD_TOO_SMALL,
            f"steps in the run's pod ask for {asked} of memory at one time, and a run worker takes about "
            f"300Mi; limits.memory is {str(limit)!r} by {layer}",
            of=OF_RUN,
        )


OUT_OF_PLACE = Rule(
    "DPK596",
    Severity.ERROR,
    "A step in the run's pod gets the devices, the node and the volumes of that pod, and none of its own.",
    "give the step a pod of its own with the op tag dagster-plus-k8s/runs-in: own-pod, or leave it out of "
    "in_run_pod",
)

UNREAD = Rule(
    "DPK597",
    Severity.WARNING,
    "What op tags and per_step_config say of a step's pod is read by nobody where the step runs in the run's "
    "pod; its CPU and memory count for what that pod has to hold.",
    "say it of the run's pod by tags of the job, or give the step a pod of its own with the op tag "
    "dagster-plus-k8s/runs-in: own-pod",
)


@of_plans(OUT_OF_PLACE, UNREAD)
def unread_configs(job: Planned) -> Iterator[Hit]:
    """What is said of the pods of steps that have none."""
    if job.plan.run_pod_concurrency is None:
        return
    per_step = (job.asked.executor.resolved or {}).get("per_step_k8s_config") or {}
    for step in job.asked.steps:
        planned = job.plan.steps.get(step.key)
        if planned is None or planned.runs_in != "run pod":
            continue
        sources = {"op tags": _config(step.tags), "per_step_config": _config_of(per_step.get(step.op_name))}
        for source, config in sources.items():
            said = list(_said(config))
            placed = sorted({name for name, places in said if places})
            others = sorted({name for name, places in said if not places})
            if placed:
                text = f"the step runs in the run's pod, and {source} ask for {', '.join(placed)} of its own"
                yield Hit(OUT_OF_PLACE, text, (step.key,))
            if others:
                text = f"the step runs in the run's pod, where nothing reads {', '.join(others)} of {source}"
                yield Hit(UNREAD, text, (step.key,))


NEVER_SIZED = Rule(
    "DPK598",
    Severity.WARNING,
    "A process in the run's pod has no size of its own: a size decided at launch, and the memory that a "
    "MemoryLadder gives the next attempt, are for a step's own pod. One that its op tag has in the run's pod "
    "never gets one.",
    "leave the tag out, or give the step a pod of its own with the op tag dagster-plus-k8s/runs-in: own-pod",
)


@of_plans(NEVER_SIZED)
def never_sized(job: Planned) -> Iterator[Hit]:
    """Sizes and memory ladders of steps that run in the run's pod."""
    for step in job.plan.steps.values():
        if step.unread:
            tags = " and ".join(step.unread)
            text = (
                f"the step runs in the run's pod by {step.placed_by}, where nothing reads its op tag {tags}"
            )
            yield Hit(NEVER_SIZED, text, (step.key,))


_PLACES = frozenset(
    {
        "node_selector",
        "affinity",
        "volumes",
        "volume_mounts",
        "runtime_class_name",
        "node_name",
        "resource_claims",
    }
)
"""Fields by which a pod is put somewhere, or gets something, that the run's pod is not, or has not."""


def _config(tags: Mapping[str, str]) -> Mapping[str, Any]:
    written: Any = tags.get(K8sConfig.TAG)
    try:
        return _config_of(json.loads(written) if isinstance(written, str) else written)
    # Another rule speaks of what is no JSON.
    except (ValueError, RecursionError):
        return {}


def _config_of(config: object) -> Mapping[str, Any]:
    return config if isinstance(config, Mapping) else {}


def _said(config: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """What a config says beside CPU and memory, and whether that decides where a pod goes or what it has."""
    for section, fields in config.items():
        if not isinstance(fields, Mapping):
            continue
        for name, value in fields.items():
            if name == "resources" and section == "container_config":
                yield from _devices(value)
            elif value:
                yield f"{section}.{name}", _snake(name) in _PLACES


def _devices(resources: object) -> Iterator[tuple[str, bool]]:
    sides = _config_of(resources)
    for amounts in (_config_of(sides.get("limits")), _config_of(sides.get("requests"))):
        for name in amounts:
            if name not in {"cpu", "memory"}:
                yield name, is_gpu(name) or "/" in name


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
