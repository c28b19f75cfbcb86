"""Why the scheduler finds no node for a pod, in words that say what is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import items, text
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["unschedulable"]


def unschedulable(pod: ApiObject) -> Diagnosis | None:
    """What the condition ``PodScheduled`` says of a pod that has no node.

    Source: https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
    """
    for condition in items(pod, "status", "conditions"):
        if text(condition, "type") != "PodScheduled" or text(condition, "status") != "False":
            continue
        message = text(condition, "message")
        if text(condition, "reason") == "SchedulingGated":
            return Diagnosis(
                DiagnosisKind.SCHEDULING_GATED,
                "The pod waits at a scheduling gate that a controller has to open.",
                {"message": message},
                failed=False,
            )
        missing = _missing(message)
        wanted = "; ".join(missing) or message or "the scheduler did not say why"
        return Diagnosis(
            DiagnosisKind.UNSCHEDULABLE,
            f"No node can take the pod: {wanted}.",
            {"missing": "; ".join(missing), "resource": _resource(message), "message": message},
            hint=_hint(message),
            failed=False,
        )
    return None


# Until 1.31 the message goes on with "preemption: ..."; from 1.32 on with "no new claims to deallocate, ...".
_WHAT_FOLLOWS = re.compile(r"\.? *(?:no new claims to deallocate|preemption:).*", re.DOTALL)
_HEAD = re.compile(r"^\d+/\d+ nodes are available:? *")
_COUNTED = re.compile(r"^(\d+) (.*)$")
_LEFT_OUT = " that the node selector or affinity leaves out"
_INSUFFICIENT = re.compile(r"(?:Insufficient|Too many) ([\w./-]+)")


def _missing(message: str) -> list[str]:
    body = _HEAD.sub("", _WHAT_FOLLOWS.sub("", message)).strip(" .")
    return [_in_words(part.strip(" .")) for part in re.split(r", (?=\d+ )", body) if part.strip(" .")]


def _in_words(part: str) -> str:
    counted = _COUNTED.match(part)
    if counted is None:
        claim = re.search(r'persistentvolumeclaim "([^"]+)" not found', part)
        return f"the PersistentVolumeClaim {claim[1]!r} does not exist" if claim else part
    nodes = f"{counted[1]} node" + ("" if counted[1] == "1" else "s")
    for pattern, words in _WORDS:
        if found := re.search(pattern, counted[2]):
            return nodes + found.expand(words).rstrip()
    return f"{nodes}: {counted[2]}"


_WORDS = (
    (r"Insufficient ([\w./-]+)", r" without enough \1 left"),
    (r"Too many pods", " with no room for another pod"),
    (r"node affinity/selector|node selector|^node\(s\) didn't match Pod's node affinity", _LEFT_OUT),
    (r"untolerated taint(?:\(s\))? ?((?:\{[^}]*\})?)", r" with a taint that the step does not tolerate \1"),
    (r"were unschedulable", " closed to new pods (cordoned)"),
    (r"volume node affinity conflict", " out of reach of the pod's volume"),
)


def _resource(message: str) -> str:
    """The resource that is short on every node that is open to the pod; an extended one before others."""
    found = _INSUFFICIENT.findall(message)
    return next((name for name in found if "/" in name), found[0] if found else "").rstrip(".")


def _hint(message: str) -> str:
    resource = _resource(message)
    if "/" in resource:
        return f"Wait for a node with {resource}, or add one; its pool may ask for a toleration too."
    if resource:
        return f"Wait for room, add nodes, or request less {resource}."
    if "persistentvolumeclaim" in message.lower():
        return "Create the PersistentVolumeClaim in the namespace of the step, or correct its name."
    if "taint" in message:
        return "Add a toleration for the nodes the step is meant for."
    if "affinity" in message or "selector" in message:
        return "Correct the step's node_selector, or label a node."
    return ""
