"""What Kubernetes wants of the fields of a pod's spec together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import K8sConfigError

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.pod.objects.schema import KubernetesObject

__all__ = ["check_pod_spec"]

_OF_SIDECARS = ("lifecycle", "liveness_probe", "readiness_probe", "startup_probe")


def check_pod_spec(spec: KubernetesObject) -> None:
    """Whether the containers of a pod have what they need, and nothing that a Job's pod cannot have.

    Source: ValidatePodTemplateSpec and validateInitContainers of the API server.

    Raises:
        K8sConfigError: They have not.
    """
    if "service_account" in spec:
        raise K8sConfigError("is deprecated and loses against service_account_name; write that instead")
    if spec.get("ephemeral_containers"):
        raise K8sConfigError("is for pods that run already; leave it out", where="ephemeral_containers")
    for field in ("containers", "init_containers"):
        for index, container in enumerate(spec.get(field, ())):
            for required in ("name", "image"):
                if not container.get(required):
                    raise K8sConfigError(f"has no {required}", where=f"{field}[{index}]")
    for index, container in enumerate(spec.get("init_containers", ())):
        if container.get("restart_policy") != "Always":
            _check_init_container(container, f"init_containers[{index}]")


def _check_init_container(container: KubernetesObject, where: str) -> None:
    """Whether a container that ends before the others begin has nothing of those that go on."""
    for name in _OF_SIDECARS:
        if container.get(name):
            reason = "is for containers that go on; leave it out, or write restart_policy: Always"
            raise K8sConfigError(reason, where=f"{where}.{name}")
