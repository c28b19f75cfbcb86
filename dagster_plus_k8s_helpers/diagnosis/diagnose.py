"""`diagnose`: why a step's Job failed or waits, read from API objects and nothing else.

The objects are those of Kubernetes 1.28 to 1.36 as the JSON API returns them. What differs between those
releases is read both ways; the comments beside the code say what changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.diagnosis import absent_pod, failed_pod, waiting_pod
from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, mapping, text
from dagster_plus_k8s_helpers.diagnosis.containers import main_container
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.diagnosis.queued import is_suspended, queue_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Diagnosis", "DiagnosisKind", "diagnose", "job_failure", "job_succeeded", "newest_pod"]


@answering
def diagnose(
    job: ApiObject | None,
    pods: Sequence[ApiObject],
    events: Sequence[ApiObject] = (),
    *,
    workload: ApiObject | None = None,
    pending: ApiObject | None = None,
) -> Diagnosis | None:
    """Why a Job failed, waits, or runs beside a container in trouble.

    A pure function over objects as ``kubectl get -o json`` prints them. It never raises, whatever JSON it
    is given.

    Args:
        job: The Job; ``None`` when it is gone.
        pods: Its pods, none when they are gone or were never created.
        events: Events of the Job and of its pods, of ``v1`` or ``events.k8s.io/v1``. They are needed for what
            the objects themselves do not say: a pod that could not be created, a volume that does not mount.
        workload: What Kueue keeps of the Job (``kubectl get workloads.kueue.x-k8s.io``); it says why a
            suspended Job waits.
        pending: Where it stands in its queue: its item of what Kueue's visibility API lists
            (``kubectl get --raw .../localqueues/NAME/pendingworkloads``).

    Returns:
        ``None`` when nothing is wrong, or nothing yet.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
    """
    job, events = mapping(job), list(items({"events": events}, "events"))
    pod = newest_pod(pods)
    if job_succeeded(job) or text(pod, "status", "phase") == "Succeeded":
        return None
    failure = job_failure(job)
    # A pod that the controller ended at the deadline says no more than "exit code 137".
    if failure is not None and text(failure, "reason") == "DeadlineExceeded":
        return _past_deadline(job)
    # The pods of a Job that a queue has suspended are those it is about to lose.
    if pod is None or (failure is None and is_suspended(job) and queue_of(job)):
        return absent_pod.diagnose(job, failure, events, workload, pending)
    main = main_container(job, pod)
    return (
        failed_pod.diagnose(pod, events, main)
        or (_failed_without_a_reason(failure, events) if failure is not None else None)
        or waiting_pod.diagnose(pod, events, main)
    )


def job_succeeded(job: ApiObject) -> bool:
    """Whether a Job is done; a Job with a ``successPolicy`` says so before its pods have ended."""
    return (integer(job, "status", "succeeded") or 0) > 0 or any(
        text(condition, "type") in {"Complete", "SuccessCriteriaMet"} and text(condition, "status") == "True"
        for condition in items(job, "status", "conditions")
    )


def job_failure(job: ApiObject) -> ApiObject | None:
    """The condition that says why a Job failed; an empty one when it only counts a failed pod.

    Since Kubernetes 1.31 ``FailureTarget`` comes first and ``Failed`` when the last pod has ended; before,
    and for a moment, there may be the count alone.
    """
    for condition in items(job, "status", "conditions"):
        if text(condition, "type") in {"Failed", "FailureTarget"} and text(condition, "status") == "True":
            return condition
    return {} if (integer(job, "status", "failed") or 0) > 0 else None


def newest_pod(pods: object) -> ApiObject | None:
    """The pod that was created last: a Job may have replaced one that was taken from it."""
    found = list(items({"pods": pods}, "pods"))
    return max(found, key=lambda pod: text(pod, "metadata", "creationTimestamp"), default=None)


def _past_deadline(job: ApiObject) -> Diagnosis:
    seconds = integer(job, "spec", "activeDeadlineSeconds")
    limit = f" of {seconds} s" if seconds is not None else ""
    return Diagnosis(
        DiagnosisKind.DEADLINE_EXCEEDED,
        f"The Job ran longer than its activeDeadlineSeconds{limit}.",
        {"active_deadline_seconds": seconds} if seconds is not None else {},
        hint="Time spent waiting for a node counts too. Raise active_deadline_seconds in the step's "
        "job_spec_config or pod_spec_config.",
    )


def _failed_without_a_reason(failure: ApiObject, events: Sequence[ApiObject]) -> Diagnosis:
    """A Job that failed while its pod shows nothing: a cache that lags, or a policy that failed the Job."""
    reason, message = text(failure, "reason"), text(failure, "message")
    return absent_pod.deletion(events) or Diagnosis(
        DiagnosisKind.JOB_FAILED,
        f"The Job failed{f': {reason}' if reason else ''}{f', {message}' if message else ''}.",
        {"job_reason": reason},
    )
