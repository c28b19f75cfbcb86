"""What of a Job or a pod is worth a look at once, seen as it comes on a watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, mapping, text, value
from dagster_plus_k8s_helpers.diagnosis.diagnose import job_failure, job_succeeded
from dagster_plus_k8s_helpers.diagnosis.failed_pod import ENDED

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["is_at_its_end", "trouble_in"]

_ON_THE_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})
_FALSE, _TRUE = "False", "True"


def trouble_in(item: ApiObject) -> frozenset[tuple[str, ...]]:
    """What is wrong with a Job or a pod; what was there before is no news, and what goes well never is.

    A step that ends well says so itself, in the event log. What a container says in words is left out: it
    changes with each attempt.

    Args:
        item: As small as a snapshot keeps it.
    """
    found: set[tuple[str, ...]] = set()
    if text(item, "metadata", "deletionTimestamp"):
        found.add(("deleted",))
    if text(item, "status", "phase") == "Failed" or job_failure(item) is not None:
        found.add(("failed", text(item, "status", "reason")))
    if value(item, "spec", "suspend") is True:
        found.add(("suspended",))
    for condition in items(item, "status", "conditions"):
        kind, status = text(condition, "type"), text(condition, "status")
        if (kind, status) in {("DisruptionTarget", _TRUE), ("PodScheduled", _FALSE)}:
            found.add((kind, text(condition, "reason")))
    for part in ("initContainerStatuses", "containerStatuses"):
        for container in items(item, "status", part):
            found.update(_of_container(container))
    return frozenset(found)


def is_at_its_end(item: ApiObject) -> bool:
    """Whether a Job or pod has ended, so that it is no news that it is removed."""
    return text(item, "status", "phase") in ENDED or job_succeeded(item) or job_failure(item) is not None


def _of_container(status: ApiObject) -> set[tuple[str, ...]]:
    name, end = text(status, "name"), mapping(status, "state", "terminated")
    found: set[tuple[str, ...]] = set()
    if (code := integer(end, "exitCode")) not in (None, 0):
        found.add(("ended", name, str(code), text(end, "reason")))
    if (reason := text(status, "state", "waiting", "reason")) not in _ON_THE_WAY:
        found.add(("waits", name, reason))
    return found
