"""Rules for a pod on its own: how long its Job lives, and what the cluster's version takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.agent.credentials import credential_by_form
from dagster_plus_k8s_helpers.errors import MissingExtraError, PlanError
from dagster_plus_k8s_helpers.plan.rules import AGAINST_SCHEMA, BACKOFF, SHORT_DEADLINE, SHORT_TTL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.plan.subjects import Hit, PodGroup, PodRule, Surroundings

__all__ = ["POD_RULES", "against_schema", "backoff", "check_version", "short_deadline", "short_ttl"]

LEAST_TTL = 60
"""Seconds: three of the rounds in which Dagster looks at the Jobs of steps."""

START_TIMEOUT = 180
"""Seconds: Dagster's default for ``run_monitoring.start_timeout_seconds``.

Source: https://docs.dagster.io/deployment/execution/run-monitoring
"""


def backoff(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A Job that Kubernetes starts again by itself."""
    limit = group.pod.manifest["spec"].get("backoffLimit")
    if limit:
        layer = group.pod.origin("spec.backoffLimit").layer
        yield group.hit(BACKOFF, f"spec.backoffLimit is {limit} by {layer}, instead of 0")


def short_ttl(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A step's Job that may be gone before Dagster has read how it ended."""
    ttl = group.pod.manifest["spec"].get("ttlSecondsAfterFinished")
    if group.steps and ttl is not None and ttl < LEAST_TTL:
        layer = group.pod.origin("spec.ttlSecondsAfterFinished").layer
        yield group.hit(SHORT_TTL, f"spec.ttlSecondsAfterFinished is {ttl} by {layer}, below {LEAST_TTL}")


def short_deadline(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A run's Job that ends before Dagster gives up on its start."""
    deadline = group.pod.manifest["spec"].get("activeDeadlineSeconds")
    if not group.steps and deadline is not None and deadline < START_TIMEOUT:
        layer = group.pod.origin("spec.activeDeadlineSeconds").layer
        yield group.hit(
            SHORT_DEADLINE,
            f"spec.activeDeadlineSeconds is {deadline} by {layer}, below the {START_TIMEOUT} seconds of "
            "Dagster's start timeout",
        )


def against_schema(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A Job that is not what the cluster's version of Kubernetes takes."""
    if not around.kubernetes_version:
        return
    import kubernetes_validate

    try:
        kubernetes_validate.validate(group.pod.manifest, around.kubernetes_version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)[1:]
        try:
            by = f" by {group.pod.origin(path).layer}" if path else ""
        except PlanError:
            by = ""
        reason = _without_secrets(error.message)
        text = f"{path or 'the Job'}{by}: Kubernetes {around.kubernetes_version} says {reason}"
        yield group.hit(AGAINST_SCHEMA, text)


def _without_secrets(message: str) -> str:
    return f"it looks like {credential_by_form(message)}" if credential_by_form(message) else message


POD_RULES: tuple[PodRule, ...] = (backoff, short_ttl, short_deadline, against_schema)


def check_version(version: str) -> None:
    """Whether a version of Kubernetes is one whose schemas are there.

    Raises:
        PlanError: It is none.
        MissingExtraError: The schemas are not installed.
    """
    try:
        from kubernetes_validate.utils import all_versions
    except ImportError:
        raise MissingExtraError("kubernetes-validate", extra="check") from None
    known = list(dict.fromkeys(found.rpartition(".")[0] for found in all_versions()))
    if version not in known:
        raise PlanError(f"kubernetes_version: {version!r} is none of {', '.join(known)}")
