"""What Kueue does with a Job: holds it back until its queue has room, or takes its pod away again.

The Job shows that it is suspended; why stands in the conditions of its Workload, an object of Kueue's.

Source: https://github.com/kubernetes-sigs/kueue/blob/main/apis/kueue/v1beta2/workload_types.go
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, mapping, text, value
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.pod.queues import KUEUE_QUEUE

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["evicted", "is_pending", "is_suspended", "queue_of", "waits", "was_evicted"]


def queue_of(job: ApiObject | None) -> str:
    """The LocalQueue that a Job is in; empty when it is in none."""
    return text(mapping(job, "metadata", "labels"), KUEUE_QUEUE)


def is_suspended(job: ApiObject | None) -> bool:
    """Whether a Job is to have no pods."""
    return value(job, "spec", "suspend") is True


def is_pending(workload: ApiObject) -> bool:
    """Whether a Workload waits for quota: it has none, is not done, and nobody has deactivated it."""
    has_quota, done = _condition(workload, "QuotaReserved"), _condition(workload, "Finished")
    is_over = "True" in (text(has_quota, "status"), text(done, "status"))
    return not is_over and value(workload, "spec", "active") is not False


def waits(job: ApiObject, workload: ApiObject | None, pending: ApiObject | None = None) -> Diagnosis:
    """Why a suspended Job is not started.

    Args:
        job: The Job.
        workload: Its Workload; ``None`` when it is not known.
        pending: Where it stands in its queue, as Kueue's visibility API says it.
    """
    queue, since = queue_of(job), _since(job)
    if not queue:
        return Diagnosis(
            DiagnosisKind.JOB_SUSPENDED,
            "The Job is suspended: a queue such as Kueue starts it when its turn comes.",
            {"since": since},
            failed=False,
        )
    why, details, hint = _why(workload, queue)
    waiting = f"The Job waits in the queue {queue!r}" + (f" since {since}" if since else "")
    place, in_front = _place(pending)
    return Diagnosis(
        DiagnosisKind.JOB_SUSPENDED,
        f"{waiting}{place}: {why}.",
        {"queue": queue, "since": since, **in_front, **details},
        hint=hint,
        failed=False,
    )


def evicted(job: ApiObject, workload: ApiObject | None) -> Diagnosis:
    """Why Kueue took away the pod of a step that had begun.

    Args:
        job: The Job.
        workload: Its Workload; ``None`` when it is not known.
    """
    queue, told = queue_of(job), _eviction(workload)
    return Diagnosis(
        DiagnosisKind.EVICTED_BY_QUEUE,
        f"Kueue took the pod away from the queue {queue!r}{f': {told}' if told else ''}.",
        {"queue": queue, "cause": text(_condition(workload, "Evicted"), "reason")},
        hint="Give the step a priority_class that the queue prefers, or raise disruption_retries.",
    )


def was_evicted(workload: ApiObject | None) -> bool:
    """Whether Kueue has ever taken the pods of a Workload away, even if it has admitted it again since."""
    counted = sum(
        integer(item, "count") or 0 for item in items(workload, "status", "schedulingStats", "evictions")
    )
    return counted > 0 or bool(_condition(workload, "Evicted"))


def _place(pending: ApiObject | None) -> tuple[str, dict[str, str | int]]:
    """How many are in front of a Job, in words and in numbers: positions are counted from 0.

    Source: https://github.com/kubernetes-sigs/kueue/blob/main/apis/visibility/v1beta2/types.go
    """
    counts = {"in_front": "positionInClusterQueue", "in_front_of_queue": "positionInLocalQueue"}
    known: dict[str, str | int] = {
        name: count
        for name, field in counts.items()
        if (count := integer(pending, field)) is not None and count >= 0
    }
    of_all, of_queue = known.get("in_front"), known.get("in_front_of_queue")
    if of_all is None:
        others = "" if of_queue is None else _others(of_queue, "the first of this queue", " of this queue")
    else:
        of_these = f", {of_queue or 'none'} of them of this queue" if of_queue not in {None, of_all} else ""
        others = _others(of_all, "the first in line", of_these)
    return others, known


def _others(count: str | int, first: str, which: str) -> str:
    if not count:
        return f", {first}"
    return f", behind {count} other{'' if count == 1 else 's'}{which}"


def _why(workload: ApiObject | None, queue: str) -> tuple[str, dict[str, str | int], str]:
    """Why a Workload is not admitted, what is known of that, and what to do."""
    if not workload:
        return "Kueue starts it when there is room", {}, ""
    if value(workload, "spec", "active") is False:
        return (
            "its Workload has been deactivated" + _said(_eviction(workload)),
            {"cause": "Deactivated"},
            "Somebody, or Kueue after too many attempts, set spec.active of the Workload to false.",
        )
    reserved = _condition(workload, "QuotaReserved")
    if text(reserved, "status") == "True":
        return _checks(workload)
    why, details, hint = _no_quota(text(reserved, "reason"), text(reserved, "message").rstrip(". "), queue)
    if again := _eviction(workload):
        why += f"; before, its pod was taken away ({again})"
    return why, details, hint


def _no_quota(reason: str, message: str, queue: str) -> tuple[str, dict[str, str | int], str]:
    """Why a Workload has no quota, by its condition ``QuotaReserved``."""
    if _NO_QUEUE.search(message):
        return (
            f"there is no LocalQueue {queue!r} in its namespace",
            {"cause": "NoLocalQueue"},
            "Create the LocalQueue in the namespace of the step, or correct queue.",
        )
    if lacking := _lacking(message):
        said = " and ".join(words for words, _cause in lacking)
        cause = ", ".join(cause for _words, cause in lacking)
        return said + _preempting(message), {"cause": cause, "message": message}, _QUOTA_HINT
    if not reason or reason in _NOT_LOOKED_AT:
        return "Kueue has not come to it yet" + _said(message), {"cause": reason}, ""
    return message or reason, {"cause": reason}, ""


# Newer releases name the reasons one by one, older ones call them all Pending or Inadmissible.
_NOT_LOOKED_AT = frozenset({"PendingEvaluation"})
_NO_QUEUE = re.compile(r"LocalQueue \S+ (?:doesn't|does not) exist")
_QUOTA_HINT = "Wait until other workloads of the queue end, raise its quota, or request less."
# As pkg/scheduler/flavorassigner/flavorassigner.go of Kueue writes them; amounts are Kubernetes quantities.
_UNUSED = re.compile(r"insufficient unused quota for (\S+) in flavor ([^\s,]+), (\S+) more needed")
_AT_MOST = re.compile(
    r"insufficient quota for (\S+) in flavor ([^\s,]+), .*?request(?: \(([^)]+)\))? > maximum capacity "
    r"\(([^)]+)\)"
)
_PENDING = re.compile(r"Pending the preemption of (\d+) workload")


def _lacking(message: str) -> list[tuple[str, str]]:
    """What the flavors of a queue lack, in words, and as what does not change with every amount."""
    unused = [
        (
            f"the flavor {flavor!r} has {amount.rstrip('.')} of {resource} too little unused",
            f"{flavor} {resource}",
        )
        for resource, flavor, amount in _UNUSED.findall(message)
    ]
    never = [
        (
            f"it asks for {asked or 'more'} of {resource}, and the flavor {flavor!r} has {most} at most",
            f"{flavor} {resource} at most {most}",
        )
        for resource, flavor, asked, most in _AT_MOST.findall(message)
    ]
    return [*unused, *never]


def _preempting(message: str) -> str:
    found = _PENDING.search(message)
    return f"; {found[1]} other workloads are being preempted for it" if found else ""


def _checks(workload: ApiObject) -> tuple[str, dict[str, str | int], str]:
    """What a Workload waits for that has its quota."""
    waiting = [
        text(check, "name") + _said(text(check, "message").rstrip(". "))
        for check in items(workload, "status", "admissionChecks")
        if text(check, "state") != "Ready"
    ]
    names = ", ".join(waiting)
    return (
        f"it has its quota, and waits for the admission check {names}" if names else "it is about to start",
        {"cause": "AdmissionCheck"},
        "",
    )


def _eviction(workload: ApiObject | None) -> str:
    """The last eviction of a Workload, in Kueue's words."""
    found, preempted = _condition(workload, "Evicted"), _condition(workload, "Preempted")
    if not found:
        return ""
    reason = text(found, "reason")
    message = (text(preempted, "message") if reason == "Preempted" else "") or text(found, "message")
    return f"{reason}: {message}".strip(": ").rstrip(". ")


def _condition(workload: ApiObject | None, kind: str) -> ApiObject:
    conditions = items(workload, "status", "conditions")
    return next((item for item in conditions if text(item, "type") == kind), {})


def _since(job: ApiObject) -> str:
    """Since when a Job is suspended, as the API server writes times."""
    for condition in items(job, "status", "conditions"):
        if text(condition, "type") == "Suspended" and text(condition, "status") == "True":
            return text(condition, "lastTransitionTime")
    return ""


def _said(message: str) -> str:
    return f" ({message})" if message else ""
