"""Rules for what Kubernetes takes and what does harm in a Job: each of one pod."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.plan.fitting import tolerates
from dagster_plus_k8s_helpers.plan.harm_rules import (
    NODES_NETWORK,
    NOT_ONE_POD,
    ODD,
    PLAIN_SIDECAR,
    PROBE,
    RESTARTED,
    SHORT_GRACE,
    SUSPENDED,
    TAINT_OF_PLATFORM,
)
from dagster_plus_k8s_helpers.plan.nodes import Taint
from dagster_plus_k8s_helpers.plan.subjects import containers, layer_of, said
from dagster_plus_k8s_helpers.pod.platforms import NODE_TAINTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster_plus_k8s_helpers.plan.subjects import Hit, PodGroup, PodRule, Surroundings

__all__ = ["HARM_RULES"]

LEAST_GRACE = 5
"""Seconds: one call to Dagster+ and its retries."""


def plain_sidecar(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A second container, which keeps the Job from ending."""
    for index, container in enumerate(group.pod.spec["containers"][1:], start=1):
        layer = layer_of(group.pod, f"containers[{index}]")
        text = f"containers[{index}] is {container.get('name')!r} by {layer}"
        text += ", and the Job does not end before it does"
        yield group.hit(PLAIN_SIDECAR, text, f"containers[{index}]")


def restarted(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """What Kubernetes would start a second time."""
    job = group.pod.manifest["spec"]
    main = group.pod.spec["containers"][0]
    if group.pod.spec.get("restartPolicy") == "OnFailure":
        yield group.hit(RESTARTED, f"{said(group.pod, 'restartPolicy')}, instead of 'Never'", "restartPolicy")
    if main.get("restartPolicy") in {"Always", "OnFailure"}:
        path = "containers[0].restartPolicy"
        yield group.hit(RESTARTED, f"{said(group.pod, path)}, instead of 'Never'", path)
    for index, rule in enumerate((job.get("podFailurePolicy") or {}).get("rules") or ()):
        path = f"spec.podFailurePolicy.rules[{index}].action"
        if rule.get("action") == "Ignore":
            layer = group.pod.origin(path).layer
            text = f"{path} is 'Ignore' by {layer}: another pod takes the place of the failed"
            yield group.hit(RESTARTED, text, path)


def not_one_pod(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A Job of several pods, or of none."""
    for field in ("completions", "parallelism"):
        count = group.pod.manifest["spec"].get(field)
        if count is not None and count != 1:
            layer = group.pod.origin(f"spec.{field}").layer
            yield group.hit(NOT_ONE_POD, f"spec.{field} is {count} by {layer}, instead of 1", f"spec.{field}")


def suspended(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A Job that nobody is known to resume."""
    manifest = group.pod.manifest
    labels = {**(manifest["metadata"].get("labels") or {}), **(manifest["metadata"].get("annotations") or {})}
    if manifest["spec"].get("suspend") and not any("queue" in key for key in labels):
        layer = group.pod.origin("spec.suspend").layer
        text = f"spec.suspend is true by {layer}, and no label names a queue that resumes it"
        yield group.hit(SUSPENDED, text, "spec.suspend")


def nodes_network(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A pod on the node's network that asks the node's DNS only."""
    spec = group.pod.spec
    if spec.get("hostNetwork") and spec.get("dnsPolicy") in (None, "", "ClusterFirst"):
        text = f"{said(group.pod, 'hostNetwork')}, and dnsPolicy is not 'ClusterFirstWithHostNet'"
        yield group.hit(NODES_NETWORK, text, "hostNetwork")


def taint_of_platform(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A label of nodes that their platform taints, in a pod that does not tolerate the taint."""
    spec = group.pod.spec
    if around.pools:
        return
    for known in NODE_TAINTS:
        key, value = known.label
        wanted = known.toleration
        taint = Taint(wanted.key or "", wanted.value or "", wanted.effect or "")
        if (spec.get("nodeSelector") or {}).get(key) != value:
            continue
        if not any(tolerates(item, taint) for item in spec.get("tolerations") or ()):
            yield group.hit(
                TAINT_OF_PLATFORM,
                f"{said(group.pod, f'nodeSelector.{key}')}; {known.whose} the taint "
                f"{taint.key}={taint.value}:{taint.effect}, which no layer tolerates",
                f"nodeSelector.{key}",
            )


def probe(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A probe that asks a port of the main container, on which nothing listens."""
    main = group.pod.spec["containers"][0]
    for field in ("livenessProbe", "startupProbe"):
        kinds = [kind for kind in ("grpc", "httpGet", "tcpSocket") if kind in (main.get(field) or {})]
        if kinds:
            path = f"containers[0].{field}.{kinds[0]}"
            text = f"{path} by {layer_of(group.pod, path)} asks a port, on which no run or step listens"
            yield group.hit(PROBE, text, path)


def short_grace(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """Too little time to write how it ended."""
    grace = group.pod.spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < LEAST_GRACE:
        text = f"{said(group.pod, 'terminationGracePeriodSeconds')}, below {LEAST_GRACE}"
        yield group.hit(SHORT_GRACE, text, "terminationGracePeriodSeconds")


def odd(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """What works otherwise than it looks."""
    for path, text in _odd(group.pod.spec):
        yield group.hit(ODD, f"{path} by {layer_of(group.pod, path)} {text}", path)


HARM_RULES: tuple[PodRule, ...] = (
    plain_sidecar,
    restarted,
    not_one_pod,
    suspended,
    nodes_network,
    taint_of_platform,
    probe,
    short_grace,
    odd,
)


def _odd(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where in a pod's spec something looks like a slip, and what is made of it."""
    for path, container in containers(spec):
        for index, mount in enumerate(container.get("volumeMounts") or ()):
            where, mounted = f"{path}.volumeMounts[{index}].mountPath", mount.get("mountPath") or ""
            if re.match("[A-Za-z]:", mounted):  # of Windows
                continue
            if not mounted.startswith("/"):
                yield where, f"is {mounted!r}, which the kubelet makes {f'/{mounted}'!r}; write that"
            if ":" in mounted:
                yield where, f"is {mounted!r}, and not every container runtime takes a ':'"
    for index, volume in enumerate(spec.get("volumes") or ()):
        if not [kind for kind in volume if kind != "name"]:
            yield f"volumes[{index}]", f"has no source, so that {volume.get('name')!r} is an empty emptyDir"
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not (secret or {}).get("name"):
            yield f"imagePullSecrets[{index}]", "has no name, and is passed over"
