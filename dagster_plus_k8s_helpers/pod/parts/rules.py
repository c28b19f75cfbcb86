"""What Kubernetes wants of values, beyond their names and types.

`check` goes to `schema.read`, so that each rule holds at every depth, in raw fields as in typed ones. Most
rules are data, in the tables below; a function stands where data will not do.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.pod.amounts.checks import check_amount, check_capacity, check_size
from dagster_plus_k8s_helpers.pod.objects.names import (
    check_annotations,
    check_dns_label,
    check_dns_subdomain,
    check_image,
    check_labels,
)
from dagster_plus_k8s_helpers.pod.parts.env import check_env_from, check_env_var
from dagster_plus_k8s_helpers.pod.parts.pod_specs import check_pod_spec
from dagster_plus_k8s_helpers.pod.parts.resource_checks import (
    check_limit,
    check_request,
    check_resource_name,
)
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.pod.parts.selectors import check_requirement
from dagster_plus_k8s_helpers.pod.parts.toleration import check_toleration
from dagster_plus_k8s_helpers.pod.parts.volumes import check_volume, check_volume_mount

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
    from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject

__all__ = ["check"]

_ANY_INT = 2**31 - 1
_ANY_MODE = 0o777
_ANY_LONG = 2**63 - 1

_CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "V1AppArmorProfile": {"type": ("Localhost", "RuntimeDefault", "Unconfined")},
    "V1Container": {
        "image_pull_policy": ("", "Always", "IfNotPresent", "Never"),
        "restart_policy": ("Always", "Never", "OnFailure"),
        "termination_message_policy": ("", "FallbackToLogsOnError", "File"),
    },
    "V1ContainerPort": {"protocol": ("", "SCTP", "TCP", "UDP")},
    "V1DeploymentStrategy": {"type": ("", "Recreate", "RollingUpdate")},
    "V1HTTPGetAction": {"scheme": ("", "HTTP", "HTTPS")},
    "V1HostPathVolumeSource": {
        "type": (
            "",
            "BlockDevice",
            "CharDevice",
            "Directory",
            "DirectoryOrCreate",
            "File",
            "FileOrCreate",
            "Socket",
        )
    },
    "V1LabelSelectorRequirement": {"operator": ("DoesNotExist", "Exists", "In", "NotIn")},
    "V1NodeSelectorRequirement": {"operator": ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn")},
    "V1PodSecurityContext": {"fs_group_change_policy": ("Always", "OnRootMismatch")},
    "V1PodSpec": {
        "dns_policy": ("", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
        "preemption_policy": ("Never", "PreemptLowerPriority"),
        # A pod of a Job; Kubernetes refuses Always there.
        "restart_policy": ("Never", "OnFailure"),
    },
    "V1SeccompProfile": {"type": ("Localhost", "RuntimeDefault", "Unconfined")},
    "V1TopologySpreadConstraint": {
        "node_affinity_policy": ("Honor", "Ignore"),
        "node_taints_policy": ("Honor", "Ignore"),
        "when_unsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
    },
    "V1VolumeMount": {
        "mount_propagation": ("Bidirectional", "HostToContainer", "None"),
        "recursive_read_only": ("Disabled", "Enabled", "IfPossible"),
    },
}
"""Fields that take one of a few words; the empty one where Kubernetes has a default for it."""

_RANGES: dict[str, dict[str, tuple[int, int]]] = {
    "V1ConfigMapVolumeSource": {"default_mode": (0, _ANY_MODE)},
    "V1ContainerPort": {"container_port": (1, 65535), "host_port": (0, 65535)},
    "V1DownwardAPIVolumeSource": {"default_mode": (0, _ANY_MODE)},
    "V1JobSpec": {
        "active_deadline_seconds": (1, _ANY_LONG),
        "backoff_limit": (0, _ANY_INT),
        "ttl_seconds_after_finished": (0, _ANY_INT),
    },
    "V1KeyToPath": {"mode": (0, _ANY_MODE)},
    "V1PodSecurityContext": {
        "fs_group": (0, _ANY_INT),
        "run_as_group": (0, _ANY_INT),
        "run_as_user": (0, _ANY_INT),
    },
    "V1PodSpec": {"active_deadline_seconds": (1, _ANY_INT)},
    "V1PreferredSchedulingTerm": {"weight": (1, 100)},
    "V1ProjectedVolumeSource": {"default_mode": (0, _ANY_MODE)},
    "V1SecretVolumeSource": {"default_mode": (0, _ANY_MODE)},
    "V1SecurityContext": {"run_as_group": (0, _ANY_INT), "run_as_user": (0, _ANY_INT)},
    "V1ServiceAccountTokenProjection": {"expiration_seconds": (600, 2**32)},
    "V1TopologySpreadConstraint": {"max_skew": (1, _ANY_INT)},
    "V1WeightedPodAffinityTerm": {"weight": (1, 100)},
}
"""Numbers that Kubernetes takes from a range only."""

_REQUIRED: dict[str, tuple[str, ...]] = {
    "V1CSIVolumeSource": ("driver",),
    "V1HostAlias": ("ip",),
    "V1HostPathVolumeSource": ("path",),
    "V1KeyToPath": ("key", "path"),
    "V1LabelSelectorRequirement": ("key", "operator"),
    "V1NodeSelectorRequirement": ("key", "operator"),
    "V1PersistentVolumeClaimVolumeSource": ("claim_name",),
    "V1PodAffinityTerm": ("topology_key",),
    "V1SecretVolumeSource": ("secret_name",),
    "V1ServiceAccountTokenProjection": ("path",),
    "V1TopologySpreadConstraint": ("max_skew", "topology_key", "when_unsatisfiable"),
}
"""Fields that must be there and say something."""

_ONE_OF: dict[str, tuple[str, ...]] = {
    # The kubernetes package spells the field exec with an underscore.
    "V1LifecycleHandler": ("_exec", "http_get", "sleep", "tcp_socket"),
    "V1Probe": ("_exec", "grpc", "http_get", "tcp_socket"),
    "V1VolumeProjection": (
        "cluster_trust_bundle",
        "config_map",
        "downward_api",
        "pod_certificate",
        "secret",
        "service_account_token",
    ),
}
"""Fields of which one only can be there; a probe or handler may leave it to a lower layer."""


def _unless_empty(check_name: Callable[[str], None]) -> Callable[[str], None]:
    """A check of a name that Kubernetes takes for unset where it is empty."""
    return lambda name: check_name(name) if name else None


_VALUES: dict[str, dict[str, Callable[[Any], None]]] = {
    "V1ConfigMapVolumeSource": {"name": check_dns_subdomain},
    "V1Container": {"name": check_dns_label, "image": check_image},
    "V1EmptyDirVolumeSource": {"size_limit": check_size},
    "V1LocalObjectReference": {"name": _unless_empty(check_dns_subdomain)},
    "V1ObjectMeta": {"labels": check_labels, "annotations": check_annotations},
    "V1PersistentVolumeClaimVolumeSource": {"claim_name": check_dns_subdomain},
    "V1PodSpec": {
        "hostname": _unless_empty(check_dns_label),
        "node_selector": check_labels,
        "priority_class_name": _unless_empty(check_dns_subdomain),
        "runtime_class_name": check_dns_subdomain,
        "service_account_name": _unless_empty(check_dns_subdomain),
        "subdomain": _unless_empty(check_dns_label),
    },
    "V1SecretVolumeSource": {"secret_name": check_dns_subdomain},
}
"""Values with a check of their own."""


def _check_metadata(metadata: KubernetesObject) -> None:
    for field in ("name", "namespace"):
        if field in metadata:
            raise K8sConfigError(
                "Dagster names each Job and pod and says where it goes; leave it out", where=field
            )


def _check_resources(requirements: KubernetesObject) -> None:
    requests, limits = requirements.get("requests", {}), requirements.get("limits", {})
    for side, amounts in (("requests", requests), ("limits", limits)):
        _check_amounts(side, amounts, lambda name, _: check_resource_name(name))
    _check_amounts("requests", requests, check_amount)
    _check_amounts("limits", limits, check_limit)
    _check_amounts("requests", requests, lambda name, request: check_request(name, request, limits.get(name)))
    Resources.from_dict({"requests": requests, "limits": limits})


def _check_claim_resources(requirements: KubernetesObject) -> None:
    for side in ("requests", "limits"):
        _check_amounts(side, requirements.get(side, {}), lambda _, size: check_capacity(size))


def _check_amounts(
    side: str, amounts: Mapping[str, Quantity], check_one: Callable[[str, Quantity], None]
) -> None:
    """Each amount by itself, so that an error says on which side it stands."""
    for name, amount in amounts.items():
        _within(f"{side}[{name!r}]", partial(check_one, name), amount)


_WHOLE: dict[str, Callable[[KubernetesObject], None]] = {
    "V1EnvFromSource": check_env_from,
    "V1EnvVar": check_env_var,
    "V1LabelSelectorRequirement": check_requirement,
    "V1NodeSelectorRequirement": check_requirement,
    "V1ObjectMeta": _check_metadata,
    "V1PodSpec": check_pod_spec,
    "V1ResourceRequirements": _check_resources,
    "V1Toleration": check_toleration,
    "V1Volume": check_volume,
    "V1VolumeMount": check_volume_mount,
    "V1VolumeResourceRequirements": _check_claim_resources,
}
"""Objects whose fields must fit each other."""


def check(model: str, value: KubernetesObject) -> None:
    """Every rule for one object of a model.

    Raises:
        K8sConfigError: The first rule that the object breaks.
    """
    for field in _REQUIRED.get(model, ()):
        if value.get(field) in _NOTHING:
            raise K8sConfigError(f"has no {field}")
    if model in _ONE_OF:
        _check_one_of(model, value)
    rules = _FIELD_RULES.get(model)
    if rules:
        for field, said in value.items():
            if field in rules:
                _within(field, rules[field], said)
    if model in _WHOLE:
        _WHOLE[model](value)


_NOTHING: tuple[object, ...] = (None, "", [], {})


def _check_one_of(model: str, value: KubernetesObject) -> None:
    given = [field for field in _ONE_OF[model] if field in value]
    if len(given) > 1:
        known, shown = (", ".join(field.strip("_") for field in fields) for fields in (_ONE_OF[model], given))
        raise K8sConfigError(f"must have one of {known}, not {shown}")


def _check_choice(value: str, *, known: tuple[str, ...]) -> None:
    if value not in known:
        shown = ", ".join(filter(None, known))
        raise K8sConfigError(f"{value!r} is none of {shown}{did_you_mean(value, known)}")


def _check_range(value: int, *, least: int, most: int) -> None:
    if value < least:
        raise K8sConfigError(f"{value} is below {least}")
    if value > most:
        octal = f"; write a file mode in octal, such as 0o{str(value)[-3:]}" if most == _ANY_MODE else ""
        raise K8sConfigError(f"{value} is above {most}{octal}")


def _within(field: str, check_value: Callable[[Any], None], value: object) -> None:
    try:
        check_value(value)
    except K8sConfigError as error:
        raise error.within(field) from None


def _field_rules() -> dict[str, dict[str, Callable[[Any], None]]]:
    """The tables of choices, ranges and values as one: by model and field."""
    rules = {model: dict(checks) for model, checks in _VALUES.items()}
    for model, choices in _CHOICES.items():
        for field, known in choices.items():
            rules.setdefault(model, {})[field] = partial(_check_choice, known=known)
    for model, ranges in _RANGES.items():
        for field, (least, most) in ranges.items():
            rules.setdefault(model, {})[field] = partial(_check_range, least=least, most=most)
    return rules


_FIELD_RULES = _field_rules()
