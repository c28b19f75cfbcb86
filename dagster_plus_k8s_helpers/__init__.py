"""Typed, checked Kubernetes configuration for Dagster+ Hybrid.

Every public name is imported on first use (PEP 562), so that importing the package costs nothing a
code location would notice and pulls in neither ``kubernetes`` nor ``dagster_k8s``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.errors import (
        DagsterPlusK8sError,
        DeploymentError,
        K8sConfigError,
        QuantityError,
        SelectionError,
        UnknownFieldError,
    )
    from dagster_plus_k8s_helpers.executor.deployment import (
        Deployment,
        current_deployment,
        executor_for_deployment,
        secrets_for_deployment,
    )
    from dagster_plus_k8s_helpers.executor.k8s import (
        k8s_executor,
    )
    from dagster_plus_k8s_helpers.pod.config import (
        K8sConfig,
    )
    from dagster_plus_k8s_helpers.pod.containers import (
        Container,
    )
    from dagster_plus_k8s_helpers.pod.env import (
        ConfigMapEnvSource,
        ConfigMapKeyRef,
        FieldRef,
        ResourceFieldRef,
        SecretEnvSource,
        SecretKeyRef,
    )
    from dagster_plus_k8s_helpers.pod.quantity import (
        Quantity,
    )
    from dagster_plus_k8s_helpers.pod.resources import (
        Resources,
    )
    from dagster_plus_k8s_helpers.pod.scheduling import (
        gpu,
        shm,
        spot,
    )
    from dagster_plus_k8s_helpers.pod.toleration import (
        Toleration,
    )
    from dagster_plus_k8s_helpers.pod.volumes import (
        Volume,
        VolumeMount,
    )
    from dagster_plus_k8s_helpers.secrets import (
        AwsSecrets,
        ChainedSecrets,
        EnvSecrets,
        FileSecrets,
        SecretAccessDenied,
        SecretDeleted,
        SecretFieldNotFound,
        SecretKmsDenied,
        SecretLeaseEnded,
        SecretNotFound,
        SecretRef,
        SecretRefError,
        SecretsAuthError,
        SecretsBackendSealed,
        SecretsBackendUnavailable,
        SecretsConfigError,
        SecretsError,
        SecretsResource,
        SecretsThrottled,
        SecretValue,
        SecretValueError,
        SecretWrongRegion,
        VaultAppRoleAuth,
        VaultAuth,
        VaultAwsIamAuth,
        VaultCertAuth,
        VaultJwtAuth,
        VaultKubernetesAuth,
        VaultLease,
        VaultSecrets,
        VaultTokenAuth,
        VaultUserpassAuth,
        redact_secrets,
    )
    from dagster_plus_k8s_helpers.tags import (
        k8s_tags,
        with_k8s_config,
    )

__all__ = [
    "AwsSecrets",
    "ChainedSecrets",
    "ConfigMapEnvSource",
    "ConfigMapKeyRef",
    "Container",
    "DagsterPlusK8sError",
    "Deployment",
    "DeploymentError",
    "EnvSecrets",
    "FieldRef",
    "FileSecrets",
    "K8sConfig",
    "K8sConfigError",
    "Quantity",
    "QuantityError",
    "ResourceFieldRef",
    "Resources",
    "SecretAccessDenied",
    "SecretDeleted",
    "SecretEnvSource",
    "SecretFieldNotFound",
    "SecretKeyRef",
    "SecretKmsDenied",
    "SecretLeaseEnded",
    "SecretNotFound",
    "SecretRef",
    "SecretRefError",
    "SecretValue",
    "SecretValueError",
    "SecretWrongRegion",
    "SecretsAuthError",
    "SecretsBackendSealed",
    "SecretsBackendUnavailable",
    "SecretsConfigError",
    "SecretsError",
    "SecretsResource",
    "SecretsThrottled",
    "SelectionError",
    "Toleration",
    "UnknownFieldError",
    "VaultAppRoleAuth",
    "VaultAuth",
    "VaultAwsIamAuth",
    "VaultCertAuth",
    "VaultJwtAuth",
    "VaultKubernetesAuth",
    "VaultLease",
    "VaultSecrets",
    "VaultTokenAuth",
    "VaultUserpassAuth",
    "Volume",
    "VolumeMount",
    "current_deployment",
    "executor_for_deployment",
    "gpu",
    "k8s_executor",
    "k8s_tags",
    "redact_secrets",
    "secrets_for_deployment",
    "shm",
    "spot",
    "with_k8s_config",
]

_MODULES = {
    "errors": (
        "DagsterPlusK8sError",
        "DeploymentError",
        "K8sConfigError",
        "QuantityError",
        "SelectionError",
        "UnknownFieldError",
    ),
    "executor.deployment": (
        "Deployment",
        "current_deployment",
        "executor_for_deployment",
        "secrets_for_deployment",
    ),
    "executor.k8s": ("k8s_executor",),
    "pod.config": ("K8sConfig",),
    "pod.containers": ("Container",),
    "pod.env": (
        "ConfigMapEnvSource",
        "ConfigMapKeyRef",
        "FieldRef",
        "ResourceFieldRef",
        "SecretEnvSource",
        "SecretKeyRef",
    ),
    "pod.quantity": ("Quantity",),
    "pod.resources": ("Resources",),
    "pod.scheduling": ("gpu", "shm", "spot"),
    "pod.toleration": ("Toleration",),
    "pod.volumes": ("Volume", "VolumeMount"),
    "secrets": (
        "AwsSecrets",
        "ChainedSecrets",
        "EnvSecrets",
        "FileSecrets",
        "SecretAccessDenied",
        "SecretDeleted",
        "SecretFieldNotFound",
        "SecretKmsDenied",
        "SecretLeaseEnded",
        "SecretNotFound",
        "SecretRef",
        "SecretRefError",
        "SecretsAuthError",
        "SecretsBackendSealed",
        "SecretsBackendUnavailable",
        "SecretsConfigError",
        "SecretsError",
        "SecretsResource",
        "SecretsThrottled",
        "SecretValue",
        "SecretValueError",
        "SecretWrongRegion",
        "VaultAppRoleAuth",
        "VaultAuth",
        "VaultAwsIamAuth",
        "VaultCertAuth",
        "VaultJwtAuth",
        "VaultKubernetesAuth",
        "VaultLease",
        "VaultSecrets",
        "VaultTokenAuth",
        "VaultUserpassAuth",
        "redact_secrets",
    ),
    "tags": ("k8s_tags", "with_k8s_config"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
