"""Requests to Vault: hvac's adapters on a session that retries under one deadline.

The statuses that are retried, and what 412, 472 and 473 mean: https://developer.hashicorp.com/vault/api-docs
and https://developer.hashicorp.com/vault/api-docs/system/health.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import requests
import urllib3

from dagster_plus_k8s_helpers.secrets.deadline import Deadline, call_within
from dagster_plus_k8s_helpers.secrets.errors import (
    SecretsBackendSealed,
    SecretsBackendUnavailable,
    SecretsError,
    SecretsThrottled,
)
from dagster_plus_k8s_helpers.secrets.vault.answer import error_text, json_object

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hvac.adapters import JSONAdapter, RawAdapter

__all__ = ["VaultTransport"]

# 412: a replica that has not caught up; 472, 473: replication standbys; 504 comes from load balancers.
_RETRIED = frozenset({412, 429, 472, 473, 500, 502, 503, 504})
# With these Vault has looked at no more than the request's headers; 503 only when it says that it is sealed.
_NOT_BEGUN = frozenset({412, 429, 472, 473})
_REDIRECTS = frozenset({301, 302, 307, 308})
# What OpenSSL calls an answer in plain HTTP, and what a server in Go (Vault) answers to a plain request.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "wrong version number")
_WANTS_TLS = b"Client sent an HTTP request to an HTTPS server"
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class _Failed:
    """One attempt without a usable answer.

    ``pause`` is what Retry-After asked for; ``begun`` whether Vault may have done what it was asked to.
    """

    reason: str
    kind: type[SecretsBackendUnavailable] = SecretsBackendUnavailable
    pause: float = 0.0
    hopeless: bool = False
    begun: bool = True
    check: str = ""


class VaultTransport:
    """The way to one Vault; thread-safe.

    Args:
        url: Scheme, host and port.
        namespace: Vault Enterprise's or OpenBao's namespace, or None.
        attempt_timeout: Seconds one attempt may take.
        ca_cert: Path of the CA certificates that the server's is checked against; None for the system's.
        client_cert: Paths of a client certificate and its key, or None.
        redirect_hosts: Hosts, beside the one in ``url``, that a redirect may lead to; ``.example.com`` is
            every host below it.
        proxy: Address of the proxy that requests go through, or None for none.

    Neither the environment's proxies nor a .netrc count: one would get the token, the other send a
    password beside it.
    """

    def __init__(
        self,
        url: str,
        *,
        namespace: str | None = None,
        attempt_timeout: float = 10.0,
        ca_cert: str | None = None,
        client_cert: tuple[str, str] | None = None,
        redirect_hosts: Sequence[str] = (),
        proxy: str | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.backend = f"Vault at {self.url}"
        self.attempt_timeout = attempt_timeout
        self._namespace = namespace
        self._verify: bool | str = ca_cert or _ca_of_the_environment() or True
        self._cert = client_cert
        self._redirect_hosts = frozenset(host.lower() for host in redirect_hosts)
        self._unused_proxy = "" if proxy else _proxy_of_the_environment(self.url)
        self._session = requests.Session()
        self._session.trust_env = False
        if proxy:
            self._session.proxies = {"http": proxy, "https": proxy}
        # As many sockets as get_many() has threads, and some for others.
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=16)
        self._session.mount(self.url, adapter)

    def raw(self, deadline: Deadline, token: str | None) -> RawAdapter:
        """An hvac adapter that hands back every final response, whatever its status.

        Its calls raise SecretsBackendUnavailable when there is none before the deadline. With ``once=``,
        which says what may be left behind, a request that Vault may have acted upon is not repeated.
        """
        from hvac.adapters import RawAdapter

        adapter: RawAdapter = RawAdapter(ignore_exceptions=True, **self._adapter_settings(deadline, token))
        return adapter

    def json(self, deadline: Deadline) -> JSONAdapter:
        """An hvac adapter for its login methods: JSON answers, and hvac's exceptions for refusals."""
        from hvac.adapters import JSONAdapter

        adapter: JSONAdapter = JSONAdapter(**self._adapter_settings(deadline, None))
        return adapter

    @property
    def hint(self) -> str:
        """What to check when there is no answer."""
        if self._unused_proxy:
            return (
                f"{self._unused_proxy} is set and not used, as a proxy may see the token; if Vault is "
                f'reached through it, write proxy=dg.EnvVar("{self._unused_proxy}")'
            )
        return "Is the address right, and reachable from this pod?"

    def close(self) -> None:
        """Close the sockets."""
        self._session.close()

    def _adapter_settings(self, deadline: Deadline, token: str | None) -> dict[str, Any]:
        return {
            "base_uri": self.url,
            "token": token,
            "namespace": self._namespace,
            "session": _RetryingSession(self, deadline),
        }

    def attempt(self, deadline: Deadline, **request: Any) -> requests.Response | _Failed:
        """One try. It returns what went wrong, so that no exception is on its way when ours is raised."""
        seconds = min(self.attempt_timeout, deadline.left())
        try:
            response = call_within(seconds, lambda: self._send(seconds, **request))
        except (requests.exceptions.Timeout, TimeoutError) as failure:
            return _Failed(f"no answer within {seconds:.1f} s", begun=not _never_connected(failure))
        except requests.exceptions.SSLError as failure:
            return _tls_failure(str(failure))
        # ValueError and the like: what a header or an answer that is no HTTP raises, with its text inside.
        except (OSError, ValueError, http.client.HTTPException, urllib3.exceptions.HTTPError) as failure:
            return _Failed(_reason(failure), begun=not _never_connected(failure))
        if isinstance(response, _Failed):
            return response
        if response.status_code == http.HTTPStatus.BAD_REQUEST and _WANTS_TLS in response.content:
            return _Failed("it speaks TLS only", hopeless=True, check="Write https:// in url, not http://")
        return _judged(response)

    def _send(self, seconds: float, **request: Any) -> requests.Response | _Failed:
        settings = {"verify": self._verify, "cert": self._cert, **request}
        settings.update(timeout=seconds, allow_redirects=False)
        response = self._session.request(**settings)
        if response.status_code in _REDIRECTS:
            # A standby sends clients to the active server. One step, as in Vault's own clients.
            target = self._redirected(settings["url"], response.headers.get("Location", ""))
            if isinstance(target, _Failed):
                return target
            settings["url"] = target
            response = self._session.request(**settings)
        return response

    def _redirected(self, url: str, location: str) -> str | _Failed:
        """Where to go, if the token may go there; requests reads addresses with the same parser.

        Any port of the same host may: a load balancer at 443 leads to servers that call themselves by
        their own port, 8200, and whoever sends the redirect has had the token already.
        """
        try:
            target = urljoin(url, location)
            parts = urllib3.util.parse_url(target)
        except ValueError:
            return _Failed("it redirects to what is no address", hopeless=True)
        host = (parts.host or "").lower()
        schemes = ("https",) if url.lower().startswith("https:") else ("http", "https")
        if parts.scheme not in schemes or parts.auth:
            return _Failed("it redirects from https to http, or to no such address", hopeless=True)
        above = {host[dot:] for dot in range(len(host)) if host[dot] == "."}
        if {host, *above} & {*self._redirect_hosts, (urllib3.util.parse_url(url).host or "").lower()}:
            return target
        return _Failed(
            f"it redirects to the host {host!r}, which would get the token",
            hopeless=True,
            check=f"If that is a server of this Vault, write redirect_hosts=[{host!r}]",
        )


class _RetryingSession:
    """Stands where hvac expects a ``requests.Session``; hvac reads the first three attributes."""

    verify = None
    cert = None
    proxies = None

    def __init__(self, transport: VaultTransport, deadline: Deadline) -> None:
        self._transport = transport
        self._deadline = deadline

    def request(self, *, once: str | None = None, **request: Any) -> requests.Response:
        request = {name: value for name, value in request.items() if value is not None}
        if request.get("verify") is True:
            del request["verify"]
        attempts = 0
        while True:
            outcome = self._transport.attempt(self._deadline, **request)
            if isinstance(outcome, requests.Response):
                return outcome
            pause = max(outcome.pause, _pause(attempts))
            attempts += 1
            if once is not None and outcome.begun and not outcome.hopeless:
                raise self._failure(replace(outcome, check=f"It was not asked again. {once}"), attempts)
            if outcome.hopeless or pause >= self._deadline.left():
                raise self._failure(outcome, attempts)
            time.sleep(pause)

    def _failure(self, last: _Failed, attempts: int) -> SecretsError:
        waiting = f"; it asks to wait {last.pause:g} s" if last.pause else ""
        checks = {
            SecretsBackendSealed: "Somebody has to unseal it",
            SecretsThrottled: "See its rate-limit quotas, or read more in one get_many()",
        }
        return last.kind(
            f"{last.reason}{waiting} ({attempts} attempts, deadline {self._deadline.seconds:g} s)",
            check=last.check or checks.get(last.kind, self._transport.hint),
            backend=self._transport.backend,
        )


def _tls_failure(said: str) -> _Failed:
    """Why there is no TLS connection; of what OpenSSL says, the reason alone."""
    if any(sign in said for sign in _NO_TLS):
        return _Failed("it does not speak TLS", hopeless=True, check="Write http:// in url, not https://")
    refused = re.search(r"CERTIFICATE_VERIFY_FAILED\] certificate verify failed: ([\w ,-]+)", said)
    if refused is None:
        return _Failed("the TLS handshake failed")
    return _Failed(f"its certificate is not trusted: {refused[1].strip()} (see ca_cert)", hopeless=True)


def _ca_of_the_environment() -> str | None:
    """The CA certificates that requests takes from the environment when it trusts it."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or None


def _proxy_of_the_environment(url: str) -> str:
    """The variable with the proxy that the environment has for an address; empty when there is none."""
    scheme = url.partition(":")[0].lower()
    if scheme not in requests.utils.get_environ_proxies(url):
        return ""
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), "")


def _judged(response: requests.Response) -> requests.Response | _Failed:
    status = response.status_code
    if status in _REDIRECTS:
        return _Failed("it redirects twice", hopeless=True)
    if status not in _RETRIED:
        # A proxy that cuts an answer short leaves half a JSON behind; that is no answer.
        if response.ok and response.content and json_object(response) is None:
            return _Failed(f"its answer (status {status}) is not JSON")
        return response
    pause = _retry_after(response.headers.get("Retry-After", ""))
    text = error_text(response)
    reason = f"status {status}{f' ({text})' if text else ''}"
    if status == http.HTTPStatus.TOO_MANY_REQUESTS:
        return _Failed(f"too many requests: {reason}", SecretsThrottled, pause, begun=False)
    if status == http.HTTPStatus.SERVICE_UNAVAILABLE and "sealed" in _errors(response):
        return _Failed("it is sealed", SecretsBackendSealed, pause, begun=False)
    return _Failed(reason, pause=pause, begun=status not in _NOT_BEGUN)


def _errors(response: requests.Response) -> str:
    return str((json_object(response) or {}).get("errors"))


def _pause(attempts: int) -> float:
    longest: float = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempts)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  (spread, not secrecy)


def _retry_after(text: str) -> float:
    """Seconds that a Retry-After header asks for; it holds a number or a date (RFC 9110, 10.2.3)."""
    if text.strip().isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _reason(failure: BaseException) -> str:
    """The system's word for it, such as "Connection refused"; never the text of the exception itself."""
    for error in _behind(failure):
        if isinstance(error, OSError) and error.strerror and not isinstance(error, requests.RequestException):
            return error.strerror
    return f"the connection failed ({type(failure).__name__})"


def _never_connected(failure: BaseException) -> bool:
    never = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    return any(isinstance(error, never) for error in _behind(failure))


def _behind(failure: BaseException) -> list[BaseException]:
    """The exception and all those that led to it."""
    seen: list[BaseException] = [failure]
    for error in seen:
        nearby = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
        seen.extend(item for item in nearby if isinstance(item, BaseException) and item not in seen)
    return seen
