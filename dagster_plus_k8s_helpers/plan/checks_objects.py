"""Rules for what pods name and do not bring along: whether it is in the cluster, or who provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.plan import unknown
from dagster_plus_k8s_helpers.plan.references import made, provided, references
from dagster_plus_k8s_helpers.plan.rules import NOT_IN_CLUSTER, NOT_PROVIDED
from dagster_plus_k8s_helpers.plan.subjects import layer_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.plan.subjects import Hit, PodGroup, PodRule, Surroundings

__all__ = ["OBJECT_RULES", "not_in_cluster", "not_provided"]


def not_in_cluster(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A Secret, ConfigMap, service account, claim or class that the cluster does not have."""
    objects = around.objects
    if objects is None:
        return
    coming = made(around.agent or {})
    namespace = group.pod.namespace
    namespace = objects.namespace if namespace == unknown.AGENT_NAMESPACE else namespace
    for reference in references(group.pod.spec):
        if _is_unknown(reference.name) or (reference.kind, reference.name) in coming:
            continue
        if objects.has(reference.kind, namespace, reference.name) is False:
            layer = layer_of(group.pod, reference.path)
            yield group.hit(
                NOT_IN_CLUSTER,
                f"{reference.path} is {reference.name!r} by {layer}, and there is no such {reference.kind} "
                f"in the namespace {namespace!r}",
                reference.path,
            )


def not_provided(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A Secret, ConfigMap or service account that the agent's values neither make nor name."""
    if around.agent is None or around.objects is not None:
        return
    known = provided(around.agent)
    for reference in references(group.pod.spec):
        if reference.kind not in _OF_VALUES or _is_unknown(reference.name):
            continue
        layer = layer_of(group.pod, reference.path)
        if layer.name not in {"agent", "dagster"} and (reference.kind, reference.name) not in known:
            yield group.hit(
                NOT_PROVIDED,
                f"{reference.path} is {reference.name!r} by {layer}, a {reference.kind} that the agent's "
                "values neither make nor name",
                reference.path,
            )


OBJECT_RULES: tuple[PodRule, ...] = (not_in_cluster, not_provided)

_OF_VALUES = ("ConfigMap", "Secret", "ServiceAccount")


def _is_unknown(name: str) -> bool:
    """Whether only the launch knows the name."""
    return name.startswith("<")
