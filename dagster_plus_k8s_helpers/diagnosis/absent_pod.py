"""What became of a Job that has no pod: never created, taken away, or held back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import text
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.diagnosis.queued import is_suspended, waits
from dagster_plus_k8s_helpers.diagnosis.waiting_pod import event_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["deletion", "diagnose", "failed_create"]


def diagnose(
    job: ApiObject,
    failure: ApiObject | None,
    events: Sequence[ApiObject],
    workload: ApiObject | None = None,
    pending: ApiObject | None = None,
) -> Diagnosis | None:
    """Why a Job has no pod.

    Args:
        job: The Job; empty when it is gone as well.
        failure: The condition that says that it failed.
        events: Events of the Job and of the pods it had.
        workload: What Kueue keeps of the Job, if that is known.
        pending: Where it stands in its queue, if that is known.
    """
    if not job:
        return Diagnosis(
            DiagnosisKind.JOB_DELETED,
            "The Job is gone, and the step has reported neither success nor failure.",
            hint="Somebody, or a controller, deleted it.",
        )
    if failure is not None:
        return deletion(events) or _pod_is_gone(failure)
    if is_suspended(job):
        return waits(job, workload, pending)
    message = event_message(events, "FailedCreate")
    return failed_create(message) if message else None


_DELETIONS = (
    (DiagnosisKind.EVICTED, ("Evicted", "EvictedByVPA"), "The pod was evicted"),
    (DiagnosisKind.PREEMPTION_BY_SCHEDULER, ("Preempted",), "The pod was preempted"),
    (DiagnosisKind.DELETION_BY_TAINT_MANAGER, ("TaintManagerEviction",), "The pod was deleted for a taint"),
    (DiagnosisKind.NODE_LOST, ("NodeNotReady", "RemovingNode", "NodeLost"), "The pod's node was lost"),
)


def deletion(events: Sequence[ApiObject]) -> Diagnosis | None:
    """What the events say took the pod away."""
    for kind, reasons, said in _DELETIONS:
        # The taint manager announces "Marking for deletion", and "Cancelling deletion" when it lets it live.
        message = event_message(events, *reasons)
        if message and not message.startswith("Cancelling"):
            own = {"own_limit": "exceeded"} if "exceeds the limit" in message else {}
            return Diagnosis(kind, f"{said}: {message}".rstrip(". ") + ".", own)
    return None


def _pod_is_gone(failure: ApiObject) -> Diagnosis:
    return Diagnosis(
        DiagnosisKind.POD_DELETED,
        "The pod was deleted before it had ended, and took the cause with it.",
        {"job_reason": text(failure, "reason")},
        hint="Somebody, or a controller that drains or scales nodes, deleted it.",
    )


def failed_create(message: str) -> Diagnosis:
    """Why the Job controller could not create the pod.

    Args:
        message: Of the event ``FailedCreate``.
    """
    said = message.removeprefix("Error creating:").strip().rstrip(". ")
    for pattern, cause, hint, heals in _REFUSALS:
        if found := re.search(pattern, message, re.IGNORECASE):
            name = found.groupdict().get("name") or ""
            return Diagnosis(
                DiagnosisKind.FAILED_CREATE,
                f"The pod cannot be created: {said}.",
                {"cause": cause, cause: name},
                hint=hint,
                retryable=heals,
                failed=False,
            )
    return Diagnosis(
        DiagnosisKind.FAILED_CREATE, f"The pod cannot be created: {said}.", {"cause": "other"}, failed=False
    )


_REFUSALS = (
    (
        r'serviceaccount "(?P<name>[^"]*)" not found',
        "service_account",
        "Create the service account in the namespace of the step, or correct service_account_name.",
        False,
    ),
    (
        r"exceeded quota: (?P<name>[^,\s]+)|failed quota: (?P<other>[^:\s]+)",
        "quota",
        "Wait until other pods end, raise the quota, or request less.",
        True,
    ),
    (
        r'violates PodSecurity "(?P<name>[^"]*)"',
        "pod_security",
        "Set the security_context that the namespace's Pod Security level asks for.",
        False,
    ),
    (
        r'admission webhook "(?P<name>[^"]*)" denied|ValidatingAdmissionPolicy \'(?P<policy>[^\']*)\'',
        "admission",
        "A policy of the cluster refuses the pod; its message says what it wants.",
        False,
    ),
    (
        r'failed calling webhook "(?P<name>[^"]*)"',
        "webhook",
        "A webhook of the cluster does not answer; it is tried again.",
        True,
    ),
    (
        r"no PriorityClass with name (?P<name>\S+)",
        "priority_class",
        "Create the PriorityClass, or correct priority_class_name.",
        False,
    ),
    (
        r"LimitRange|(maximum|minimum) (cpu|memory)",
        "limit_range",
        "Ask for what the LimitRange of the namespace allows.",
        False,
    ),
)
