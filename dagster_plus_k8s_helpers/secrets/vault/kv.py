"""Reading Vault's key-value engines, versions 1 and 2.

https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version
"""

from __future__ import annotations

import threading
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from dagster_plus_k8s_helpers.secrets.deadline import Deadline, call_each, locked
from dagster_plus_k8s_helpers.secrets.errors import (
    SecretAccessDenied,
    SecretDeleted,
    SecretNotFound,
    SecretRefError,
    SecretsBackendUnavailable,
    SecretsConfigError,
    SecretsError,
)
from dagster_plus_k8s_helpers.secrets.fetched import Answers, FetchedSecret, no_versions
from dagster_plus_k8s_helpers.secrets.ref import SecretRef
from dagster_plus_k8s_helpers.secrets.vault.answer import child, error_text, json_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    import requests

    from dagster_plus_k8s_helpers.secrets.vault.login import VaultSession

__all__ = ["VaultConnection"]

# Vault has no call for several secrets; this many are asked for at once.
_AT_ONCE = 8


class VaultConnection:
    """A session with one key-value mount; thread-safe.

    Args:
        session: A logged-in Vault.
        mount: Where the engine is mounted.
        kv_version: 1 or 2, or None to ask Vault, once.
        timeout: Seconds for one call, logins and retries included.
    """

    def __init__(self, session: VaultSession, *, mount: str, kv_version: int | None, timeout: float) -> None:
        self.session = session
        self.timeout = timeout
        self._mount = mount.strip("/")
        self._kv_version = kv_version
        self._kv_lock = threading.Lock()

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        """Read secrets, several at a time, all before one deadline."""
        deadline = Deadline(self.timeout)
        if len(refs) == 1:
            return {refs[0]: self._answer(refs[0], deadline)}
        answers = call_each(partial(self._answer, deadline=deadline), refs, _AT_ONCE)
        return dict(zip(refs, answers, strict=True))

    def close(self) -> None:
        """Close the sockets. The token is left to run out: another process may hold the same one."""
        self.session.transport.close()

    def _answer(self, ref: SecretRef, deadline: Deadline) -> FetchedSecret | SecretsError:
        try:
            return self._read(ref, deadline)
        except SecretsError as failure:
            return failure

    def _read(self, ref: SecretRef, deadline: Deadline) -> FetchedSecret | SecretsError:
        backend = self.session.backend
        # A ".." would be resolved on the way and leave the mount; Vault itself has no such names.
        if {"..", ".", ""} & set(ref.name.split("/")):
            return SecretRefError(
                "the name is a path below the mount, without '..', '.', '//' or a '/' at an end",
                backend=backend,
                ref=str(ref),
            )
        name = quote(ref.name, safe="/")
        if self._version_of_mount(deadline) == 1:
            refusal = no_versions(ref, backend)
            if refusal is not None:
                return refusal
            response = self.session.request("get", f"/v1/{self._mount}/{name}", deadline)
            fields = (json_object(response) or {}).get("data")
        else:
            response = self.session.request(
                "get", f"/v1/{self._mount}/data/{name}", deadline, params=_version(ref, backend)
            )
            fields = child(json_object(response), "data").get("data")
        if response.ok and isinstance(fields, dict):
            return FetchedSecret.from_mapping(fields, source=backend)
        return self._failure(response, ref)

    def _failure(self, response: requests.Response, ref: SecretRef) -> SecretsError:
        status = response.status_code
        where = {"backend": self.session.backend, "ref": str(ref)}
        path = f"{self._mount}/{ref.name}"
        if status == HTTPStatus.FORBIDDEN:
            return SecretAccessDenied(
                f"the token's policies do not allow reading {path}",
                check=self._twice(ref)
                or "`vault token capabilities` shows what they allow; KV v2 policies need mount/data/name",
                **where,
            )
        if status == HTTPStatus.NOT_FOUND:
            metadata = child(json_object(response), "data", "metadata")
            if metadata.get("destroyed"):
                return SecretDeleted("this version was destroyed and cannot be brought back", **where)
            if metadata.get("deletion_time"):
                return SecretDeleted(
                    f"this version was deleted at {metadata['deletion_time']}",
                    check="`vault kv undelete` brings it back",
                    **where,
                )
            version = "" if ref.version is None else f" at version {ref.version}"
            return SecretNotFound(
                f"there is nothing at {path}{version}",
                check=self._twice(ref) or "Check mount, namespace and spelling",
                **where,
            )
        if response.ok:
            return SecretsBackendUnavailable("its answer has no data in it", **where)
        return SecretsConfigError(
            f"it refused the request with status {status}: {error_text(response)}", **where
        )

    def _twice(self, ref: SecretRef) -> str:
        """What to write instead of a name that repeats what is put before it, as Vault's own paths do."""
        below = ref.name.removeprefix(f"{self._mount}/")
        if self._kv_version != 1:
            below = below.removeprefix("data/")
        repeated = ref.name.removesuffix(below)
        if not repeated or not below:
            return ""
        return f"Leave out {repeated!r}, which is put before every name: write {SecretRef(below)}#FIELD"

    def _version_of_mount(self, deadline: Deadline) -> int:
        with locked(self._kv_lock, deadline):
            if self._kv_version is None:
                self._kv_version = self._ask_version(deadline)
            return self._kv_version

    def _ask_version(self, deadline: Deadline) -> int:
        mount = quote(self._mount, safe="/")
        response = self.session.request("get", f"/v1/sys/internal/ui/mounts/{mount}", deadline)
        backend = self.session.backend
        if response.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise SecretAccessDenied(
                f"there is no mount {self._mount!r}, or no policy of the token reaches into it",
                check="Check mount and namespace; kv_version=2 skips this question",
                backend=backend,
            )
        data = child(json_object(response), "data")
        if not response.ok or data.get("type") not in ("kv", "generic"):
            raise SecretsConfigError(
                f"the mount {self._mount!r} is of type {data.get('type')!r}, not kv",
                check="For dynamic credentials use lease()",
                backend=backend,
            )
        return 2 if child(data, "options").get("version") == "2" else 1


def _version(ref: SecretRef, backend: str) -> dict[str, str]:
    if ref.version is None:
        return {}
    if not (ref.version.isascii() and ref.version.isdecimal() and int(ref.version) > 0):
        raise SecretRefError(
            f"the version {ref.version!r} is not a KV version number",
            check=r"Write a number from 1 up; an @ inside a name is written \@",
            backend=backend,
            ref=str(ref),
        )
    return {"version": ref.version}
