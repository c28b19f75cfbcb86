"""What Kubernetes wants of values, beyond their names and types: one function a kind of object.

`RULES` goes to `schema.read`, so that a rule holds at every depth, in raw fields as in typed ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.pod.env import check_env_from, check_env_var
from dagster_plus_k8s_helpers.pod.names import (
    check_annotations,
    check_dns_label,
    check_dns_subdomain,
    check_image,
    check_labels,
)
from dagster_plus_k8s_helpers.pod.resources import Resources
from dagster_plus_k8s_helpers.pod.toleration import check_toleration
from dagster_plus_k8s_helpers.pod.volumes import check_volume, check_volume_mount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dagster_plus_k8s_helpers.pod.schema import KubernetesObject, Rule

__all__ = ["RULES"]

_PULL_POLICIES = ("Always", "IfNotPresent", "Never")
_DNS_POLICIES = ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")


def _check_container(container: KubernetesObject) -> None:
    _check_field(container, "name", check_dns_label)
    _check_field(container, "image", check_image)
    _check_one_of(container, "image_pull_policy", _PULL_POLICIES)


def _check_pod_spec(spec: KubernetesObject) -> None:
    _check_field(spec, "node_selector", check_labels)
    for name in ("service_account_name", "priority_class_name", "runtime_class_name"):
        _check_field(spec, name, check_dns_subdomain)
    _check_one_of(spec, "dns_policy", _DNS_POLICIES)
    _check_at_least(spec, "termination_grace_period_seconds", 0)
    _check_at_least(spec, "active_deadline_seconds", 1)
    for field in ("containers", "init_containers"):
        for index, container in enumerate(spec.get(field, ())):
            for required in ("name", "image"):
                if not container.get(required):
                    raise K8sConfigError(f"has no {required}", where=f"{field}[{index}]")


def _check_job_spec(spec: KubernetesObject) -> None:
    _check_at_least(spec, "active_deadline_seconds", 1)
    _check_at_least(spec, "ttl_seconds_after_finished", 0)
    _check_at_least(spec, "backoff_limit", 0)


def _check_metadata(metadata: KubernetesObject) -> None:
    _check_field(metadata, "labels", check_labels)
    _check_field(metadata, "annotations", check_annotations)


def _check_local_reference(reference: KubernetesObject) -> None:
    if not reference.get("name"):
        raise K8sConfigError("has no name")
    check_dns_subdomain(reference["name"])


def _check_host_alias(alias: KubernetesObject) -> None:
    if not alias.get("ip") or not alias.get("hostnames"):
        raise K8sConfigError("must have an ip and hostnames")


def _check_spread(constraint: KubernetesObject) -> None:
    for required in ("max_skew", "topology_key", "when_unsatisfiable"):
        if required not in constraint:
            raise K8sConfigError(f"has no {required}")
    _check_at_least(constraint, "max_skew", 1)
    _check_one_of(constraint, "when_unsatisfiable", _UNSATISFIABLE)


def _check_resources(requirements: KubernetesObject) -> None:
    Resources.from_dict({side: requirements.get(side, {}) for side in ("requests", "limits")})


RULES: Mapping[str, Rule] = {
    "V1Container": _check_container,
    "V1EnvFromSource": check_env_from,
    "V1EnvVar": check_env_var,
    "V1HostAlias": _check_host_alias,
    "V1JobSpec": _check_job_spec,
    "V1LocalObjectReference": _check_local_reference,
    "V1ObjectMeta": _check_metadata,
    "V1PodSpec": _check_pod_spec,
    "V1ResourceRequirements": _check_resources,
    "V1Toleration": check_toleration,
    "V1TopologySpreadConstraint": _check_spread,
    "V1Volume": check_volume,
    "V1VolumeMount": check_volume_mount,
}


def _check_field(parent: KubernetesObject, field: str, check: Callable[[Any], None]) -> None:
    if field not in parent:
        return
    try:
        check(parent[field])
    except K8sConfigError as error:
        raise error.within(field) from None


def _check_one_of(parent: KubernetesObject, field: str, known: tuple[str, ...]) -> None:
    value = parent.get(field, known[0])
    if value not in known:
        raise K8sConfigError(
            f"{value!r} is none of {', '.join(known)}{did_you_mean(value, known)}", where=field
        )


def _check_at_least(parent: KubernetesObject, field: str, least: int) -> None:
    value = parent.get(field, least)
    if value < least:
        raise K8sConfigError(f"{value} is below {least}", where=field)
