"""Vault and OpenBao."""

from __future__ import annotations

from dagster_plus_k8s_helpers.secrets.vault.auth import (
    VaultAuth,
    VaultJwtAuth,
    VaultKubernetesAuth,
    VaultTokenAuth,
)
from dagster_plus_k8s_helpers.secrets.vault.auth_more import (
    VaultAppRoleAuth,
    VaultAwsIamAuth,
    VaultCertAuth,
    VaultUserpassAuth,
)
from dagster_plus_k8s_helpers.secrets.vault.lease import VaultLease
from dagster_plus_k8s_helpers.secrets.vault.resource import VaultSecrets

__all__ = [
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
]
