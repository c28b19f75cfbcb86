"""A logged-in Vault: one token a process, shared by its threads, renewed before it runs out."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from dagster_plus_k8s_helpers.secrets.deadline import Deadline, locked
from dagster_plus_k8s_helpers.secrets.errors import SecretsAuthError, SecretsBackendUnavailable, SecretsError
from dagster_plus_k8s_helpers.secrets.vault.answer import child, json_object, scrubbed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from dagster_plus_k8s_helpers.secrets.vault.auth import VaultAuth
    from dagster_plus_k8s_helpers.secrets.vault.transport import VaultTransport

__all__ = ["VaultSession"]

T = TypeVar("T")

# A new token may have policies that the old one had not, so a denial is worth one login; but not at
# every read of a secret that is simply not allowed.
_WORTH_A_LOGIN_AFTER = 60.0
# A renewal that failed while the token is still good is tried again after this many seconds.
_RETRY_RENEWAL = 5.0


@dataclass(slots=True)
class _Token:
    value: str = field(repr=False)
    ttl: float
    renewable: bool
    obtained: float = field(default_factory=time.monotonic)
    credentials: object = None
    renew_at: float = field(init=False)
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        self.renew_at = self.obtained + self.ttl * 2 / 3 if self.ttl else float("inf")
        self.ends = self.obtained + self.ttl if self.ttl else float("inf")


class VaultSession:
    """Requests with a token; thread-safe.

    Args:
        transport: The way to Vault.
        auth: How to log in.
    """

    def __init__(self, transport: VaultTransport, auth: VaultAuth) -> None:
        self.transport = transport
        self.backend = transport.backend
        self.logins = 0
        self._auth = auth
        self._memory: dict[str, str] = {}
        self._token: _Token | None = None
        # Tokens of this login work and may not look at themselves, so that a denial says nothing of them.
        self._blind = False
        # Held during a login: threads that need the token wait for the one login.
        self._lock = threading.Lock()

    def request(self, method: str, path: str, deadline: Deadline, **arguments: Any) -> requests.Response:
        """A response, whatever its status; on 403 after a new login and a second try, where that may help.

        Raises:
            SecretsBackendUnavailable: No answer before the deadline.
            SecretsAuthError: Vault refused the login.
        """
        outcome = _outcome(partial(self._request, method, path, deadline, **arguments))
        if isinstance(outcome, SecretsError):
            raise outcome
        return outcome

    def _request(self, method: str, path: str, deadline: Deadline, **arguments: Any) -> requests.Response:
        token = self._usable_token(deadline)
        response = self._send(token, method, path, deadline, **arguments)
        if response.status_code == HTTPStatus.FORBIDDEN:
            another = self._token_after_denial(token, deadline)
            if another is not None:
                response = self._send(another, method, path, deadline, **arguments)
        return response

    def keep_alive(self, deadline: Deadline) -> float:
        """Renew the token if it is time; returns the seconds until it will be time again."""
        token = _outcome(partial(self._usable_token, deadline))
        if isinstance(token, SecretsError):
            raise token
        return max(1.0, token.renew_at - time.monotonic())

    def _send(
        self, token: _Token, method: str, path: str, deadline: Deadline, **arguments: Any
    ) -> requests.Response:
        adapter = self.transport.raw(deadline, token.value)
        response: requests.Response = adapter.request(method, path, **arguments)
        return response

    def _usable_token(self, deadline: Deadline) -> _Token:
        with locked(self._lock, deadline):
            token = self._token
            now = time.monotonic()
            if token is None or now >= token.ends or token.credentials != self._auth.fingerprint():
                return self._login(deadline)
            if now >= token.renew_at:
                return self._renewed(token, deadline)
            return token

    def _token_after_denial(self, token: _Token, deadline: Deadline) -> _Token | None:
        with locked(self._lock, deadline):
            if self._token is not token and self._token is not None:
                return self._token
            old_enough = time.monotonic() - token.obtained > _WORTH_A_LOGIN_AFTER
            expired = not (self._blind and not old_enough) and not self._may_look(token, deadline)
            if not self._auth.logs_in and token.credentials == self._auth.fingerprint():
                if expired:
                    raise SecretsAuthError(
                        "it denies, and the token cannot even look itself up: it has run out or was revoked",
                        check=self._auth.hint,
                        backend=self.backend,
                    )
                return None
            if not (expired or old_enough):
                return None
            another = self._login(deadline)
            self._blind = not self._may_look(another, deadline)
            return another

    def _may_look(self, token: _Token, deadline: Deadline) -> bool:
        """Whether the token works: every policy "default" lets a token look at itself."""
        lookup = self._send(token, "get", "/v1/auth/token/lookup-self", deadline)
        return lookup.status_code != HTTPStatus.FORBIDDEN

    def _renewed(self, token: _Token, deadline: Deadline) -> _Token:
        """The token with a new TTL, or a new token; the old one, while it is good, when Vault is away."""
        # Half of what is left: the read that the token is for needs its time as well.
        share = Deadline(deadline.left() / 2)
        try:
            granted = self._renewal(token, share) if token.renewable else None
            # Close to its maximum TTL a token gets less and less.
            if granted is not None and granted.ttl > token.ttl / 2:
                self._token = granted
            elif self._auth.logs_in:
                return self._login(share)
            else:
                token.renew_at = token.ends
        except SecretsBackendUnavailable:
            token.renew_at = min(token.ends, time.monotonic() + _RETRY_RENEWAL)
        return self._token or token

    def _renewal(self, token: _Token, deadline: Deadline) -> _Token | None:
        response = self._send(token, "post", "/v1/auth/token/renew-self", deadline, json={})
        return _token(child(json_object(response), "auth"), token.credentials)

    def _login(self, deadline: Deadline) -> _Token:
        fingerprint = self._auth.fingerprint()
        answer = self._logged_in(deadline)
        if isinstance(answer, SecretsError):
            raise answer
        token = _token(answer, fingerprint)
        if token is None:
            raise SecretsAuthError("the login was answered without a token", backend=self.backend)
        self.logins += 1
        self._token = token
        return token

    def _logged_in(self, deadline: Deadline) -> Mapping[str, Any] | SecretsError:
        """What the auth method got, or the error to raise; hvac's own holds the whole response."""
        from hvac.exceptions import VaultError

        try:
            return self._auth.login(self.transport.json(deadline), self._memory)
        except SecretsAuthError as failure:
            return SecretsAuthError(failure.what, check=failure.check, backend=self.backend)
        except SecretsError as failure:
            return failure
        except VaultError as failure:
            errors = failure.errors if isinstance(failure.errors, list) else []
            text = scrubbed("; ".join(map(str, errors)), self._auth.hidden(self._memory))
            return SecretsAuthError(
                f"it refused the login with {type(self._auth).__name__}: {text or type(failure).__name__}",
                check=self._auth.hint,
                backend=self.backend,
            )


def _outcome(call: Callable[[], T]) -> T | SecretsError:
    """What ``call`` returns, or its error made anew: the old one's traceback has the token in its frames."""
    try:
        return call()
    except SecretsError as failure:
        return failure.about(failure.ref)


def _token(auth: Mapping[str, Any], credentials: object) -> _Token | None:
    value, ttl = auth.get("client_token"), auth.get("lease_duration")
    # A token goes into a header: anything but printable ASCII would be an exception that quotes it.
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or not value:
        return None
    seconds = float(ttl) if isinstance(ttl, (int, float)) else 0.0
    return _Token(value, seconds, renewable=bool(auth.get("renewable")), credentials=credentials)
