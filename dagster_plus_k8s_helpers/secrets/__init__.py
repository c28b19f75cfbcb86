"""Secrets for steps: from Vault, AWS Secrets Manager, files and the environment, behind one set of calls.

Every public name is imported on first use, so that what needs hvac or boto3 costs nothing before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.secrets.aws import AwsSecrets
    from dagster_plus_k8s_helpers.secrets.chained import ChainedSecrets
    from dagster_plus_k8s_helpers.secrets.env import EnvSecrets
    from dagster_plus_k8s_helpers.secrets.errors import (
        SecretAccessDenied,
        SecretDeleted,
        SecretFieldNotFound,
        SecretKmsDenied,
        SecretLeaseEnded,
        SecretNotFound,
        SecretRefError,
        SecretsAuthError,
        SecretsBackendSealed,
        SecretsBackendUnavailable,
        SecretsConfigError,
        SecretsError,
        SecretsThrottled,
        SecretValueError,
        SecretWrongRegion,
    )
    from dagster_plus_k8s_helpers.secrets.files import FileSecrets
    from dagster_plus_k8s_helpers.secrets.redact import mask_secrets, redact_secrets
    from dagster_plus_k8s_helpers.secrets.ref import SecretRef
    from dagster_plus_k8s_helpers.secrets.resource import SecretsResource
    from dagster_plus_k8s_helpers.secrets.value import SecretValue
    from dagster_plus_k8s_helpers.secrets.vault import (
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
    )

_HOME = {
    "AwsSecrets": "aws",
    "ChainedSecrets": "chained",
    "EnvSecrets": "env",
    "FileSecrets": "files",
    "SecretAccessDenied": "errors",
    "SecretDeleted": "errors",
    "SecretFieldNotFound": "errors",
    "SecretKmsDenied": "errors",
    "SecretLeaseEnded": "errors",
    "SecretNotFound": "errors",
    "SecretRef": "ref",
    "SecretRefError": "errors",
    "SecretsAuthError": "errors",
    "SecretsBackendSealed": "errors",
    "SecretsBackendUnavailable": "errors",
    "SecretsConfigError": "errors",
    "SecretsError": "errors",
    "SecretsResource": "resource",
    "SecretsThrottled": "errors",
    "SecretValue": "value",
    "SecretValueError": "errors",
    "SecretWrongRegion": "errors",
    "VaultAppRoleAuth": "vault",
    "VaultAuth": "vault",
    "VaultAwsIamAuth": "vault",
    "VaultCertAuth": "vault",
    "VaultJwtAuth": "vault",
    "VaultKubernetesAuth": "vault",
    "VaultLease": "vault",
    "VaultSecrets": "vault",
    "VaultTokenAuth": "vault",
    "VaultUserpassAuth": "vault",
    "mask_secrets": "redact",
    "redact_secrets": "redact",
}

OPEN = (
    "deadline",
    "errors",
    "fetched",
    "redact",
    "ref",
    "resource",
    "value",
)
"""The modules of it that other rooms may use, beside what it says itself."""

__all__ = [
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
    "mask_secrets",
    "redact_secrets",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
