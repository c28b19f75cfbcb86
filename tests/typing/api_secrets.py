"""The public types of the secrets, held by the type checker."""

from __future__ import annotations

from typing import assert_type

from dagster_plus_k8s_helpers import (
    EnvSecrets,
    SecretRef,
    SecretsResource,
    SecretValue,
    VaultKubernetesAuth,
    VaultLease,
    VaultSecrets,
    secrets_for_deployment,
)

vault = VaultSecrets(url="https://vault:8200", auth=VaultKubernetesAuth(role="dagster"))


def use(secrets: SecretsResource) -> None:
    """Every call on the protocol."""
    assert_type(secrets.get("warehouse#password"), SecretValue)
    assert_type(secrets.get(SecretRef("warehouse", "password")).reveal(), str)
    assert_type(secrets.get("key", refresh=True).reveal_bytes(), bytes)
    assert_type(secrets.get_many(["a", SecretRef("b")]), dict[str, SecretValue])
    assert_type(secrets.get_all("warehouse"), dict[str, SecretValue])
    assert_type(secrets.as_env({"PGPASSWORD": "warehouse#password"}), dict[str, str])


use(vault)
with vault.lease("database/creds/etl") as creds:
    assert_type(creds, VaultLease)
    assert_type(creds["password"], SecretValue)
    assert_type(list(creds), list[str])

assert_type(secrets_for_deployment(local=EnvSecrets(), default=EnvSecrets()), SecretsResource)
