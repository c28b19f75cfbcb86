"""Typed, checked Kubernetes configuration for Dagster+ Hybrid.

Every public name is imported on first use (PEP 562), so that importing the package costs nothing a
code location would notice and pulls in neither ``kubernetes`` nor ``dagster_k8s``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.deployment import (
        Deployment,
        current_deployment,
        executor_for_deployment,
        secrets_for_deployment,
    )
    from dagster_plus_k8s_helpers.diagnosis.diagnose import (
        Diagnosis,
        DiagnosisKind,
        diagnose,
    )
    from dagster_plus_k8s_helpers.errors import (
        ArgumentError,
        DagsterPlusK8sError,
        DeploymentError,
        InvalidFileError,
        K8sConfigError,
        MissingExtraError,
        PlanError,
        QuantityError,
        SelectionError,
        UnknownFieldError,
    )
    from dagster_plus_k8s_helpers.executor.k8s import (
        k8s_executor,
    )
    from dagster_plus_k8s_helpers.files.checks.pairing import (
        check_agents_and_locations,
    )
    from dagster_plus_k8s_helpers.files.locations.container_context import (
        ContainerContext,
        K8sContainerContext,
    )
    from dagster_plus_k8s_helpers.files.locations.dg_project import (
        merge_container_contexts,
        project_location,
    )
    from dagster_plus_k8s_helpers.files.locations.locations import (
        Build,
        CodeLocation,
        CodeSource,
        DagsterCloudConfig,
        LocationDefaults,
    )
    from dagster_plus_k8s_helpers.files.sections.server_config import (
        ServerK8sConfig,
    )
    from dagster_plus_k8s_helpers.files.values.agent_values import (
        AgentImage,
        AgentQueues,
        AgentValues,
        AllowedFields,
        BranchDeploymentTTL,
        ComputeLogs,
        DagsterCloud,
        DagsterCloudAgent,
        FullDeploymentTTL,
        PythonLogs,
        ServerTTL,
        ServiceAccount,
        Workspace,
    )
    from dagster_plus_k8s_helpers.plan.show.metadata import (
        with_pod_metadata,
    )
    from dagster_plus_k8s_helpers.pod.amounts.quantity import (
        Quantity,
    )
    from dagster_plus_k8s_helpers.pod.config import (
        K8sConfig,
    )
    from dagster_plus_k8s_helpers.pod.parts.containers import (
        Container,
    )
    from dagster_plus_k8s_helpers.pod.parts.env import (
        ConfigMapEnvSource,
        ConfigMapKeyRef,
        FieldRef,
        ResourceFieldRef,
        SecretEnvSource,
        SecretKeyRef,
    )
    from dagster_plus_k8s_helpers.pod.parts.resources import (
        Resources,
    )
    from dagster_plus_k8s_helpers.pod.parts.toleration import (
        Toleration,
    )
    from dagster_plus_k8s_helpers.pod.parts.volumes import (
        Volume,
        VolumeMount,
    )
    from dagster_plus_k8s_helpers.pod.scheduling import (
        gpu,
        shm,
        spot,
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
    from dagster_plus_k8s_helpers.sizing.memory_ladder import (
        MemoryLadder,
    )
    from dagster_plus_k8s_helpers.tags import (
        k8s_tags,
        with_k8s_config,
    )

__all__ = [
    "AgentImage",
    "AgentQueues",
    "AgentValues",
    "AllowedFields",
    "ArgumentError",
    "AwsSecrets",
    "BranchDeploymentTTL",
    "Build",
    "ChainedSecrets",
    "CodeLocation",
    "CodeSource",
    "ComputeLogs",
    "ConfigMapEnvSource",
    "ConfigMapKeyRef",
    "Container",
    "ContainerContext",
    "DagsterCloud",
    "DagsterCloudAgent",
    "DagsterCloudConfig",
    "DagsterPlusK8sError",
    "Deployment",
    "DeploymentError",
    "Diagnosis",
    "DiagnosisKind",
    "EnvSecrets",
    "FieldRef",
    "FileSecrets",
    "FullDeploymentTTL",
    "InvalidFileError",
    "K8sConfig",
    "K8sConfigError",
    "K8sContainerContext",
    "LocationDefaults",
    "MemoryLadder",
    "MissingExtraError",
    "PlanError",
    "PythonLogs",
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
    "ServerK8sConfig",
    "ServerTTL",
    "ServiceAccount",
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
    "Workspace",
    "check_agents_and_locations",
    "current_deployment",
    "diagnose",
    "executor_for_deployment",
    "gpu",
    "k8s_executor",
    "k8s_tags",
    "merge_container_contexts",
    "project_location",
    "redact_secrets",
    "secrets_for_deployment",
    "shm",
    "spot",
    "with_k8s_config",
    "with_pod_metadata",
]

_MODULES = {
    "files.values.agent_values": (
        "AgentImage",
        "AgentQueues",
        "AgentValues",
        "AllowedFields",
        "BranchDeploymentTTL",
        "ComputeLogs",
        "DagsterCloud",
        "DagsterCloudAgent",
        "FullDeploymentTTL",
        "PythonLogs",
        "ServerTTL",
        "ServiceAccount",
        "Workspace",
    ),
    "files.locations.container_context": ("ContainerContext", "K8sContainerContext"),
    "files.checks.pairing": ("check_agents_and_locations",),
    "files.sections.server_config": ("ServerK8sConfig",),
    "files.locations.locations": (
        "Build",
        "CodeLocation",
        "CodeSource",
        "DagsterCloudConfig",
        "LocationDefaults",
    ),
    "files.locations.dg_project": ("merge_container_contexts", "project_location"),
    "errors": (
        "ArgumentError",
        "DagsterPlusK8sError",
        "DeploymentError",
        "InvalidFileError",
        "MissingExtraError",
        "K8sConfigError",
        "PlanError",
        "QuantityError",
        "SelectionError",
        "UnknownFieldError",
    ),
    "deployment": (
        "Deployment",
        "current_deployment",
        "executor_for_deployment",
        "secrets_for_deployment",
    ),
    "diagnosis.diagnose": ("Diagnosis", "DiagnosisKind", "diagnose"),
    "executor.k8s": ("k8s_executor",),
    "sizing.memory_ladder": ("MemoryLadder",),
    "plan.show.metadata": ("with_pod_metadata",),
    "pod.config": ("K8sConfig",),
    "pod.parts.containers": ("Container",),
    "pod.parts.env": (
        "ConfigMapEnvSource",
        "ConfigMapKeyRef",
        "FieldRef",
        "ResourceFieldRef",
        "SecretEnvSource",
        "SecretKeyRef",
    ),
    "pod.amounts.quantity": ("Quantity",),
    "pod.parts.resources": ("Resources",),
    "pod.scheduling": ("gpu", "shm", "spot"),
    "pod.parts.toleration": ("Toleration",),
    "pod.parts.volumes": ("Volume", "VolumeMount"),
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
