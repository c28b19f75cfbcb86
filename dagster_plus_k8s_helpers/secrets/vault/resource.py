"""``VaultSecrets``: secrets and dynamic credentials from Vault or OpenBao."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import urlsplit

from pydantic import Field

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.secrets.cached import CachedSecretsResource, known_number
from dagster_plus_k8s_helpers.secrets.errors import SecretsConfigError
from dagster_plus_k8s_helpers.secrets.resource import known
from dagster_plus_k8s_helpers.secrets.vault.auth import SECRET, VaultAuth
from dagster_plus_k8s_helpers.secrets.vault.kv import VaultConnection
from dagster_plus_k8s_helpers.secrets.vault.lease import VaultLease, open_lease
from dagster_plus_k8s_helpers.secrets.vault.login import VaultSession
from dagster_plus_k8s_helpers.secrets.vault.transport import VaultTransport

__all__ = ["VaultSecrets"]

_HOST = re.compile(r"\.?[\w-][\w.-]*|\[[0-9a-fA-F:.]+\]")


@answering
class VaultSecrets(CachedSecretsResource):
    """Secrets of a KV engine, version 1 or 2, and leases of any engine. Needs the extra ``vault``.

    A process logs in once, whatever its number of threads and instances; the token is renewed before it
    runs out. Each call has one deadline, for logins and retries together.
    """

    ADVICE = {  # noqa: RUF012 - as pydantic has it
        "token": "write auth=VaultTokenAuth(token=...)",
        "token_file": "write auth=VaultTokenAuth(token_file=...)",
        "role": "write auth=VaultKubernetesAuth(role=...)",
        "role_id": "write auth=VaultAppRoleAuth(role_id=..., ...)",
        "address": "write url=...",
        "addr": "write url=...",
        "mount_point": "write mount=...",
        "path": "write mount=..., and the path below it in the reference",
        "verify": "write ca_cert='PATH' for a certificate authority of your own",
        "engine_version": "write kv_version=...",
    }

    url: str = Field(description="Such as https://vault.example.com:8200.")
    auth: VaultAuth
    mount: str = Field(default="secret", description="Where the KV engine is mounted.")
    namespace: str | None = Field(default=None, description="Vault Enterprise's or OpenBao's namespace.")
    kv_version: int | None = Field(
        default=None, description="1 or 2; None asks Vault once, which needs some access to the mount."
    )
    timeout: float = Field(default=30.0, description="Seconds for one call, logins and retries included.")
    attempt_timeout: float = Field(
        default=10.0, description="Seconds for one attempt of a call, at most what is left of timeout."
    )
    ca_cert: str | None = Field(
        default=None, description="Path of the CA certificates for the server's; None for the system's."
    )
    client_cert: str | None = Field(default=None, description="Path of a TLS client certificate.")
    client_key: str | None = Field(default=None, description="Path of its private key.")

    redirect_hosts: list[str] = Field(
        default=[],
        description="Hosts beside the one in url that Vault may redirect to, as a standby does to the active "
        "server: they get the token. '.example.com' means every host below it. Never from https to http.",
    )
    proxy: str | None = Field(
        default=None,
        description="Address of a proxy, such as http://proxy:3128; HTTPS_PROXY and the like do not count. "
        "With an https url it does not see the token, with http it does.",
        repr=False,
        json_schema_extra=SECRET,
    )

    @property
    def backend(self) -> str:
        namespace = f", namespace {self.namespace}" if self.namespace else ""
        return f"Vault at {self.url}{namespace}"

    def check_settings(self) -> None:
        super().check_settings()
        problem = self._problem_of_addresses() or self._problem()
        if problem:
            raise SecretsConfigError(problem, backend="VaultSecrets")

    def lease(
        self, path: str, *, data: Mapping[str, object] | None = None
    ) -> AbstractContextManager[VaultLease]:
        """Dynamic credentials for the length of a ``with`` block.

        They are renewed at two thirds of their TTL from a background thread and revoked at the end of
        the block, or when the interpreter exits; what kills the process leaves them to their TTL. A
        failed revocation is logged as an error and kept in ``revocation_error``; it never hides the
        block's own outcome.

        Args:
            path: Mount and path, such as ``database/creds/etl``.
            data: Parameters, for an engine that wants a POST, such as ``kubernetes/creds/ROLE``.

        Raises:
            ArgumentError: At once, for a path that is not text and the like.
            SecretsError: No credentials; see ``secrets/errors.py``.
        """
        if not isinstance(path, str) or not isinstance(data, Mapping | None):
            raise TypeError  # which `answering` answers
        return self._leased(path, data)

    @contextmanager
    def _leased(self, path: str, data: Mapping[str, object] | None) -> Iterator[VaultLease]:
        connection = self._vault()
        lease = open_lease(connection.session, path, data, connection.timeout)
        try:
            yield lease
        finally:
            lease.revoke()

    def identity(self) -> object:
        """Whose credentials the auth method would log in with now."""
        return self.auth.identity()

    def connect(self) -> VaultConnection:
        cert = (self.client_cert, self.client_key) if self.client_cert and self.client_key else None
        transport = VaultTransport(
            self.url,
            namespace=self.namespace,
            attempt_timeout=self.attempt_timeout,
            ca_cert=self.ca_cert,
            client_cert=cert,
            redirect_hosts=self.redirect_hosts,
            proxy=self.proxy,
        )
        return VaultConnection(
            VaultSession(transport, self.auth),
            mount=self.mount,
            kv_version=self.kv_version,
            timeout=self.timeout,
        )

    def _vault(self) -> VaultConnection:
        connection = self._shared().connection
        if not isinstance(connection, VaultConnection):
            raise TypeError(type(connection).__name__)
        return connection

    def _problem_of_addresses(self) -> str:
        url = known(self.url)
        if url is not None and not _is_url(url):
            # Not repeated: what is wrong with it may be a password in it.
            return "url is not an address: write http(s)://host:port, without a path, user or password"
        proxy = known(self.proxy)
        if proxy is not None and not _is_url(proxy, with_user=True):
            return "proxy is not an address: write http://host:port"
        no_host = next((host for host in self.redirect_hosts if not _HOST.fullmatch(host)), None)
        return "" if no_host is None else f"redirect_hosts: {no_host!r} is neither a host nor '.domain'"

    def _problem(self) -> str:
        mount = known(self.mount)
        if mount is not None and not re.fullmatch(r"[^\s?#%]+", mount.strip("/")):
            return f"mount={mount!r} is not the path of an engine"
        if known_number(self.kv_version) not in (None, 1, 2):
            return f"kv_version={self.kv_version} is neither 1 nor 2"
        for name, seconds in (("timeout", self.timeout), ("attempt_timeout", self.attempt_timeout)):
            if not 0 < seconds < float("inf"):
                return f"{name}={seconds:g} is not a number of seconds above 0"
        if (self.client_cert is None) != (self.client_key is None):
            return "client_cert and client_key come together"
        return ""


def _is_url(text: str, *, with_user: bool = False) -> bool:
    try:
        parts = urlsplit(text)
        return bool(
            parts.scheme in ("http", "https")
            and parts.hostname
            and (parts.port is None or parts.port > 0)
            and parts.path in ("", "/")
            and not (parts.query or parts.fragment)
            and (with_user or not (parts.username or parts.password))
        )
    except ValueError:
        return False
