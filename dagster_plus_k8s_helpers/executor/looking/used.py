"""What steps took whose containers have ended: from the status of their pods, beside what they were given."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import items, mapping, text
from dagster_plus_k8s_helpers.diagnosis.containers import container_specs, main_container, memory_limit
from dagster_plus_k8s_helpers.diagnosis.diagnose import newest_pod
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.measuring.message import taken_apart
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject
    from dagster_plus_k8s_helpers.executor.looking.remains import Watched
    from dagster_plus_k8s_helpers.executor.looking.snapshot import Snapshot

__all__ = ["usage_in", "used"]


def usage_in(
    snapshots: Mapping[str, Snapshot], watched: Sequence[Watched]
) -> tuple[dict[str, Usage], frozenset[str]]:
    """What is known of usage in the snapshots of some namespaces.

    Args:
        snapshots: By namespace.
        watched: The Jobs that matter.

    Returns:
        What the steps of these Jobs took, by the Job's name; and the Jobs whose steps have ended while their
        containers are still seen to run.
    """
    found: dict[str, Usage] = {}
    running = set()
    for watch in watched:
        snapshot, name = snapshots[watch.namespace], watch.job_name
        job, pod = snapshot.jobs.get(name), newest_pod(snapshot.pods.get(name, []))
        if pod is None:
            continue
        main = main_container(job, pod)
        if (usage := used(name, pod, main)) is not None:
            found[name] = usage
        elif watch.ended and mapping(_status(pod, main), "state", "running"):
            running.add(name)
    return found, frozenset(running)


def used(job_name: str, pod: ApiObject, main: str) -> Usage | None:
    """What a step took, when its container has ended and there is something to say.

    Args:
        job_name: Name of its Job.
        pod: Its pod.
        main: Name of its container.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#ContainerState
    """
    status = _status(pod, main)
    end = mapping(status, "state", "terminated")
    measured: dict[str, object] = {**taken_apart(text(end, "message"))[0]}
    if text(end, "reason") == "OOMKilled":
        measured["oom_killed"] = True
    if not measured:
        return None
    given = {
        "memory_limit_bytes": _bytes(memory_limit(pod, status)),
        "memory_request_bytes": _bytes(_said(pod, main, "requests", "memory")),
        "cpu_limit_cores": _cores(_said(pod, main, "limits", "cpu")),
        "cpu_request_cores": _cores(_said(pod, main, "requests", "cpu")),
    }
    for resource in ("memory_{}_bytes", "cpu_{}_cores"):
        # As Kubernetes does it.
        limit, request = resource.format("limit"), resource.format("request")
        given[request] = given[limit] if given[request] is None else given[request]
    known = {name: amount for name, amount in given.items() if amount is not None}
    return Usage.from_metadata({USAGE_OF: job_name, **measured, **known})


def _status(pod: ApiObject, main: str) -> ApiObject:
    statuses = items(pod, "status", "containerStatuses")
    return next((status for status in statuses if text(status, "name") == main), {})


def _said(pod: ApiObject, main: str, kind: str, resource: str) -> str:
    """An amount of the step's own container or, from 1.34 on, of the whole pod."""
    own = text(container_specs(pod).get(main, {}), "resources", kind, resource)
    return own or text(pod, "spec", "resources", kind, resource)


def _bytes(written: str) -> int | None:
    """Whole ones; a quantity may name fractions."""
    amount = _cores(written)
    return math.ceil(amount) if amount is not None else None


def _cores(written: str) -> float | None:
    try:
        return float(Quantity(written).value) if written else None
    except K8sConfigError:
        return None
