"""Dynamic credentials, renewed while they are held and revoked when they are not.

https://developer.hashicorp.com/vault/docs/concepts/lease
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

import dagster as dg

from dagster_plus_k8s_helpers.secrets import redact
from dagster_plus_k8s_helpers.secrets.deadline import Deadline
from dagster_plus_k8s_helpers.secrets.errors import (
    SecretAccessDenied,
    SecretLeaseEnded,
    SecretNotFound,
    SecretRefError,
    SecretsConfigError,
    SecretsError,
)
from dagster_plus_k8s_helpers.secrets.fetched import FetchedSecret
from dagster_plus_k8s_helpers.secrets.vault.answer import child, error_text, json_object

if TYPE_CHECKING:
    import requests

    from dagster_plus_k8s_helpers.secrets.value import SecretValue
    from dagster_plus_k8s_helpers.secrets.vault.login import VaultSession

__all__ = ["VaultLease"]

_ONCE = (
    "Vault may have made credentials all the same: they end with their TTL, or at once by "
    "`vault lease revoke -prefix {path}`, which ends everybody's of this path"
)
_REVOKE_WITHIN = 10.0
_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 30.0


class VaultLease(Mapping[str, "SecretValue"]):
    """Credentials under a lease, as a mapping of field to SecretValue; ``VaultSecrets.lease()`` makes them.

    A lease belongs to the process that opened it. A forked child has a copy, which it neither renews nor
    revokes: the copy ends with the TTL that it was forked with, though the credentials may work for longer.

    Attributes:
        path: Where they came from, such as ``database/creds/etl``.
        lease_id: Vault's id of the lease; it is a name, not a credential.
        revocation_error: Why the revocation failed, or None. It is logged as an error too.
    """

    def __init__(self, session: VaultSession, path: str, body: Mapping[str, object], timeout: float) -> None:
        self.path = path
        self.lease_id = str(body.get("lease_id"))
        self.revocation_error: SecretsError | None = None
        self._session = session
        self._timeout = timeout
        secret = FetchedSecret.from_mapping(child(body, "data"), source=session.backend)
        self._values = dict(secret.fields or {})
        redact.notice(self._values.values())
        self._log = dg.get_dagster_logger("secrets")
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._granted_for(body)
        self._increment = round(self._ttl)
        _held.add(self)
        if body.get("renewable"):
            threading.Thread(target=self._keep, name=f"lease {path}", daemon=True).start()

    @property
    def seconds_left(self) -> float:
        """Until the lease ends, if it is not renewed again; 0 when it has ended."""
        return max(0.0, self._ends - time.monotonic())

    def __getitem__(self, field: str) -> SecretValue:
        """One value.

        Raises:
            SecretLeaseEnded: The lease has ended: Vault has withdrawn the credentials.
            KeyError: There is no such field.
        """
        if self._stop.is_set() or not self.seconds_left:
            raise SecretLeaseEnded(
                "the lease has ended", check="Open a new one", backend=self._session.backend, ref=self.path
            )
        return self._values[field]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return (
            f"VaultLease({self.path!r}, fields={sorted(self._values)}, seconds_left={self.seconds_left:.0f})"
        )

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def revoke(self) -> None:
        """Give the credentials back now; the end of the ``with`` block calls this. Never raises."""
        # A forked child has a copy of the lease, which stays its parent's to revoke.
        if self._stop.is_set() or self._pid != os.getpid():
            return
        self._stop.set()
        _held.discard(self)
        self._values.clear()
        if self.seconds_left:
            self.revocation_error = self._revoked()
        if self.revocation_error is not None:
            self._log.error(
                "%s The credentials stay valid for up to %.0f s; `vault lease revoke %s` ends them.",
                self.revocation_error,
                self.seconds_left,
                self.lease_id,
            )

    def _revoked(self) -> SecretsError | None:
        # sync: otherwise Vault answers before it has tried, and a failure is never told.
        body = {"lease_id": self.lease_id, "sync": True}
        try:
            response = self._session.request(
                "put", "/v1/sys/leases/revoke", Deadline(_REVOKE_WITHIN), json=body
            )
        except SecretsError as failure:
            return failure.about(self.path)
        if response.ok:
            return None
        return _failure(response, self.path, self._session.backend, "revoke the lease of")

    def _granted_for(self, body: Mapping[str, object]) -> None:
        duration = body.get("lease_duration")
        self._ttl = float(duration) if isinstance(duration, (int, float)) else 0.0
        self._ends = time.monotonic() + self._ttl

    def _keep(self) -> None:
        """Renew at two thirds of the TTL; after a failure, more often, until the lease really ends."""
        pause = 0.0
        while not self._stop.wait(pause):
            try:
                # A lease ends with the token that made it, so the token is kept alive with it.
                token_pause = self._session.keep_alive(Deadline(min(self._timeout, self.seconds_left)))
                due = self._ends - self._ttl / 3
                if time.monotonic() >= due - _SHORTEST_PAUSE:
                    self._renew()
                    due = self._ends - self._ttl / 3
                pause = min(max(_SHORTEST_PAUSE, due - time.monotonic()), token_pause)
            except Exception as unexpected:  # noqa: BLE001  (the thread must not end in silence)
                if self._stop.is_set():
                    return
                failure = self._told(unexpected)
                left = self.seconds_left
                if not left or isinstance(failure, SecretLeaseEnded):
                    self._ended(failure)
                    return
                self._log.warning("%s. The lease has %.0f s left; trying again.", failure, left)
                pause = max(_SHORTEST_PAUSE, min(left / 4, _LONGEST_PAUSE))

    def _told(self, failure: Exception) -> SecretsError:
        if isinstance(failure, SecretsError):
            return failure
        # Its text is not ours, and may repeat anything.
        return SecretsError(
            f"the renewal failed unexpectedly ({type(failure).__name__})",
            backend=self._session.backend,
            ref=self.path,
        )

    def _renew(self) -> None:
        body = {"lease_id": self.lease_id, "increment": self._increment}
        deadline = Deadline(min(self._timeout, self.seconds_left))
        response = self._session.request("put", "/v1/sys/leases/renew", deadline, json=body)
        if response.ok:
            self._granted_for(json_object(response) or {})
            return
        if response.status_code == HTTPStatus.BAD_REQUEST:
            raise SecretLeaseEnded(
                f"Vault does not renew the lease: {error_text(response)}",
                backend=self._session.backend,
                ref=self.path,
            )
        raise _failure(response, self.path, self._session.backend, "renew the lease of")

    def _ended(self, failure: SecretsError) -> None:
        self._ends = 0.0
        self._log.error("%s. The lease has ended: the credentials no longer work.", failure)


def open_lease(
    session: VaultSession, path: str, data: Mapping[str, object] | None, timeout: float
) -> VaultLease:
    """Ask for credentials: GET, or POST where the engine wants parameters.

    Raises:
        SecretAccessDenied: No policy allows it.
        SecretNotFound: There is no such role.
        SecretRefError: The path is none, or answers without a lease.
        SecretsBackendUnavailable: No answer before the deadline.
    """
    if not path.strip("/") or {"..", ".", ""} & set(path.strip("/").split("/")):
        raise SecretRefError(
            "not a path of an engine", check="Write for example database/creds/ROLE", ref=path
        )
    method = "get" if data is None else "post"
    arguments = {} if data is None else {"json": dict(data)}
    lease = _opened(
        session,
        path,
        session.request(
            method,
            f"/v1/{quote(path.strip('/'), safe='/')}",
            Deadline(timeout),
            once=_ONCE.format(path=path.strip("/")),
            **arguments,
        ),
        timeout,
    )
    if isinstance(lease, SecretsError):
        raise lease
    return lease


def _opened(
    session: VaultSession, path: str, response: requests.Response, timeout: float
) -> VaultLease | SecretsError:
    """The lease, or the error to raise: raised here, its traceback would hold the answer."""
    if not response.ok:
        return _failure(response, path, session.backend, "open a lease on")
    body = json_object(response) or {}
    if not body.get("lease_id"):
        return SecretRefError(
            "it answers without a lease",
            check="For a stored secret call get()",
            backend=session.backend,
            ref=path,
        )
    return VaultLease(session, path, body, timeout)


def _failure(response: requests.Response, path: str, backend: str, what: str) -> SecretsError:
    text = error_text(response)
    if response.status_code == HTTPStatus.FORBIDDEN:
        return SecretAccessDenied(
            f"the token's policies do not allow to {what} this path", backend=backend, ref=path
        )
    if response.status_code == HTTPStatus.NOT_FOUND or "unknown role" in text:
        return SecretNotFound(f"there is no such engine or role ({text})", backend=backend, ref=path)
    return SecretsConfigError(
        f"Vault refused to {what} this path (status {response.status_code}): {text}",
        backend=backend,
        ref=path,
    )


_held: set[VaultLease] = set()


@atexit.register
def _revoke_all() -> None:
    for lease in list(_held):
        lease.revoke()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_held.clear)
