"""The containers of a step's pod: which is the step's own, what each had, and how each is doing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.credentials.forms import literal_credentials
from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, mapping, text
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = [
    "container_specs",
    "ended_while_others_run",
    "has_started",
    "hidden_literals",
    "is_sidecar",
    "main_container",
    "memory_limit",
    "memory_of",
    "statuses",
]

# A value of `memory` as some kubelets report "no limit": 2**63 bytes, rounded to pages.
_NO_LIMIT = re.compile(r"9[0-9]{15}Ki|9[0-9]{18}")
_STOCK = "dagster"


def main_container(job: ApiObject | None, pod: ApiObject | None) -> str:
    """The name of the step's own container.

    The Job's template knows it: webhooks that inject a container beside it, some of them in front of it,
    change the pod and not the Job.

    Args:
        job: The Job; nothing when it cannot be seen.
        pod: Its pod.
    """
    templated = next(items(job, "spec", "template", "spec", "containers"), {})
    if text(templated, "name"):
        return text(templated, "name")
    names = [text(container, "name") for container in items(pod, "spec", "containers")]
    return names[0] if names and _STOCK not in names else _STOCK


def hidden_literals(job: ApiObject | None) -> tuple[str, ...]:
    """The values of environment variables in a Job's template that are credentials by their names."""
    literals = {
        text(variable, "name"): text(variable, "value")
        for part in ("containers", "initContainers")
        for container in items(job, "spec", "template", "spec", part)
        for variable in items(container, "env")
    }
    return literal_credentials(literals)


def statuses(pod: ApiObject, main: str) -> Iterator[tuple[ApiObject, bool]]:
    """The container statuses, each with whether it is an init container's; the step's own comes first."""
    own = sorted(items(pod, "status", "containerStatuses"), key=lambda status: text(status, "name") != main)
    for status in own:
        yield status, False
    for status in items(pod, "status", "initContainerStatuses"):
        yield status, True


def has_started(pod: ApiObject, main: str) -> bool:
    """Whether the step's own container runs or has run; those beside it start without it."""
    return any(
        mapping(status, "state", "running") or mapping(status, "state", "terminated")
        for status in items(pod, "status", "containerStatuses")
        if text(status, "name") == main
    )


def ended_while_others_run(pod: ApiObject, main: str) -> int | None:
    """The exit code of a step's container that ended for good in a pod that others keep alive.

    A pod stays ``Running`` until all its containers have ended: a proxy that was injected beside the step's
    never does. Native sidecars end by themselves when the step's container has.

    Returns:
        ``None`` when that is not so: the container runs, or it is restarted, or the pod ends too.
    """
    if text(pod, "status", "phase") in {"Failed", "Succeeded"}:
        return None
    spec = container_specs(pod).get(main, {})
    policy = text(spec, "restartPolicy") or text(pod, "spec", "restartPolicy")
    if policy not in {"", "Never"} or "restartPolicyRules" in spec:
        return None
    states = {
        text(status, "name"): mapping(status, "state") for status in items(pod, "status", "containerStatuses")
    }
    own = states.pop(main, {})
    others_run = any(mapping(state, "running") for state in states.values())
    return integer(own, "terminated", "exitCode") if others_run else None


def container_specs(pod: ApiObject) -> dict[str, ApiObject]:
    """Containers and init containers of a pod by name."""
    return {
        text(container, "name"): container
        for part in ("initContainers", "containers")
        for container in items(pod, "spec", part)
    }


def is_sidecar(pod: ApiObject, container: str) -> bool:
    """Whether a container is a native sidecar (1.28): an init container that is always restarted."""
    return any(
        text(spec, "name") == container and text(spec, "restartPolicy") == "Always"
        for spec in items(pod, "spec", "initContainers")
    )


def memory_limit(pod: ApiObject, status: ApiObject) -> str:
    """The limit a container had: its own, after a resize what the kubelet reports, else the pod's (1.34)."""
    spec = container_specs(pod).get(text(status, "name"), {})
    for limit in (
        text(status, "resources", "limits", "memory"),
        text(spec, "resources", "limits", "memory"),
        text(pod, "spec", "resources", "limits", "memory"),
    ):
        if limit and not _NO_LIMIT.fullmatch(limit):
            return limit
    return ""


def memory_of(pod: ApiObject, main: str) -> Memory:
    """What the step's own container had, by itself or, from 1.34 on, as the whole pod."""
    spec = container_specs(pod).get(main, {})

    def amount(kind: str) -> str:
        return text(spec, "resources", kind, "memory") or text(pod, "spec", "resources", kind, "memory")

    return Memory(amount("limits"), amount("requests"))
