"""Rules for what pods name and do not bring along: whether it is in the cluster, or who provides it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check.subjects.references import made, provided, references
from dagster_plus_k8s_helpers.check.subjects.registry import of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import layer_of
from dagster_plus_k8s_helpers.cluster.objects import CLUSTER_SCOPED
from dagster_plus_k8s_helpers.errors import is_one_edit_from
from dagster_plus_k8s_helpers.findings.finding import Finding, Need, Rule, Severity, Where
from dagster_plus_k8s_helpers.plan.merge import unknown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from dagster_plus_k8s_helpers.check.subjects.references import Reference
    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, PodGroup, Surroundings
    from dagster_plus_k8s_helpers.cluster.objects import ClusterObjects

__all__ = ["missing", "namespace_of", "not_said_by_cluster"]


NOT_IN_CLUSTER = Rule(
    "DPK532",
    Severity.ERROR,
    "A pod that names a namespace, Secret, ConfigMap, service account, claim or class that is not there does "
    "not start.",
    "make it, add it to extraManifests of the agent's values, or correct the name",
    needs=Need.CLUSTER,
)


@of_pods(NOT_IN_CLUSTER, whose="job")
def not_in_cluster(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A namespace, or a Secret, ConfigMap, service account, claim or class that the cluster does not have."""
    objects = around.objects
    if objects is None:
        return
    namespace = namespace_of(group, objects)
    if objects.has("Namespace", "", namespace) is False:
        # Nothing that should be in it is there either, for that reason alone.
        yield group.hit(
            NOT_IN_CLUSTER,
            f"there is no namespace {namespace!r} in the cluster",
            cause=f"Namespace {namespace}",
        )
        return
    found = list(references(group.pod.spec))
    absent = missing(group, around)
    there = {(item.kind, item.name) for item in found} - {(item.kind, item.name) for item in absent}
    known = there | made(around.agent or {})
    for reference in absent:
        layer = layer_of(group.pod, reference.path)
        place = "in the cluster" if reference.kind in CLUSTER_SCOPED else f"in the namespace {namespace!r}"
        meant = _meant(reference, found, known)
        yield group.hit(
            NOT_IN_CLUSTER,
            f"{reference.path} is {reference.name!r} by {layer}, and there is no such {reference.kind} "
            f"{place}{meant}",
            reference.path,
            cause=f"{reference.kind} {reference.name} {place}",
            part=f"{reference.part} by {layer.name}",
        )


def missing(group: PodGroup, around: Surroundings) -> list[Reference]:
    """What a pod names that the cluster does not have, and the chart does not make."""
    objects = around.objects
    if objects is None:
        return []
    coming = made(around.agent or {})
    namespace = namespace_of(group, objects)
    return [
        reference
        for reference in references(group.pod.spec)
        if not _is_unknown(reference.name)
        and (reference.kind, reference.name) not in coming
        and objects.has(reference.kind, namespace, reference.name) is False
    ]


KEY_NOT_IN_CLUSTER = Rule(
    "DPK570",
    Severity.ERROR,
    "A container that reads a key which its Secret or ConfigMap does not have is not started, and waits for "
    "it for ever.",
    "add the key to the object, or correct the name of the key",
    needs=Need.KEYS,
)


@of_pods(KEY_NOT_IN_CLUSTER, whose="job")
def key_not_in_cluster(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A key that a Secret or ConfigMap of the cluster does not have."""
    objects = around.objects
    if objects is None or not objects.reads_keys:
        return
    namespace = namespace_of(group, objects)
    coming = made(around.agent or {})
    for reference in references(group.pod.spec):
        if not reference.keys or (reference.kind, reference.name) in coming:
            continue
        keys = objects.keys_of(reference.kind, namespace, reference.name)
        for key in reference.keys:
            if keys is None or key in keys:
                continue
            layer = layer_of(group.pod, reference.path)
            near = next((other for other in sorted(keys) if is_one_edit_from(key, other)), None)
            yield group.hit(
                KEY_NOT_IN_CLUSTER,
                f"{reference.part} by {layer} reads the key {key!r}, which the {reference.kind} "
                f"{reference.name!r} in the namespace {namespace!r} does not have"
                f"{f'; did you mean {near!r}?' if near else ''}",
                reference.path,
                cause=f"{namespace} {reference.kind} {reference.name} {key}",
                part=f"{reference.part} by {layer.name}",
            )


NOT_PROVIDED = Rule(
    "DPK533",
    Severity.WARNING,
    "What the agent's values neither make nor name somebody has to make in every cluster the location runs "
    "in; where nobody has, its pods do not start.",
    "check with --cluster, name it in the agent's values, or waive this with where it comes from",
    needs=Need.NO_CLUSTER,
)


@of_pods(NOT_PROVIDED, whose="job")
def not_provided(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A Secret, ConfigMap or service account that the agent's values neither make nor name."""
    if around.agent is None or around.objects is not None:
        return
    known = provided(around.agent)
    found = list(references(group.pod.spec))
    for reference in found:
        if reference.kind not in _OF_VALUES or _is_unknown(reference.name):
            continue
        layer = layer_of(group.pod, reference.path)
        if layer.name not in {"agent", "dagster"} and (reference.kind, reference.name) not in known:
            yield group.hit(
                NOT_PROVIDED,
                f"{reference.path} is {reference.name!r} by {layer}, a {reference.kind} that the agent's "
                f"values neither make nor name{_meant(reference, found, known)}",
                reference.path,
                cause=f"{reference.kind} {reference.name}",
                part=f"{reference.part} by {layer.name}",
            )


@of_pods(NOT_PROVIDED, whose="any")
def nearly_provided(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """Of those the names that are nearly one which the agent's values make or name: that files alone tell."""
    yield from (hit for hit in not_provided(group, around) if "; did you mean" in hit.text)


NOT_SAID_BY_CLUSTER = Rule(
    "DPK534",
    Severity.WARNING,
    "What may not be read cannot be checked.",
    "check as a user who may get these objects",
    needs=Need.CLUSTER,
)


def not_said_by_cluster(objects: ClusterObjects | None) -> Iterator[Finding]:
    """What a cluster would not say, of no job in particular."""
    for question, said in (objects.refused if objects else {}).items():
        yield NOT_SAID_BY_CLUSTER.at(Where(path="the cluster"), f"{question} is not known: {said}")


_OF_VALUES = ("ConfigMap", "Secret", "ServiceAccount")


def namespace_of(group: PodGroup, objects: ClusterObjects) -> str:
    """The namespace of a pod; that of the agent where nothing says another."""
    namespace = group.pod.namespace
    return objects.namespace if namespace == unknown.AGENT_NAMESPACE else namespace


def _meant(reference: Reference, found: Sequence[Reference], known: Collection[tuple[str, str]]) -> str:
    """The name that was meant: one edit away from a name that is known, or that the pod says more often."""
    uses = Counter(item.name for item in found if item.kind == reference.kind)
    said = {name for name, count in uses.items() if count > uses[reference.name]}
    names = sorted({name for kind, name in known if kind == reference.kind} | said)
    near = next((name for name in names if is_one_edit_from(reference.name, name)), None)
    return f"; did you mean {near!r}?" if near else ""


def _is_unknown(name: str) -> bool:
    """Whether only the launch knows the name."""
    return name.startswith("<")
