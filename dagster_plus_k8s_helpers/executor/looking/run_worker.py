"""The pod that this run worker runs in: what of it owns the Jobs of its steps, and what takes it away."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, name_of, text, value
from dagster_plus_k8s_helpers.diagnosis.failed_pod import disrupted
from dagster_plus_k8s_helpers.executor.looking.disruptions import leaving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = [
    "LEAST_TIME_TO_LIVE",
    "Owner",
    "RunWorkerTaken",
    "Taken",
    "owner_in",
    "owner_of",
    "way_out",
    "what_took",
]

# Of the 30 s that a pod has from SIGTERM to its end, the deletion of the steps' Jobs may need 20.
_CALL_SECONDS = 2.0

LEAST_TIME_TO_LIVE = 3600
"""Seconds that a Job must stay after its end to own steps that go on then; dagster_k8s gives it a day."""


class RunWorkerTaken(Exception):  # noqa: N818 - the UI shows the name: what happened, and no fault of the code
    """Ends a run whose worker is taken away, where Dagster takes an interrupt for no end of it."""


@dataclass(frozen=True)
class Owner:
    """What Kubernetes deletes the steps' Jobs with.

    Args:
        api_version: Of its kind.
        kind: ``Job`` or ``Pod``.
        name: Its name.
        uid: Its uid.
        time_to_live: Seconds that it stays after its end, with what it owns; ``None`` when that is for ever,
            or not known.
    """

    api_version: str
    kind: str
    name: str
    uid: str
    time_to_live: int | None = None


@dataclass(frozen=True)
class Taken:
    """What is known of the end of a run worker that nobody has cancelled.

    Args:
        summary: A sentence or two.
        pod: Name of its pod; empty outside of one.
        node: Where the pod is.
    """

    summary: str
    pod: str = ""
    node: str = ""


def owner_in(pod: ApiObject, *, resumed: bool) -> Owner:
    """What the Jobs of the steps belong to.

    Args:
        pod: The run worker's.
        resumed: Whether another run worker goes on when this one is gone. Steps then have to outlive its pod,
            so the Job that made the pod owns them; it stays after its end, for its time to live.

    Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/
    """
    for reference in items(pod, "metadata", "ownerReferences"):
        if resumed and text(reference, "kind") == "Job" and value(reference, "controller") is True:
            return Owner(
                text(reference, "apiVersion"), "Job", text(reference, "name"), text(reference, "uid")
            )
    return Owner("v1", "Pod", name_of(pod), text(pod, "metadata", "uid"))


def owner_of(cluster: Cluster, namespace: str, pod: ApiObject, *, resumed: bool) -> Owner:
    """What the Jobs of the steps belong to, with the time it has to live.

    Args:
        cluster: Where the pod is.
        namespace: In which namespace.
        pod: The run worker's.
        resumed: Whether another run worker goes on when this one is gone.

    Raises:
        CallError: The API server cannot be asked; who may not ask it gets an owner of unknown time to live.

    Source: https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/
    """
    owner = owner_in(pod, resumed=resumed)
    if owner.kind != "Job":
        return owner
    try:
        job = cluster.read_job(namespace, owner.name)
    except CallError as error:
        if not error.is_forbidden:
            raise
        return owner
    return replace(owner, time_to_live=integer(job, "spec", "ttlSecondsAfterFinished"))


def what_took(cluster: Cluster, place: tuple[str, str] | None) -> Taken:
    """Why a run worker gets a signal to end.

    Args:
        cluster: Where its pod is.
        place: Namespace and name of the pod; ``None`` outside of one.
    """
    if place is None:
        return Taken("It runs in no pod; its process was told to end (SIGTERM or SIGINT).")
    namespace, name = place
    hasty = cluster.hastier(_CALL_SECONDS)
    try:
        pod = hasty.pod(namespace, name)
    except CallError as error:
        return Taken(
            f"Its process was told to end (SIGTERM or SIGINT); what took its pod {name} cannot be read: "
            f"{str(error).rstrip('.')}.",
            name,
        )
    node = text(pod, "spec", "nodeName")
    if (disruption := disrupted(pod)) is not None:
        return Taken(disruption.summary, name, node)
    where = f"The pod {name}{f' on the node {node}' if node else ''}"
    state = _state_of(hasty, node)
    of_node = f" Its node {state}." if state else ""
    if text(pod, "metadata", "deletionTimestamp"):
        return Taken(f"{where} is being deleted.{of_node}", name, node)
    return Taken(
        f"{where} is not being deleted: its node, or a process in it, sent the signal.{of_node}", name, node
    )


def _state_of(cluster: Cluster, node: str) -> str:
    """How its node is on its way out; empty when it is well, or may not be looked at."""
    try:
        nodes = cluster.nodes() if node else []
    except CallError:
        return ""
    found = next((item for item in nodes if name_of(item) == node), None)
    return (leaving(found) or "") if nodes else ""


_MAX_RETRIES = "dagster/max_retries"


def way_out(tags: Mapping[str, str], *, resumes: int, in_dagster_plus: bool) -> str:
    """What starts a run again whose worker is not replaced, or what to set so that something does.

    Args:
        tags: Of the run.
        resumes: How often run monitoring may replace its worker; it has done so as often by now.
        in_dagster_plus: Its agent replaces no run worker; what it retries is the run.

    Source: https://docs.dagster.io/deployment/execution/run-retries,
        https://docs.dagster.io/deployment/execution/run-monitoring
    """
    if tags.get(_MAX_RETRIES, "0") != "0":
        return (
            f"Its tag {_MAX_RETRIES}={tags[_MAX_RETRIES]} has Dagster start it again, as another run, as "
            "long as retries are left."
        )
    retries = (
        f"Give the job the tag {_MAX_RETRIES}, or the deployment run_retries.max_retries, so that Dagster "
        "starts it again as another run"
    )
    if in_dagster_plus:
        return f"{retries}."
    if resumes:
        return f"run_monitoring.max_resume_run_attempts={resumes} is used up. {retries}."
    return (
        f"{retries}; or write run_monitoring: {{enabled: true, max_resume_run_attempts: 3}} in dagster.yaml, "
        "so that another run worker goes on with this one."
    )
