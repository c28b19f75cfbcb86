"""Rules for a pod on its own: how long its Job lives, and what the cluster's version takes."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.check.subjects.registry import of_plans, of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import of_no_one
from dagster_plus_k8s_helpers.credentials.telling import credential_by_form
from dagster_plus_k8s_helpers.errors import K8sConfigError, MissingExtraError, PlanError
from dagster_plus_k8s_helpers.executor.settings import start_timeout_of_step
from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.check.subjects.subjects import (
        Asked,
        Hit,
        Planned,
        PodGroup,
        Surroundings,
    )

__all__ = ["OF_EVERY_POD", "schema_version"]


LEAST_TTL = 60
"""Seconds: three of the rounds in which Dagster looks at the Jobs of steps."""

LEAST_DEADLINE = 60
"""Seconds: what scheduling and pulling an image take, where nothing says how long they may."""

OF_EVERY_POD = frozenset({"agent", "location"})
"""Layers that speak for the pods of runs and of steps alike."""

_OF_MONITORING = "of the default of Dagster+ for run_monitoring.start_timeout_seconds"

START_TIMEOUT = 1200
"""Seconds: the default of ``run_monitoring.start_timeout_seconds`` in Dagster+.

Source: https://docs.dagster.io/deployment/dagster-plus/management/deployments/deployment-settings-reference
"""


BACKOFF = Rule(
    "DPK520",
    Severity.ERROR,
    "Kubernetes starts a failed pod again, which Dagster refuses to run a second time: a retry is Dagster's.",
    "leave backoff_limit out and give the op a RetryPolicy",
)


@of_pods(BACKOFF)
def backoff(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A Job that Kubernetes starts again by itself."""
    limit = group.pod.manifest["spec"].get("backoffLimit")
    if limit:
        layer = group.pod.origin("spec.backoffLimit").layer
        text = f"spec.backoffLimit is {limit} by {layer}, instead of 0"
        yield group.hit(BACKOFF, text, "spec.backoffLimit")


SHORT_TTL = Rule(
    "DPK521",
    Severity.WARNING,
    "Dagster looks at the Jobs of steps every 20 seconds; one that Kubernetes has removed by then is lost.",
    "keep finished Jobs for a minute at least; a day is Dagster's default",
)


@of_pods(SHORT_TTL)
def short_ttl(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A step's Job that may be gone before Dagster has read how it ended."""
    ttl = group.pod.manifest["spec"].get("ttlSecondsAfterFinished")
    if ttl is None or ttl >= LEAST_TTL:
        return
    layer = group.pod.origin("spec.ttlSecondsAfterFinished").layer
    if group.steps or layer.name in OF_EVERY_POD:
        text = f"spec.ttlSecondsAfterFinished is {ttl} by {layer}, below {LEAST_TTL}"
        yield group.hit(SHORT_TTL, text, "spec.ttlSecondsAfterFinished")


SHORT_DEADLINE = Rule(
    "DPK522",
    Severity.WARNING,
    "A deadline counts while a pod waits for a node or its image, and so runs out before the start timeout "
    "can say what happened.",
    "set a longer deadline, or the tag dagster/max_runtime, which counts from the start of the run",
)


@of_pods(SHORT_DEADLINE)
def short_deadline_of_run(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A Job or pod of a run that ends before Dagster gives up on its start."""
    if not group.steps:
        yield from _below(group, START_TIMEOUT, _OF_MONITORING)


@of_plans(SHORT_DEADLINE)
def short_deadline(job: Planned) -> Iterator[Hit]:
    """A Job or pod of a step that ends before k8s_executor gives up on its start."""
    for group in job.groups[1:]:
        timeout = _start_timeout(job.asked, group.steps[0])
        if timeout is None:
            yield from _below(group, LEAST_DEADLINE, "that a pod may need for its node and its image")
        else:
            yield from _below(group, timeout, "of start_timeout")


def _below(group: PodGroup, seconds: float, whose: str) -> Iterator[Hit]:
    """Deadlines that are shorter than this."""
    spec = group.pod.manifest["spec"]
    found = {
        "spec.activeDeadlineSeconds": spec.get("activeDeadlineSeconds"),
        "spec.template.spec.activeDeadlineSeconds": spec["template"]["spec"].get("activeDeadlineSeconds"),
    }
    for path, deadline in found.items():
        if deadline is not None and deadline < seconds:
            layer = group.pod.origin(path).layer
            text = f"{path} is {deadline} by {layer}, below the {seconds:g} seconds {whose}"
            cause = of_no_one(f"{path} is {deadline} by {layer}")
            yield group.hit(SHORT_DEADLINE, text, path, cause=cause)


AGAINST_SCHEMA = Rule(
    "DPK517",
    Severity.ERROR,
    "The API server of this Kubernetes version refuses the Job or drops the field.",
    "write what this version of Kubernetes takes",
    needs=Need.VERSION,
)


@of_pods(AGAINST_SCHEMA)
def against_schema(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A Job that is not what the cluster's version of Kubernetes takes."""
    if not around.kubernetes_version:
        return
    for error in _validator(around.kubernetes_version).iter_errors(group.pod.manifest):
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path)[
            1:
        ]
        try:
            by, at = (f" by {group.pod.origin(path).layer}", [path]) if path else ("", [])
        except PlanError:
            by, at = "", []
        reason = _without_secrets(error.message)
        text = f"{path or 'the Job'}{by}: Kubernetes {around.kubernetes_version} says {reason}"
        yield group.hit(AGAINST_SCHEMA, text, *at)


def schema_version(version: str) -> str:
    """The version of Kubernetes whose schemas a cluster of this version follows: ``1.31`` for ``v1.31.2``.

    Raises:
        PlanError: There are no schemas of it.
        MissingExtraError: The schemas are not installed.
    """
    try:
        from kubernetes_validate.utils import all_versions, major_minor
    except ImportError:
        raise MissingExtraError("kubernetes-validate", extra="check") from None
    known = list(dict.fromkeys(found.rpartition(".")[0] for found in all_versions()))
    found: str = major_minor(version.removeprefix("v"))
    if found not in known:
        raise PlanError(f"kubernetes_version: {version!r} is none of {', '.join(known)}")
    return found


def _start_timeout(asked: Asked, key: str) -> float | None:
    """Seconds for which the executor waits for a step to start; ``None`` when it waits for ever."""
    tags = next((step.tags for step in asked.steps if step.key == key), {})
    default = (asked.executor.resolved or {}).get("start_timeout")
    try:
        return None if default is None else start_timeout_of_step(tags, default)
    except K8sConfigError:  # as the rule for the tag says
        return None


@cache
def _validator(version: str) -> Any:
    """What `kubernetes_validate.validate` makes for each call, and stops at the first error of."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # noqa: PLC0415 - of `check`
    from kubernetes_validate.utils import all_versions, schema_contents
    from referencing import Registry, Resource  # noqa: PLC0415 - of the extra `check`, as the two above

    full = next(found for found in all_versions() if found.startswith(f"{version}."))
    folder = f"kubernetes-json-schema/v{full}-local-strict"
    schema = schema_contents(f"{folder}/job-batch-v1.json", full)
    definitions = schema_contents(f"{folder}/_definitions.json", full)
    registry: Registry[Any] = Resource.from_contents(definitions) @ (
        Resource.from_contents(schema) @ Registry()
    )
    return Draft202012Validator(schema, registry=registry)


def _without_secrets(message: str) -> str:
    return f"it looks like {credential_by_form(message)}" if credential_by_form(message) else message
