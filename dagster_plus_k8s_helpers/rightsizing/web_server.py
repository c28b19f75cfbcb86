"""Posting to a web server with a token that goes to it and nowhere else; no answer is endless."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.secrets.deadline import call_within
from dagster_plus_k8s_helpers.secrets.value import SecretValue
from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "RemoteHistoryError", "WebServer"]

_TOKEN_HEADER = "Dagster-Cloud-Api-Token"  # noqa: S105 - the name of the header
_MOST_BYTES = 2**27
_CHUNK = 2**16


class RemoteHistoryError(DagsterPlusK8sError):
    """A web server did not say what its runs took."""


class Answer(NamedTuple):
    """What came back, without what was asked: the token stands there.

    Attributes:
        status: Of HTTP.
        leads_to: Where a redirect goes, without what may be secret in it; empty for none.
        content: All of it.
    """

    status: int
    leads_to: str
    content: bytes


class WebServer:
    """A web server that is asked one thing at a time.

    Of the environment it takes the proxy of https alone, which sees neither the token nor an answer: that of
    http would see both, and a .netrc would send a password beside the token.

    Args:
        url: Where it is; it may have a user and a password in it.
        token: A user token of Dagster+.
        seconds: How long each answer may take, to its last byte.

    Attributes:
        name: What messages call it: its URL without what may be secret in it.
    """

    def __init__(self, url: str, token: str | None, seconds: float) -> None:
        self._url, self._token = SecretValue(url), SecretValue(token or "")
        self.name = _shown(url)
        self._seconds = seconds
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = (
            os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
        )
        self._session.proxies = _proxies_of(url)

    def post(self, query: Mapping[str, object]) -> Answer:
        """The whole answer. A redirect is not followed: it would take the token to any host.

        Raises:
            RemoteHistoryError: There is none, or not in time, or it does not end.
        """
        try:
            return call_within(self._seconds, lambda: self._posted(query))
        except (TimeoutError, requests.Timeout):
            problem = f"gave no whole answer within {self._seconds:g} s"
        except _TooLongError:
            problem = f"answers with more than {_MOST_BYTES >> 20} MiB"
        # A URL or a token that HTTP cannot hold is a ValueError of many kinds. The text of an error may hold
        # the token, or a proxy's password.
        except (requests.RequestException, HTTPError, ValueError) as error:
            problem = f"does not answer: {type(error).__name__}"
        # Not in the blocks above: the context of this one would be an error in whose frames the token is.
        raise RemoteHistoryError(f"{self.name} {problem}")

    def _posted(self, query: Mapping[str, object]) -> Answer:
        with self._session.post(
            self._url.reveal(),
            json=query,
            headers=self._headers(),
            timeout=self._seconds,
            allow_redirects=False,
            stream=True,
        ) as response:
            parts: list[bytes] = []
            size = 0
            for part in response.iter_content(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES:
                    raise _TooLongError
            return Answer(response.status_code, _target(response), b"".join(parts))

    def _headers(self) -> dict[str, str]:
        token = self._token.reveal()
        return {_TOKEN_HEADER: token} if token else {}


class _TooLongError(Exception):
    """An answer goes on and on."""


def _proxies_of(url: str) -> dict[str, str]:
    """The proxy that the environment has for an address of https."""
    if not url.lower().startswith("https:"):
        return {}
    found = requests.utils.get_environ_proxies(url)
    proxy = found.get("https") or found.get("all")
    return {"https": proxy} if proxy else {}


def _shown(url: str) -> str:
    """A URL without its query, and with its user and password masked, wherever it is misspelled.

    What stands before the last @ goes, wherever that is: a password may have any character in it.
    """
    before, at, host = url.rpartition("@")
    host = re.split(r"[?#]", host, maxsplit=1)[0]
    if not at:
        return host
    scheme, slashes, _ = before.partition("://")
    return f"{scheme}://***@{host}" if slashes else f"***@{host}"


def _target(answer: requests.Response) -> str:
    """Where a redirect goes; empty where it is none."""
    if not answer.is_redirect:
        return ""
    location = answer.headers["Location"]
    try:
        where = urljoin(_shown(answer.url), _shown(location))
    except ValueError:
        where = _shown(location)
    return one_line(where)
