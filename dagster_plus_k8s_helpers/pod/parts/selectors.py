"""What Kubernetes wants of one condition on labels: which operators take values, and how many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import K8sConfigError

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject

__all__ = ["check_requirement"]


def check_requirement(requirement: KubernetesObject) -> None:
    """Whether a condition has the values that its operator takes.

    Source: ValidateNodeSelectorRequirement and ValidateLabelSelectorRequirement of the API server.

    Raises:
        K8sConfigError: It has not.
    """
    operator, values = requirement["operator"], requirement.get("values") or ()
    if operator in {"Exists", "DoesNotExist"} and values:
        raise K8sConfigError(f"operator {operator!r} takes no values; leave them out, or write 'In'")
    if operator in {"In", "NotIn"} and not values:
        raise K8sConfigError(f"operator {operator!r} needs values; write them, or 'Exists'")
    if operator in {"Gt", "Lt"} and len(values) != 1:
        raise K8sConfigError(f"operator {operator!r} takes one value, not {len(values)}; write a number")
