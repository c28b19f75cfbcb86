"""Logging in to Vault with AppRole, a user name, a TLS certificate, or an AWS identity."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dagster_plus_k8s_helpers.secrets.boto import aws_environment
from dagster_plus_k8s_helpers.secrets.errors import SecretsAuthError
from dagster_plus_k8s_helpers.secrets.resource import known
from dagster_plus_k8s_helpers.secrets.vault.answer import child
from dagster_plus_k8s_helpers.secrets.vault.auth import (
    SECRET,
    VaultAuth,
    auth_of,
    credential,
    file_state,
    require_one,
    require_text,
)
from dagster_plus_k8s_helpers.secrets.vault.aws_iam import signed_identity

if TYPE_CHECKING:
    from hvac.adapters import JSONAdapter

__all__ = ["VaultAppRoleAuth", "VaultAwsIamAuth", "VaultCertAuth", "VaultUserpassAuth"]


class VaultAppRoleAuth(VaultAuth):
    """A role id with a secret id: plain, in a file, or response-wrapped.

    A wrapped secret id is unwrapped once, after checking that Vault wrapped it for this auth method, and
    kept in memory for later logins of the process. It works in one process only: a multiprocess
    run needs a wrapping token for each step, or a plain secret id.
    """

    role_id: str = Field(description="The role id.", json_schema_extra=SECRET, repr=False)
    secret_id: str | None = Field(
        default=None, description="The secret id; use an EnvVar.", repr=False, json_schema_extra=SECRET
    )
    secret_id_path: str | None = Field(default=None, description="Path of a file with the secret id.")
    wrapped_secret_id: str | None = Field(
        default=None,
        description="A wrapping token for the secret id; use an EnvVar.",
        repr=False,
        json_schema_extra=SECRET,
    )
    wrapped_secret_id_path: str | None = Field(
        default=None, description="Path of a file with a wrapping token; a new one in it is used."
    )
    mount: str = Field(default="approle", description="Where the auth method is mounted.")

    def check_settings(self) -> None:
        require_text(self, "role_id", "mount")
        require_one(self, "secret_id", "secret_id_path", "wrapped_secret_id", "wrapped_secret_id_path")

    @property
    def hint(self) -> str:
        return "Check that the secret id has not run out (secret_id_ttl, secret_id_num_uses)"

    def fingerprint(self) -> object:
        return None if self.wrapped_secret_id_path is None else file_state(self.wrapped_secret_id_path)

    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:
        from hvac.api.auth_methods import AppRole

        if self.secret_id is not None or self.secret_id_path is not None:
            memory["secret_id"] = credential(self.secret_id, self.secret_id_path, "secret id")
        else:
            self._unwrap(vault, memory)
        role_id = credential(self.role_id, None, "role id")
        method = AppRole(vault)
        return auth_of(method.login(role_id, memory["secret_id"], use_token=False, mount_point=self.mount))

    def _unwrap(self, vault: "JSONAdapter", memory: dict[str, str]) -> None:
        wrapped = credential(self.wrapped_secret_id, self.wrapped_secret_id_path, "wrapping token")
        if memory.get("wrapped") == wrapped:
            return
        spent = SecretsAuthError(
            "the wrapping token of the secret id is not valid (any more)",
            check="It works once and for a short time. If nothing of yours has used it, somebody else has: "
            "revoke the secret id. https://developer.hashicorp.com/vault/docs/concepts/response-wrapping",
        )
        found = vault.post("/v1/sys/wrapping/lookup", json={"token": wrapped}, raise_exception=False)
        if not isinstance(found, dict):
            raise spent
        made_by = str(child(found, "data").get("creation_path", ""))
        if not re.fullmatch(rf"auth/{re.escape(self.mount)}/role/[^/]+/(custom-)?secret-id", made_by):
            raise SecretsAuthError(
                "the wrapping token does not wrap a secret id of this auth method",
                check="Somebody may have put another token in its place: revoke it and make a new one",
            )
        vault.token = wrapped
        answer = vault.post(
            "/v1/sys/wrapping/unwrap",
            raise_exception=False,
            once="The wrapping token works once, and may be spent: make a new one",
        )
        vault.token = None
        secret_id = child(answer, "data").get("secret_id") if isinstance(answer, dict) else None
        if not isinstance(secret_id, str):
            raise spent
        memory.update(wrapped=wrapped, secret_id=secret_id)


class VaultUserpassAuth(VaultAuth):
    """A user name and a password."""

    username: str = Field(description="The user name.")
    password: str = Field(description="The password; use an EnvVar.", repr=False, json_schema_extra=SECRET)
    mount: str = Field(default="userpass", description="Where the auth method is mounted.")

    def check_settings(self) -> None:
        require_text(self, "username", "mount")
        require_one(self, "password")

    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:  # noqa: ARG002 - some logins need it
        from hvac.api.auth_methods import Userpass

        method = Userpass(vault)
        return auth_of(method.login(self.username, self.password, use_token=False, mount_point=self.mount))


class VaultCertAuth(VaultAuth):
    """A TLS client certificate, shown at the login."""

    client_cert: str = Field(description="Path of the certificate, PEM.")
    client_key: str = Field(description="Path of its private key, PEM.")
    name: str | None = Field(default=None, description="The certificate role; None tries all.")
    mount: str = Field(default="cert", description="Where the auth method is mounted.")

    def check_settings(self) -> None:
        require_text(self, "mount")
        require_one(self, "client_cert")
        require_one(self, "client_key")

    def fingerprint(self) -> object:
        return file_state(self.client_cert)

    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:  # noqa: ARG002 - some logins need it
        for path in (self.client_cert, self.client_key):
            if file_state(path) is None:
                raise SecretsAuthError(f"there is no client certificate or key at {path}")
        # Not hvac's Cert.login(): it wants to set the TLS verification too, which the transport has set.
        return auth_of(
            vault.login(
                f"/v1/auth/{self.mount}/login",
                use_token=False,
                json={"name": self.name} if self.name else {},
                cert=(self.client_cert, self.client_key),
            )
        )


class VaultAwsIamAuth(VaultAuth):
    """An AWS identity, by a signed ``sts:GetCallerIdentity`` that Vault sends on.

    Without keys, boto3 finds credentials as ever: environment, profile, IRSA, Pod Identity, instance.
    """

    role: str = Field(description="Role of Vault's aws auth method.")
    region: str = Field(
        default="us-east-1", description="The region whose STS is asked; us-east-1 is the global one."
    )
    server_id: str | None = Field(
        default=None, description="Value of X-Vault-AWS-IAM-Server-ID, if Vault requires one."
    )
    profile_name: str | None = Field(default=None, description="A profile of the AWS configuration.")
    access_key_id: str | None = Field(default=None, repr=False, json_schema_extra=SECRET)
    secret_access_key: str | None = Field(default=None, repr=False, json_schema_extra=SECRET)
    session_token: str | None = Field(default=None, repr=False, json_schema_extra=SECRET)
    mount: str = Field(default="aws", description="Where the auth method is mounted.")

    def check_settings(self) -> None:
        require_text(self, "role", "mount", "region")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            require_one(self, *(["access_key_id"] if self.access_key_id is None else ["secret_access_key"]))

    def identity(self) -> object:
        """The environment that boto3's chain goes by."""
        return aws_environment()

    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:
        request = signed_identity(
            region=self.region,
            server_id=known(self.server_id),
            profile_name=self.profile_name,
            keys=(self.access_key_id, self.secret_access_key, self.session_token),
        )
        if isinstance(request, SecretsAuthError):
            raise request
        memory.update(request.secrets)
        return auth_of(
            vault.login(
                f"/v1/auth/{self.mount}/login",
                use_token=False,
                json={"role": self.role, **request.parameters},
            )
        )
