"""Why a pod waits, or what is in trouble beside a step that runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import integer, mapping, text
from dagster_plus_k8s_helpers.diagnosis.containers import has_started, is_sidecar, statuses
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.diagnosis.unschedulable import unschedulable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["diagnose", "event_message"]

_RESTARTS_THAT_MAKE_A_LOOP = 2


def diagnose(pod: ApiObject, events: Sequence[ApiObject], main: str) -> Diagnosis | None:
    """Why a pod has not started, or which container of it keeps crashing.

    Args:
        pod: The pod.
        events: Its events, for volumes and for the causes that releases before 1.31 leave out.
        main: Name of the step's own container.
    """
    return (
        unschedulable(pod)
        or _by_container(pod, events, main)
        or (None if has_started(pod, main) else _volumes(pod, events))
    )


def event_message(events: Sequence[ApiObject], *reasons: str, containing: str = "") -> str:
    """The message of the last event of these reasons; ``events.k8s.io`` calls it a note."""
    found = [
        message
        for event in events
        if text(event, "reason") in reasons
        and containing in (message := text(event, "message") or text(event, "note"))
    ]
    return found[-1] if found else ""


def _by_container(pod: ApiObject, events: Sequence[ApiObject], main: str) -> Diagnosis | None:
    for status, is_init in statuses(pod, main):
        found = _waiting(pod, status, events, is_init=is_init) or _crashing(pod, status)
        if found is not None:
            return found
    return None


_HINTS = {
    DiagnosisKind.IMAGE_PULL_BACK_OFF: "Check the name of the image, its registry and image_pull_secrets.",
    DiagnosisKind.ERR_IMAGE_PULL: "Check the name of the image, its registry and image_pull_secrets.",
    DiagnosisKind.INVALID_IMAGE_NAME: "Correct the name of the image; it can never be pulled as it is.",
    DiagnosisKind.CREATE_CONTAINER_CONFIG_ERROR: "Create the Secret or ConfigMap in the step's namespace, "
    "or correct its name or key.",
    DiagnosisKind.CREATE_CONTAINER_ERROR: "Check the command, the mounts and the security context.",
}
_WAITING = {
    "ImagePullBackOff": DiagnosisKind.IMAGE_PULL_BACK_OFF,
    "ErrImagePull": DiagnosisKind.ERR_IMAGE_PULL,
    "ErrImageNeverPull": DiagnosisKind.ERR_IMAGE_PULL,
    "ImageInspectError": DiagnosisKind.ERR_IMAGE_PULL,
    "RegistryUnavailable": DiagnosisKind.ERR_IMAGE_PULL,
    "SignatureValidationFailed": DiagnosisKind.ERR_IMAGE_PULL,
    "InvalidImageName": DiagnosisKind.INVALID_IMAGE_NAME,
    "CreateContainerConfigError": DiagnosisKind.CREATE_CONTAINER_CONFIG_ERROR,
    "CreateContainerError": DiagnosisKind.CREATE_CONTAINER_ERROR,
    "RunContainerError": DiagnosisKind.CREATE_CONTAINER_ERROR,
    "PreStartHookError": DiagnosisKind.CREATE_CONTAINER_ERROR,
    "PostStartHookError": DiagnosisKind.CREATE_CONTAINER_ERROR,
    "CreatePodSandboxError": DiagnosisKind.CREATE_CONTAINER_ERROR,
}


def _waiting(
    pod: ApiObject, status: ApiObject, events: Sequence[ApiObject], *, is_init: bool
) -> Diagnosis | None:
    reason = text(status, "state", "waiting", "reason")
    container = text(status, "name")
    what = f"{'init container' if is_init else 'container'} {container!r}"
    details: dict[str, str | int] = {"container": container, "node": text(pod, "spec", "nodeName")}
    if reason == "CrashLoopBackOff":
        return _crash_loop(status, what, details)
    kind = _WAITING.get(reason)
    if kind is None:
        return None
    message = text(status, "state", "waiting", "message")
    image = text(status, "image")
    if kind in {
        DiagnosisKind.IMAGE_PULL_BACK_OFF,
        DiagnosisKind.ERR_IMAGE_PULL,
        DiagnosisKind.INVALID_IMAGE_NAME,
    }:
        details["image"] = image
        # Before 1.31 a back-off did not say why; the event of the failed pull does.
        if kind is DiagnosisKind.IMAGE_PULL_BACK_OFF and ": " not in message.removeprefix("Back-off"):
            message = event_message(events, "Failed", containing="Failed to pull image") or message
        said = f"The image {image!r} of the {what} cannot be pulled"
        if kind is DiagnosisKind.INVALID_IMAGE_NAME:
            said = f"The image name {image!r} of the {what} is not valid"
    else:
        said = f"The {what} cannot be created"
    return Diagnosis(
        kind,
        f"{said}: {message or reason}".rstrip(". ") + ".",
        {**details, "reason": reason},
        hint=_HINTS[kind],
        retryable=kind is not DiagnosisKind.INVALID_IMAGE_NAME,
        failed=False,
    )


def _crashing(pod: ApiObject, status: ApiObject) -> Diagnosis | None:
    """A sidecar that ends badly again and again, between two restarts or just after one."""
    container = text(status, "name")
    restarts = integer(status, "restartCount") or 0
    ended = integer(status, "state", "terminated", "exitCode") or 0
    before = integer(status, "lastState", "terminated", "exitCode") or 0
    between = restarts >= 1 and ended != 0 and before != 0
    after = restarts >= _RESTARTS_THAT_MAKE_A_LOOP and before != 0 and status.get("ready") is not True
    # The step's own container ends the pod when it ends; only those that are restarted can be in a loop.
    if not (between or after):
        return None
    kind = "sidecar" if is_sidecar(pod, container) else "container"
    details: dict[str, str | int] = {"container": container, "node": text(pod, "spec", "nodeName")}
    return _crash_loop(status, f"{kind} {container!r}", details)


def _crash_loop(status: ApiObject, what: str, details: dict[str, str | int]) -> Diagnosis:
    restarts = integer(status, "restartCount") or 0
    end = mapping(status, "lastState", "terminated") or mapping(status, "state", "terminated")
    code, reason = integer(end, "exitCode"), text(end, "reason")
    last = f"; last with exit code {code}" if code is not None else ""
    oom = ", OOMKilled" if reason == "OOMKilled" else ""
    return Diagnosis(
        DiagnosisKind.CRASH_LOOP_BACK_OFF,
        f"The {what} crashes again and again{last}{oom}.",
        {**details, "restarts": restarts, **({"exit_code": code} if code is not None else {})},
        hint=f"Read its log: kubectl logs --previous, container {details['container']!r}.",
        failed=False,
    )


_VOLUME_REASONS = {
    "FailedAttachVolume": DiagnosisKind.FAILED_ATTACH_VOLUME,
    "FailedMount": DiagnosisKind.FAILED_MOUNT,
    "FailedMapVolume": DiagnosisKind.FAILED_MOUNT,
}


def _volumes(pod: ApiObject, events: Sequence[ApiObject]) -> Diagnosis | None:
    for reason, kind in _VOLUME_REASONS.items():
        message = event_message(events, reason)
        if message:
            quoted = re.search(r'volume "([^"]+)"', message)
            return Diagnosis(
                kind,
                f"A volume of the pod cannot be {'attached' if 'Attach' in reason else 'mounted'}: "
                f"{message}".rstrip(". ")
                + ".",
                {"volume": quoted[1] if quoted else "", "node": text(pod, "spec", "nodeName")},
                hint="Check that what the volume names exists in the namespace and is attached nowhere else.",
                failed=False,
            )
    sandbox = event_message(events, "FailedCreatePodSandBox")
    if sandbox:
        return Diagnosis(
            DiagnosisKind.CREATE_CONTAINER_ERROR,
            f"The node cannot set up the pod: {sandbox}".rstrip(". ") + ".",
            {"node": text(pod, "spec", "nodeName")},
            hint="This is the network or the container runtime of the node.",
            failed=False,
        )
    return None
