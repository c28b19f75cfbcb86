"""One look at all steps of a run: every Job and every pod in two LISTs, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.executor.api_json import items, mapping, name_of, text, value
from dagster_plus_k8s_helpers.executor.call_errors import CallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dagster_plus_k8s_helpers.executor.api_json import ApiObject
    from dagster_plus_k8s_helpers.executor.cluster import Cluster

__all__ = ["Snapshot", "selector_of", "sweep"]

_EXPIRED = 410


@dataclass(frozen=True)
class Snapshot:
    """The Jobs and pods of a run, as small as the diagnosis needs them.

    Args:
        jobs: By name.
        pods: By the name of their Job.
        pods_refused: What the API said when it would not list the pods.
    """

    jobs: dict[str, ApiObject] = field(default_factory=dict)
    pods: dict[str, list[ApiObject]] = field(default_factory=dict)
    pods_refused: str = ""


def selector_of(run_id: str) -> str:
    """The label that dagster_k8s gives the Jobs and pods of a run; others may be overridden by a config."""
    return f"dagster/run-id={run_id}"


def sweep(
    cluster: Cluster, namespace: str, run_id: str, wanted: set[str], *, consistent: bool = False
) -> Snapshot:
    """Look at the Jobs and pods of a run.

    Args:
        cluster: Where they are.
        namespace: In which namespace.
        run_id: Whose they are.
        wanted: Names of the Jobs that should be there. A cache may not have one that was just created, so
            when one is missing the Jobs are listed again, past the cache.
        consistent: Whether all is read past the cache from the start.

    Raises:
        CallError: The Jobs could not be listed.
    """
    selector = selector_of(run_id)

    jobs = _by_name(_whole(cluster.jobs, namespace, selector, consistent=consistent))
    if not consistent and wanted - set(jobs):
        jobs = _by_name(_whole(cluster.jobs, namespace, selector, consistent=True))
    pods: defaultdict[str, list[ApiObject]] = defaultdict(list)
    try:
        for pod in _whole(cluster.pods, namespace, selector, consistent=consistent):
            pods[_job_of(pod)].append(pod)
    except CallError as error:
        if error.is_passing:
            raise
        return Snapshot(jobs, {}, str(error))
    return Snapshot(jobs, dict(pods))


def _whole(
    pages: Callable[..., Iterable[ApiObject]], namespace: str, selector: str, *, consistent: bool = False
) -> list[ApiObject]:
    """Everything that is listed; once more from the start when the pages expired meanwhile."""
    try:
        return [_slim(item) for item in pages(namespace, selector, consistent=consistent)]
    except CallError as error:
        if error.status != _EXPIRED:
            raise
        return [_slim(item) for item in pages(namespace, selector, consistent=True)]


def _by_name(jobs: Iterable[ApiObject]) -> dict[str, ApiObject]:
    return {name_of(job): job for job in jobs}


def _job_of(pod: ApiObject) -> str:
    labels = mapping(pod, "metadata", "labels")
    # The first is from 1.27 on; the second will go one day.
    return text(labels, "batch.kubernetes.io/job-name") or text(labels, "job-name")


_METADATA = ("name", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels")
_SPEC = ("nodeName", "resources", "suspend", "activeDeadlineSeconds", "ttlSecondsAfterFinished")
_CONTAINER = ("name", "resources", "restartPolicy")


def _slim(item: ApiObject) -> ApiObject:
    """What the diagnosis reads: environments and volumes of 5,000 pods are a hundred megabytes."""
    spec = {key: found for key in _SPEC if (found := value(item, "spec", key)) is not None}
    for part in ("containers", "initContainers"):
        spec[part] = [
            {key: container[key] for key in _CONTAINER if key in container}
            for container in items(item, "spec", part)
        ]
    return {
        "metadata": {key: found for key in _METADATA if (found := value(item, "metadata", key)) is not None},
        "spec": spec,
        "status": dict(mapping(item, "status")),
    }
