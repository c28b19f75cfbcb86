"""Why a pod failed: what its status, conditions and ended containers say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import integer, items, mapping, name_of, text
from dagster_plus_k8s_helpers.diagnosis.containers import (
    ended_while_others_run,
    is_sidecar,
    memory_limit,
    statuses,
)
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.measuring.message import taken_apart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["ENDED", "diagnose", "disrupted"]

ENDED = frozenset({"Failed", "Succeeded"})


def diagnose(pod: ApiObject, events: Sequence[ApiObject], main: str) -> Diagnosis | None:
    """Why a pod failed; ``None`` when it has not, or does not say.

    Args:
        pod: The pod.
        events: Its events, which tell apart what the pod itself does not.
        main: Name of the step's own container.
    """
    going = text(pod, "metadata", "deletionTimestamp") != ""
    if text(pod, "status", "phase") != "Failed" and not going:
        return _by_container(pod, main) if ended_while_others_run(pod, main) else None
    return (
        _by_status_reason(pod)
        or disrupted(pod)
        or _by_container(pod, main)
        or _deleted(pod, events, going=going)
    )


def disrupted(pod: ApiObject) -> Diagnosis | None:
    """What the condition ``DisruptionTarget`` says, which every release since 1.26 sets.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
    """
    for condition in items(pod, "status", "conditions"):
        if text(condition, "type") == "DisruptionTarget" and text(condition, "status") == "True":
            reason, message = text(condition, "reason"), text(condition, "message")
            kind, said, hint = _DISRUPTIONS.get(reason, _OTHER_DISRUPTION)
            node = text(pod, "spec", "nodeName")
            where = f" on the node {node}" if node else ""
            return Diagnosis(
                kind,
                f"The pod{where} {said}{f' ({message})' if message else ''}.",
                {"node": node, "reason": reason},
                hint=hint,
            )
    return None


_SPOT = "Keep steps that must not be moved off preemptible nodes, or raise disruption_retries."
_OTHER_DISRUPTION = (DiagnosisKind.NODE_LOST, "was taken away by the cluster", _SPOT)
_PREEMPTION = (
    DiagnosisKind.PREEMPTION_BY_SCHEDULER,
    "had to make room for one of a higher priority",
    "Give the step a priority_class_name, or raise disruption_retries.",
)
_DISRUPTIONS = {
    "PreemptionByScheduler": _PREEMPTION,
    # The name it had before 1.27.
    "PreemptionByKubeScheduler": _PREEMPTION,
    "DeletionByTaintManager": (
        DiagnosisKind.DELETION_BY_TAINT_MANAGER,
        (
            "was deleted for a NoExecute taint that it does not tolerate: "
            "the node is drained, or no longer answers"
        ),
        _SPOT,
    ),
    "EvictionByEvictionAPI": (
        DiagnosisKind.EVICTION_BY_EVICTION_API,
        "was evicted through the API: the node is drained or scaled down",
        _SPOT,
    ),
    "DeletionByPodGC": (DiagnosisKind.NODE_LOST, "is gone with its node", _SPOT),
    "TerminationByKubelet": (
        DiagnosisKind.TERMINATION_BY_KUBELET,
        "was ended by its node, which shut down or ran short of something",
        _SPOT,
    ),
}

_NODE_REASONS = {
    # "Terminated" and "NodeShutdown" come from the graceful shutdown of a node, "Preempting" from a kubelet
    # that makes room for a critical pod.
    "Terminated": DiagnosisKind.TERMINATION_BY_KUBELET,
    "NodeShutdown": DiagnosisKind.TERMINATION_BY_KUBELET,
    "Shutdown": DiagnosisKind.TERMINATION_BY_KUBELET,
    "Preempting": DiagnosisKind.TERMINATION_BY_KUBELET,
    "NodeLost": DiagnosisKind.NODE_LOST,
    "NodeAffinity": DiagnosisKind.REFUSED_BY_NODE,
    "UnexpectedAdmissionError": DiagnosisKind.REFUSED_BY_NODE,
    "TopologyAffinityError": DiagnosisKind.REFUSED_BY_NODE,
}


def _by_status_reason(pod: ApiObject) -> Diagnosis | None:
    reason, message = text(pod, "status", "reason"), text(pod, "status", "message")
    node = text(pod, "spec", "nodeName")
    details: dict[str, str | int] = {"node": node, "reason": reason}
    if reason == "Evicted":
        return _evicted(message, details)
    if reason == "DeadlineExceeded":
        return Diagnosis(
            DiagnosisKind.DEADLINE_EXCEEDED,
            "The pod was active on its node longer than its activeDeadlineSeconds.",
            details,
            hint="Raise active_deadline_seconds in the step's pod_spec_config.",
        )
    kind = _NODE_REASONS.get(reason)
    if reason.startswith("OutOf"):
        kind = DiagnosisKind.REFUSED_BY_NODE
    if kind is None:
        return None
    return Diagnosis(
        kind,
        f"The node {node} ended or refused the pod: {reason}{f', {message}' if message else ''}".rstrip(".")
        + ".",
        details,
        hint=_SPOT if kind is not DiagnosisKind.REFUSED_BY_NODE else "",
    )


_OWN_EXCESS = re.compile(
    r"exceeds the limit|exceeded .*(limit|storage)|exceeds the (total|local)", re.IGNORECASE
)
_LOW_ON = re.compile(r"low on resource: ([\w.-]+)")


def _evicted(message: str, details: dict[str, str | int]) -> Diagnosis:
    """By the kubelet: for a node short of something, or for the pod's own excess, which a retry repeats."""
    if low_on := _LOW_ON.search(message):
        details["resource"] = low_on[1].rstrip(".")
        return Diagnosis(
            DiagnosisKind.EVICTED,
            f"The node evicted the pod: it was short of {details['resource']}. {message}".strip(),
            details,
            hint="The first to go are pods above their requests: request as much as the step uses.",
        )
    own = bool(_OWN_EXCESS.search(message))
    if own:
        details["own_limit"] = "exceeded"
        details["resource"] = "ephemeral-storage"
    return Diagnosis(
        DiagnosisKind.EVICTED,
        f"The node evicted the pod: {message or 'it did not say why'}".rstrip(". ") + ".",
        details,
        hint="Raise the size_limit of the volume, or the step's ephemeral_storage." if own else "",
    )


def _by_container(pod: ApiObject, main: str) -> Diagnosis | None:
    """The container that ended badly for good: the step's own before others, and of those an OOM first."""
    ended = [
        (status, mapping(status, "state", "terminated"), is_init)
        for status, is_init in statuses(pod, main)
        if (integer(status, "state", "terminated", "exitCode") or 0) != 0
        and not (is_init and is_sidecar(pod, text(status, "name")))
    ]
    # A sidecar that is killed takes nothing with it, unless nothing else explains the end.
    ended.sort(key=lambda end: (text(end[0], "name") != main, text(end[1], "reason") != "OOMKilled"))
    if not ended:
        return None
    status, end, is_init = ended[0]
    return _ended(pod, status, end, main, is_init=is_init)


def _ended(pod: ApiObject, status: ApiObject, end: ApiObject, main: str, *, is_init: bool) -> Diagnosis:
    container, reason = text(status, "name"), text(end, "reason")
    code, node = integer(end, "exitCode") or 0, text(pod, "spec", "nodeName")
    what = f"{'init container' if is_init else 'container'} {container!r}"
    details: dict[str, str | int] = {"container": container, "exit_code": code, "node": node}
    if container != main:
        details["beside"] = main
    # What a step has measured of itself is no cause.
    message = taken_apart(text(end, "message"))[1]
    if reason == "OOMKilled":
        limit = memory_limit(pod, status)
        over = f"over its memory limit of {limit}" if limit else "the node ran out of memory; it has no limit"
        return Diagnosis(
            DiagnosisKind.OOM_KILLED,
            f"The {what} was killed: {over}.",
            {**details, "limit": limit},
            hint=_OOM_BESIDE if container != main else _OOM_HINT if limit else _OOM_WITHOUT_LIMIT,
        )
    # "ContainerCannotRun" is what other runtimes than containerd call it.
    if reason in {"StartError", "ContainerCannotRun", "RunContainerError"}:
        return Diagnosis(
            DiagnosisKind.START_ERROR,
            f"The {what} could not be started: {message or reason}.",
            details,
            hint="Check the command and the image.",
            retryable=not re.search(r"no such file|not found|permission denied", message),
        )
    # The kubelet lost sight of the container: after a restart of the node, or with the node.
    if reason == "ContainerStatusUnknown":
        return Diagnosis(
            DiagnosisKind.NODE_LOST,
            f"What became of the {what} is not known: its node {node} was restarted or lost.",
            {**details, "reason": reason},
            hint=_SPOT,
        )
    return Diagnosis(
        DiagnosisKind.ERROR,
        f"The {what} ended with exit code {code}{_SIGNALS.get(code, '')}{f': {message}' if message else ''}.",
        details,
        hint=_EXIT_HINTS.get(code, ""),
    )


_OOM_HINT = "Give the step more memory, or let memory_ladder=MemoryLadder() of k8s_executor do it."
_OOM_WITHOUT_LIMIT = "Give the step the memory it uses, so that it goes to a node that has it."
_OOM_BESIDE = (
    "Give that container more memory where it is configured: a memory ladder raises the step's own only."
)
_SIGNALS = {
    137: " (SIGKILL)",
    143: " (SIGTERM)",
    139: " (SIGSEGV)",
    134: " (SIGABRT)",
    130: " (SIGINT)",
}
_EXIT_HINTS = {
    137: "Something other than the memory limit killed it: a node short of memory, or a deletion.",
    143: "Something asked it to end: a deletion, a drain, or a process inside the pod.",
}


def _deleted(pod: ApiObject, events: Sequence[ApiObject], *, going: bool) -> Diagnosis:
    node = text(pod, "spec", "nodeName")
    if not going:
        return Diagnosis(
            DiagnosisKind.ERROR,
            "The pod failed, and no container of it says why.",
            {"node": node, "reason": text(pod, "status", "reason")},
        )
    if _node_does_not_answer(pod, events):
        return Diagnosis(
            DiagnosisKind.NODE_LOST,
            f"The node {node} no longer answers, and its pods are being deleted.",
            {"node": node},
            hint=_SPOT,
        )
    return Diagnosis(
        DiagnosisKind.POD_DELETED,
        f"The pod {name_of(pod)} is being deleted.",
        {"node": node},
        hint="Somebody, or a controller, deleted it.",
    )


def _node_does_not_answer(pod: ApiObject, events: Sequence[ApiObject]) -> bool:
    return any(
        text(condition, "type") == "Ready" and text(condition, "status") == "Unknown"
        for condition in items(pod, "status", "conditions")
    ) or any(text(event, "reason") == "NodeNotReady" for event in events)
