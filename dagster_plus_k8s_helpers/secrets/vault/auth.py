"""How to log in to Vault: what every method shares, and the methods that use what a pod is given.

One class a method; those for people and machines outside a cluster are in ``auth_more.py``. The
parameters are those of https://developer.hashicorp.com/vault/api-docs/auth.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dagster_plus_k8s_helpers.secrets.errors import SecretsAuthError, SecretsConfigError
from dagster_plus_k8s_helpers.secrets.resource import CheckedResource, known
from dagster_plus_k8s_helpers.secrets.vault.answer import child

if TYPE_CHECKING:
    from hvac.adapters import JSONAdapter

__all__ = ["VaultAuth", "VaultJwtAuth", "VaultKubernetesAuth", "VaultTokenAuth"]

# Dagster's marker for config fields that the UI masks.
SECRET: dict[str, Any] = {"dagster__is_secret": True}
SERVICE_ACCOUNT_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  (a path)


class VaultAuth(CheckedResource, ABC):
    """A way to log in; subclass it for an auth method that this package does not know."""

    @abstractmethod
    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:
        """Log in and return the ``auth`` object of Vault's answer.

        Args:
            vault: An hvac adapter, for hvac's login methods or for requests of one's own.
            memory: Kept from one login of this process to the next; empty at the first.

        Raises:
            SecretsAuthError: The credentials cannot be read. What Vault refuses is hvac's exception.
        """

    @property
    def logs_in(self) -> bool:
        """Whether another login may give another token."""
        return True

    @property
    def hint(self) -> str:
        """What to check when Vault refuses the login."""
        return "Check the role and the auth method's mount, and Vault's audit log"

    def fingerprint(self) -> object:
        """Something that changes when the credentials have changed and a new login is due."""
        return None

    def identity(self) -> object:
        """What tells two tenants apart beside the settings: by default the files that these name.

        Resources with equal settings and equal identities share one login and one cache in a process.
        """
        named = (
            known(getattr(self, name))
            for name in type(self).model_fields
            if name.endswith(("_file", "_path")) or name in ("client_cert", "client_key")
        )
        return [(str(Path(path).absolute()), file_state(path)) for path in named if path]

    def hidden(self, memory: Mapping[str, str]) -> list[str]:
        """Texts that an error message must not repeat: by default every text setting marked secret."""
        marked = (
            getattr(self, name)
            for name, field in type(self).model_fields.items()
            if field.json_schema_extra == SECRET
        )
        return [*memory.values(), *(str(value) for value in marked if known(value))]


class VaultTokenAuth(VaultAuth):
    """A token that somebody else got: a fixed one, or a file that Vault Agent keeps up to date.

    Exactly one of ``token`` and ``token_file``. The file is looked at before each request to Vault.
    """

    token: str | None = Field(
        default=None, description="The token; use an EnvVar.", repr=False, json_schema_extra=SECRET
    )
    token_file: str | None = Field(default=None, description="Path of a file with the token in it.")

    def check_settings(self) -> None:
        require_one(self, "token", "token_file")

    @property
    def logs_in(self) -> bool:
        return False

    @property
    def hint(self) -> str:
        return "The token has run out or was revoked; give a new one, or use an auth method that logs in"

    def fingerprint(self) -> object:
        return None if self.token_file is None else file_state(self.token_file)

    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:
        token = credential(self.token, self.token_file, "token")
        memory["token"] = token
        vault.token = token
        answer = vault.get("/v1/auth/token/lookup-self", raise_exception=False)
        if isinstance(answer, dict):
            data = child(answer, "data")
            return {
                "client_token": token,
                "lease_duration": data.get("ttl", 0),
                "renewable": data.get("renewable", False),
            }
        # Unknown, or good and not allowed to look at itself: the first read will tell.
        return {"client_token": token}


class VaultKubernetesAuth(VaultAuth):
    """The pod's service account. The token file is read at each login, as the kubelet replaces it."""

    role: str = Field(description="Role of Vault's kubernetes auth method.")
    mount: str = Field(default="kubernetes", description="Where the auth method is mounted.")
    token_path: str = Field(
        default=SERVICE_ACCOUNT_TOKEN,
        description="The service account token; a projected one if the role wants an audience.",
    )

    def check_settings(self) -> None:
        require_text(self, "role", "mount", "token_path")

    @property
    def hint(self) -> str:
        return "Check that the role names this pod's service account and namespace, and the token's audience"

    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:
        from hvac.api.auth_methods import Kubernetes

        memory["jwt"] = credential(None, self.token_path, "service account token")
        method = Kubernetes(vault)
        return auth_of(
            method.login(role=self.role, jwt=memory["jwt"], use_token=False, mount_point=self.mount)
        )


class VaultJwtAuth(VaultAuth):
    """A signed JWT, such as a projected service account token, checked by its issuer's public keys.

    Exactly one of ``jwt`` and ``jwt_path``.
    """

    role: str = Field(description="Role of Vault's jwt auth method.")
    jwt: str | None = Field(
        default=None, description="The JWT; use an EnvVar.", repr=False, json_schema_extra=SECRET
    )
    jwt_path: str | None = Field(default=None, description="Path of a file with the JWT in it.")
    mount: str = Field(default="jwt", description="Where the auth method is mounted.")

    def check_settings(self) -> None:
        require_text(self, "role", "mount")
        require_one(self, "jwt", "jwt_path")

    @property
    def hint(self) -> str:
        return "Check the JWT's audience, subject and expiry against the role's bounds"

    def login(self, vault: "JSONAdapter", memory: dict[str, str]) -> Mapping[str, Any]:
        from hvac.api.auth_methods import JWT

        memory["jwt"] = credential(self.jwt, self.jwt_path, "JWT")
        return auth_of(
            JWT(vault).jwt_login(role=self.role, jwt=memory["jwt"], use_token=False, path=self.mount)
        )


def auth_of(answer: object) -> Mapping[str, Any]:
    """The ``auth`` object of a login's answer, empty when there is none."""
    auth = answer.get("auth") if isinstance(answer, dict) else None
    return auth if isinstance(auth, dict) else {}


def credential(value: str | None, path: str | None, what: str) -> str:
    """``value``, or what the file says, without spaces around it.

    Raises:
        SecretsAuthError: The file cannot be read, is empty, or holds no single printable line.
    """
    where = f"the {what}" + (f" in {path}" if path else "")
    text, problem = (value or "", "") if path is None else _read(path)
    text = text.strip()
    if not problem and not (text and text.isascii() and text.isprintable()):
        problem = "is empty or not one line of ASCII; is the file half written?" if path else "is empty"
    if problem:
        raise SecretsAuthError(f"{where} {problem}")
    return text


def file_state(path: str) -> object:
    """Which file it is and when it was written; None while it cannot be seen."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def require_text(auth: VaultAuth, *names: str) -> None:
    """Raise SecretsConfigError for a setting that is empty or has characters no mount or role has."""
    for name in names:
        value = known(getattr(auth, name))
        if value is not None and not re.fullmatch(r"[^\s?#%\x00-\x1f]+", value):
            raise SecretsConfigError(
                f"{name} is empty or holds spaces, '?', '#' or '%'", backend=type(auth).__name__
            )


def require_one(auth: VaultAuth, *names: str) -> None:
    """Raise SecretsConfigError unless exactly one of the settings is given, and is not empty."""
    given = [name for name in names if getattr(auth, name) is not None]
    if len(given) != 1:
        raise SecretsConfigError(
            f"give exactly one of {', '.join(names)}; {len(given)} are given", backend=type(auth).__name__
        )
    if known(getattr(auth, given[0])) == "":
        raise SecretsConfigError(f"{given[0]} is empty", backend=type(auth).__name__)


def _read(path: str) -> tuple[str, str]:
    try:
        return Path(path).read_text(encoding="utf-8"), ""
    except OSError as failure:
        return "", f"cannot be read ({failure.strerror})"
    except UnicodeDecodeError:
        return "", "is not text"
