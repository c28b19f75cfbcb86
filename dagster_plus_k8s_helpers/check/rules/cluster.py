"""Rules for pods and the nodes of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.capacity.fitting import Fit, fit
from dagster_plus_k8s_helpers.capacity.gpus import gpus_of, is_gpu
from dagster_plus_k8s_helpers.capacity.requests import pod_limits, pod_requests
from dagster_plus_k8s_helpers.check.subjects.registry import of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import (
    POD_SPEC,
    amount,
    containers,
    layer_of,
    of_no_one,
    said,
    shown,
)
from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from dagster_plus_k8s_helpers.capacity.nodes import NodePool
    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, PodGroup, Surroundings
    from dagster_plus_k8s_helpers.plan.merge.pods import Pod


MOST_PODS = 110
"""Pods that a node takes by Kubernetes' default.

Source: https://kubernetes.io/docs/setup/best-practices/cluster-large/
"""


FITS_NOWHERE = Rule(
    "DPK511",
    Severity.ERROR,
    "A pod that fits no node stays pending, and Dagster takes a pending step for a healthy one.",
    "ask for less, or for nodes that the cluster has",
    needs=Need.NODES,
)
GPU_NOT_TOLERATED = Rule(
    "DPK509",
    Severity.ERROR,
    "Nodes with GPUs are tainted as a rule; a pod that does not tolerate the taint waits for ever.",
    "add the toleration; gpu() sets it together with the limit and the node selector",
    needs=Need.NODES,
)


@of_pods(FITS_NOWHERE, GPU_NOT_TOLERATED)
def fits_nowhere(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A pod that no node takes, or none because of the taint of those with GPUs."""
    spec = group.pod.spec
    found = _fit(spec, around)
    if found is None or found:
        return
    taints = _taints_in_the_way(spec, found, around.pools)
    gpus = [f"{path}.resources.limits.{name}" for path, item in containers(spec) for name in gpus_of(item)]
    if gpus and taints:
        tolerations = f"no layer sets {POD_SPEC}.tolerations"
        if spec.get("tolerations"):
            tolerations = f"tolerations are by {layer_of(group.pod, 'tolerations')}"
        yield group.hit(
            GPU_NOT_TOLERATED,
            f"{said(group.pod, gpus[0])}, and {tolerations}; the nodes with GPUs have {', '.join(taints)}",
            cause=of_no_one(f"{tolerations} {taints}"),
            part=said(group.pod, gpus[0]),
        )
    else:
        by = "; ".join(_said_of_reasons(group, found, around.pools))
        yield group.hit(FITS_NOWHERE, f"{found.message} ({by})" if by else found.message)


TOLERATION_WITHOUT_GPU = Rule(
    "DPK510",
    Severity.WARNING,
    "A pod that tolerates the taint of GPU nodes and asks for no GPU can take up the place of one that does.",
    "ask for a GPU, or leave the toleration out",
    needs=Need.NODES,
)


@of_pods(TOLERATION_WITHOUT_GPU)
def toleration_without_gpu(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A toleration of the taint of GPU nodes in a pod that asks for none."""
    spec = group.pod.spec
    if any(True for _, item in containers(spec) for _ in gpus_of(item)):
        return
    # What nodes without GPUs have too, such as the taint of spot nodes, does not keep CPU pods off GPUs.
    others = {taint.key for pool in around.pools if not _gpus(pool) for taint in pool.taints}
    taints = {taint.key for pool in around.pools if _gpus(pool) for taint in pool.taints} - others
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        key = toleration.get("key")
        if key and (is_gpu(key) or key in taints):
            layer = layer_of(group.pod, f"tolerations[{index}]")
            yield group.hit(
                TOLERATION_WITHOUT_GPU,
                f"tolerations[{index}] is for {key!r} by {layer}, and no layer asks for a GPU",
                cause=of_no_one(f"{key} {layer}"),
            )


LIMIT_ABOVE_NODE = Rule(
    "DPK523",
    Severity.WARNING,
    "A container cannot use more memory than its node has: the node runs out first, and pods are evicted.",
    "set the limit to what a node can give",
    needs=Need.NODES,
)


@of_pods(LIMIT_ABOVE_NODE)
def limit_above_node(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A memory limit above what any node has that takes the pod."""
    for pool_memory, pool in _largest(group, around, "memory"):
        for path, item in containers(group.pod.spec):
            limit = amount(((item.get("resources") or {}).get("limits") or {}).get("memory"))
            if limit is not None and limit > pool_memory:
                text = said(group.pod, f"{path}.resources.limits.memory")
                yield group.hit(
                    LIMIT_ABOVE_NODE, f"{text}; the largest node it fits, of {pool!r}, has {pool_memory}"
                )


REQUEST_FAR_BELOW_NODE = Rule(
    "DPK524",
    Severity.WARNING,
    "The scheduler packs a node by requests. Of such pods it packs as many as a node may have at all, and "
    "they may then use more CPU than the node has.",
    "request the CPU that the step needs on average",
    needs=Need.NODES,
)


@of_pods(REQUEST_FAR_BELOW_NODE)
def request_far_below_node(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A CPU request so small that a node full of such pods is hardly asked for, and may be overrun.

    A quarter is far enough below to leave alone the small requests that large nodes are bought for: 500m on
    a node with 64 CPUs. A pod whose limit is as small cannot overrun anything.
    """
    found = _fit(group.pod.spec, around)
    if not found:
        return
    request = pod_requests(group.pod.spec).get("cpu")
    fitting = [pool for pool in around.pools if pool.name in found.pools and "cpu" in pool.allocatable]
    smallest = min(fitting, key=lambda pool: pool.allocatable["cpu"], default=None)
    # Where no layer given here asks for CPU, one that is not given may.
    if request is None or smallest is None:
        return
    most = smallest.allocatable["cpu"].value
    asked_for, limit = request.value * MOST_PODS, pod_limits(group.pod.spec).get("cpu")
    if asked_for * 4 >= most or (limit is not None and limit.value * MOST_PODS <= most):
        return
    resources = group.pod.spec["containers"][0].get("resources") or {}
    kind = next((kind for kind in ("requests", "limits") if "cpu" in (resources.get(kind) or {})), None)
    asked = (
        said(group.pod, f"containers[0].resources.{kind}.cpu") if kind else f"the pod requests {request} CPU"
    )
    yield group.hit(
        REQUEST_FAR_BELOW_NODE,
        f"{asked}; a node of {smallest.name!r} has {smallest.allocatable['cpu']}, of which the {MOST_PODS} "
        f"such pods that it takes ask for {asked_for.normalize():f}",
    )


def _fit(spec: Mapping[str, Any], around: Surroundings) -> Fit | None:
    """Where a pod fits; ``None`` when that cannot be told."""
    try:
        return fit(spec, around.pools) if around.pools else None
    except QuantityError:
        return None


def _gpus(pool: NodePool) -> bool:
    return any(is_gpu(name) and count > Quantity(0) for name, count in pool.allocatable.items())


def _taints_in_the_way(spec: Mapping[str, Any], found: Fit, pools: tuple[NodePool, ...]) -> list[str]:
    """Taints of GPU nodes that would take the pod if it tolerated them."""
    tolerating = {**spec, "tolerations": [{"operator": "Exists"}]}
    would_fit = [pool for pool in pools if _gpus(pool) and fit(tolerating, [pool])]
    return list(
        dict.fromkeys(
            reason.removeprefix("node(s) had untolerated ")
            for pool in would_fit
            for reason in found.reasons.get(pool.name, ())
        )
    )


def _said_of_reasons(group: PodGroup, found: Fit, pools: tuple[NodePool, ...]) -> Iterator[str]:
    """What the layers say of everything that keeps a pod off the nodes."""
    reasons = {reason for of_pool in found.reasons.values() for reason in of_pool}
    yield from _said_of_resources(group.pod, reasons)
    if any("affinity/selector" in reason for reason in reasons):
        yield from _said_of_selector(group.pod, pools)
    if any("untolerated taint" in reason for reason in reasons):
        yield from _said_of_tolerations(group.pod)


def _said_of_resources(pod: Pod, reasons: Collection[str]) -> Iterator[str]:
    for path, item in containers(pod.spec):
        resources = item.get("resources") or {}
        requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
        for name in {**limits, **requests}:
            if f"Insufficient {name}" in reasons:
                yield said(pod, f"{path}.resources.{'requests' if name in requests else 'limits'}.{name}")


def _said_of_selector(pod: Pod, pools: tuple[NodePool, ...]) -> Iterator[str]:
    for key, value in (pod.spec.get("nodeSelector") or {}).items():
        if any(pool.labels.get(key) != value for pool in pools):
            yield said(pod, f"nodeSelector.{key}")
    affinity = (pod.spec.get("affinity") or {}).get("nodeAffinity")
    if affinity:
        layer = layer_of(pod, "affinity.nodeAffinity")
        yield f"affinity.nodeAffinity is {shown(affinity)} by {layer}"


def _said_of_tolerations(pod: Pod) -> Iterator[str]:
    tolerations = pod.spec.get("tolerations") or ()
    if not tolerations:
        yield "no layer sets tolerations"
    for index, toleration in enumerate(tolerations):
        yield f"tolerations[{index}] is {shown(toleration)} by {layer_of(pod, f'tolerations[{index}]')}"


def _largest(group: PodGroup, around: Surroundings, name: str) -> Iterator[tuple[Quantity, str]]:
    """The most of a resource that a node has which takes the pod."""
    found = _fit(group.pod.spec, around)
    fitting = [
        pool for pool in around.pools if found and pool.name in found.pools and name in pool.allocatable
    ]
    if fitting:
        pool = max(fitting, key=lambda pool: pool.allocatable[name])
        yield pool.allocatable[name], pool.name
