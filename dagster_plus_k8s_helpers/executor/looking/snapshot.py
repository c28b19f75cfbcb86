"""One look at all steps of a run: every Job and every pod in two LISTs, whatever their number."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.cluster.calls import MOST
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.diagnosis.api_json import items, mapping, name_of, text, value
from dagster_plus_k8s_helpers.diagnosis.containers import hidden_literals
from dagster_plus_k8s_helpers.diagnosis.diagnose import job_failure, job_succeeded
from dagster_plus_k8s_helpers.diagnosis.failed_pod import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster, Resource
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Snapshot", "hides_an_end", "job_of", "selector_of", "slim", "take_snapshot", "version_of"]

_EXPIRED = 410
# What a look may read by name, so that a thousand Jobs that no list has do not make a thousand calls.
_READ_BY_NAME = 20
# The API server's cache knows no pages: what it is asked for comes in one body, 10 kB a pod. Above this many
# steps, pages of a consistent list keep the run worker small; newer releases serve those from the cache too.
# Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
_MANY = 1_000


@dataclass(frozen=True)
class Snapshot:
    """The Jobs and pods of a run, as small as the diagnosis needs them.

    Args:
        jobs: By name.
        pods: By the name of their Job.
        refused: What the API said when it would not list ``jobs`` or ``pods``.
        read: The Jobs that were read by name.
        unknown: The Jobs of which nothing can be said before another look.
        versions: The ``resourceVersion`` of the lists of ``jobs`` and ``pods``, where they came whole.
    """

    jobs: dict[str, ApiObject] = field(default_factory=dict)
    pods: dict[str, list[ApiObject]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    read: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()
    versions: Mapping[str, str] = field(default_factory=dict)

    def versions_of(self, job_name: str) -> tuple[str, ...]:
        """The ``resourceVersion`` of a Job and of its pods; nothing when one of them has none."""
        job, pods = self.jobs.get(job_name), self.pods.get(job_name, [])
        found = [version_of(job), *(version_of(pod) for pod in pods)] if job is not None and pods else []
        return tuple(found) if all(found) else ()


def selector_of(run_id: str) -> str:
    """The label that dagster_k8s gives the Jobs and pods of a run; others may be overridden by a config."""
    return f"dagster/run-id={run_id}"


def take_snapshot(
    cluster: Cluster,
    namespace: str,
    run_id: str,
    wanted: Sequence[str],
    *,
    consistent: bool = False,
    most: int = MOST,
) -> Snapshot:
    """Look at the Jobs and pods of a run.

    A cache may lag: when it misses a Job that should be there, or shows no end of a pod whose Job has ended,
    it is passed by. Jobs that no list has are read by name, a few a look: that one is gone must be certain,
    and who may not list them may still read them.

    Args:
        cluster: Where they are.
        namespace: In which namespace.
        run_id: Whose they are.
        wanted: Names of the Jobs that should be there, those to be read by name first in front.
        consistent: Whether all is read past the cache from the start.
        most: How many Jobs or pods the run can have.

    Raises:
        CallError: The API could not be asked.
    """
    consistent = consistent or len(wanted) > _MANY
    selection = _Selection(cluster, namespace, selector_of(run_id), most, {})
    refused: dict[str, str] = {}
    jobs, lags = _jobs(selection, wanted, refused, consistent=consistent)
    consistent = consistent or lags
    pods = _pods(selection, refused, consistent=consistent)
    missing = sorted(
        (name for name in wanted if name not in jobs), key=lambda name: _runs(pods.get(name, []))
    )
    for name in missing[:_READ_BY_NAME]:
        found = cluster.read_job(namespace, name)
        if found is not None:
            jobs[name] = slim(found)
    if not consistent and any(hides_an_end(jobs.get(name), pods.get(name, [])) for name in wanted):
        pods = _pods(selection, refused, consistent=True)
    left = [name for name in missing[_READ_BY_NAME:] if not _runs(pods.get(name, []))]
    read = frozenset(missing[:_READ_BY_NAME])
    return Snapshot(jobs, pods, refused, read, frozenset(left), selection.versions)


class _Selection(NamedTuple):
    """Which objects are listed, how many there can be, and of which version the lists were."""

    cluster: Cluster
    namespace: str
    selector: str
    most: int
    versions: dict[str, str]


def _jobs(
    selection: _Selection,
    wanted: Sequence[str],
    refused: dict[str, str],
    *,
    consistent: bool,
) -> tuple[dict[str, ApiObject], bool]:
    """The Jobs by name, and whether the cache had not all of them."""

    def by_name(*, consistent: bool) -> dict[str, ApiObject]:
        return {name_of(job): job for job in _whole("jobs", selection, consistent=consistent)}

    try:
        found = by_name(consistent=consistent)
        lags = not consistent and not set(wanted) <= set(found)
        return (by_name(consistent=True) if lags else found), lags
    except CallError as error:
        if not error.is_forbidden:
            raise
        refused["jobs"] = str(error)
        return {}, False


def _pods(selection: _Selection, refused: dict[str, str], *, consistent: bool) -> dict[str, list[ApiObject]]:
    """The pods by the name of their Job."""
    found: defaultdict[str, list[ApiObject]] = defaultdict(list)
    if "pods" in refused:
        return found
    try:
        for pod in _whole("pods", selection, consistent=consistent):
            found[job_of(pod)].append(pod)
    except CallError as error:
        if not error.is_forbidden:
            raise
        refused["pods"] = str(error)
        return {}
    return dict(found)


def hides_an_end(job: ApiObject | None, pods: Sequence[ApiObject]) -> bool:
    """Whether a Job has ended and its pod is not seen to have: then what is seen of it may be old."""
    ended = job is not None and (job_succeeded(job) or job_failure(job) is not None)
    return ended and not any(_has_ended(pod) for pod in pods)


def _runs(pods: Sequence[ApiObject]) -> bool:
    return bool(pods) and not any(_has_ended(pod) for pod in pods)


def _has_ended(pod: ApiObject) -> bool:
    return text(pod, "status", "phase") in ENDED


def _whole(resource: Resource, selection: _Selection, *, consistent: bool) -> list[ApiObject]:
    """Everything that is listed; once more from the start when the pages expired meanwhile."""

    def listed(*, consistent: bool) -> list[ApiObject]:
        cluster, namespace, selector, most, versions = selection
        listing = cluster.list_of(resource, namespace, selector, consistent=consistent, most=most)
        found = [slim(item) for item in listing]
        versions[resource] = listing.version
        return found

    try:
        return listed(consistent=consistent)
    except CallError as error:
        if error.status != _EXPIRED:
            raise
        return listed(consistent=True)


def version_of(item: ApiObject) -> str:
    """The ``resourceVersion`` of an object."""
    return text(item, "metadata", "resourceVersion")


def job_of(pod: ApiObject) -> str:
    """The name of the Job of a pod."""
    labels = mapping(pod, "metadata", "labels")
    # The first is from 1.27 on; the second will go one day.
    return text(labels, "batch.kubernetes.io/job-name") or text(labels, "job-name")


_METADATA = (
    "name",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
)
_SPEC = (
    "nodeName",
    "resources",
    "restartPolicy",
    "suspend",
    "activeDeadlineSeconds",
    "ttlSecondsAfterFinished",
)
_CONTAINER = ("name", "resources", "restartPolicy", "restartPolicyRules")


def slim(item: ApiObject) -> ApiObject:
    """What the diagnosis reads: environments and volumes of 5,000 pods are a hundred megabytes."""
    spec = _slim_spec(mapping(item, "spec"))
    template = mapping(item, "spec", "template", "spec")
    if template:
        spec["template"] = {"spec": _slim_spec(template)}
        # All that is kept of a Job's environment is what must not be shown of its log.
        spec["hidden"] = hidden_literals(item)
    return {
        "metadata": {key: found for key in _METADATA if (found := value(item, "metadata", key)) is not None},
        "spec": spec,
        "status": dict(mapping(item, "status")),
    }


def _slim_spec(spec: Mapping[str, object]) -> dict[str, object]:
    slim = {key: spec[key] for key in _SPEC if spec.get(key) is not None}
    for part in ("containers", "initContainers"):
        slim[part] = [
            {key: container[key] for key in _CONTAINER if key in container} for container in items(spec, part)
        ]
    return slim
