"""HTTP calls that end when their time is up, whatever the other side does.

A socket's timeout bounds each wait for the next byte, so an answer that comes a byte at a time is never late
for it; name resolution and credential plugins know no timeout at all. Here one deadline holds for all, and
nothing is sent after it: a call that was given up must not create the Job that has been deleted since.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as SocketTimeout
from urllib3.util import Timeout

from dagster_plus_k8s_helpers.cluster.errors import CallError, answered, late, unreachable
from dagster_plus_k8s_helpers.cluster.streams import Stream
from dagster_plus_k8s_helpers.secrets.deadline import Deadline, call_within

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kubernetes.client import ApiClient
    from urllib3 import BaseHTTPResponse

__all__ = ["Answer", "Request", "TimedHttp", "error_of"]

_GOOD, _REDIRECTS = range(200, 300), range(300, 400)

T = TypeVar("T")

_OK = 200
# Ten times a LIST of a thousand steps: a body without an end must not take the run worker's memory.
_MOST_BYTES = 2**27
_CHUNK = 2**16
# urllib3 takes no timeout of nothing.
_LEAST_SECONDS = 0.001


class Request(NamedTuple):
    """What is asked.

    Attributes:
        method: Of HTTP.
        path: What follows the address of the API server, with the query.
        headers: But for the credentials.
        body: What is sent.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None


class Answer(NamedTuple):
    """What a call was answered."""

    status: int
    reason: str
    headers: Mapping[str, str]
    content: bytes


def error_of(answer: Answer) -> CallError | None:
    """What an answer says went wrong; ``None`` when it is good."""
    if answer.status in _GOOD:
        return None
    said, headers = answer.content.decode(errors="replace"), answer.headers
    error = answered(answer.status, answer.reason, said, headers.get("Retry-After"))
    if answer.status in _REDIRECTS and (host := urlsplit(headers.get("Location", "")).hostname):
        error.reason = f"{error.reason} to {host}"
    return error


class TimedHttp:
    """Calls with the credentials and the connections of a client.

    Args:
        client: Of the ``kubernetes`` package; none of its retries are made.
    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        # urllib3 means it to be set: "Locally set the pool classes so other PoolManagers can override them".
        client.rest_client.pool_manager.pool_classes_by_scheme = _POOLS

    def call(self, request: Request, seconds: float) -> Answer:
        """What is answered, if that comes whole and in time.

        Args:
            request: What is asked.
            seconds: For everything together.

        Raises:
            CallError: There was no whole answer.
        """
        return _within(seconds, call := _Call(self._client, request, seconds), call.make)

    def stream(self, request: Request, seconds: float, silence: float) -> Stream:
        """An answer that goes on, once it has begun.

        Args:
            request: What is asked.
            seconds: For everything up to the end of its headers.
            silence: Seconds for which nothing may come from then on.

        Raises:
            CallError: It did not begin, or is an error.
        """
        call = _Call(self._client, request, seconds, silence)
        begun = _within(seconds, call, call.begin)
        if isinstance(begun, Answer):
            raise error_of(begun) or CallError(0, f"HTTP {begun.status} is no answer to a watch")
        return Stream(begun, call.cut, silence, seconds)


def _within(seconds: float, call: _Call, make: Callable[[], T]) -> T:
    try:
        return call_within(seconds, make)
    except TimeoutError:
        error = late(seconds, has_begun=call.has_begun)
        call.cut()
        raise error from None


class _Call:
    """One call, made on a thread of its own."""

    def __init__(
        self, client: ApiClient, request: Request, seconds: float, silence: float | None = None
    ) -> None:
        self._client, self._request, self._deadline = client, request, Deadline(seconds)
        self._silence = silence
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_over = False
        self.has_begun = False

    def make(self) -> Answer:
        """The answer; raises ``CallError`` only."""
        return self._made(_whole)

    def begin(self) -> BaseHTTPResponse | Answer:
        """The answer when its headers are there, and whole if it says that something went wrong."""
        return self._made(self._begun)

    def _begun(self, response: BaseHTTPResponse) -> BaseHTTPResponse | Answer:
        if response.status != _OK:
            return _whole(response)
        try:
            # Whoever waited for it may have gone, and nobody else would close it.
            self._go_on()
        except CallError:
            response.close()
            raise
        return response

    def _made(self, take: Callable[[BaseHTTPResponse], T]) -> T:
        _current.call = self
        headers = {**self._request.headers, **self._credentials()}
        self._go_on()
        try:
            response = self._client.rest_client.pool_manager.request(
                self._request.method,
                self._client.configuration.host.rstrip("/") + self._request.path,
                body=self._request.body,
                headers=headers,
                preload_content=False,
                redirect=False,
                retries=False,
                timeout=self._timeout(),
            )
            self.has_begun = True
            return take(response)
        except (HTTPError, OSError) as error:
            if isinstance(error, SocketTimeout) and not isinstance(error, NewConnectionError):
                raise self._late() from None
            raise unreachable(error) from None
        # The text of the error would hold the header, which is a credential.
        except ValueError:
            raise CallError(
                0, "the request cannot be written: its credentials are not text for HTTP"
            ) from None

    def _timeout(self) -> Timeout:
        left = max(self._deadline.left(), _LEAST_SECONDS)
        # What goes on has no end to be late for; whoever waits for its beginning has a deadline of their own.
        return Timeout(total=left) if self._silence is None else Timeout(connect=left, read=self._silence)

    def use(self, connected: socket.socket | None) -> None:
        """Note what to cut when the time is up; to be asked before anything is sent on it.

        Raises:
            CallError: It is up.
        """
        with self._lock:
            self._socket = connected or self._socket
        if connected is not None and self._silence is not None:
            _keep_alive(connected)
        self._go_on()

    def cut(self) -> None:
        """End what still waits for the other side, and have nothing sent from now on."""
        with self._lock:
            self._is_over = True
            connected = self._socket
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def _go_on(self) -> None:
        with self._lock:
            if self._is_over or not self._deadline.left():
                raise self._late()

    def _late(self) -> CallError:
        return late(self._deadline.seconds, has_begun=self.has_begun)

    def _credentials(self) -> dict[str, str]:
        found: dict[str, str] = {}
        try:
            self._client.update_params_for_auth(found, [], ["BearerToken"])
        # A credential plugin asks a service of its own, which may be away in ways of its own.
        except Exception as error:  # noqa: BLE001
            raise CallError(0, f"no credentials: {error}") from None
        return found


def _whole(response: BaseHTTPResponse) -> Answer:
    return Answer(response.status, response.reason or "", response.headers, _content(response))


def _keep_alive(connected: socket.socket) -> None:
    """Have the kernel notice within a minute when the other side is gone without a word."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        # Not every system has them by these names.
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _content(response: BaseHTTPResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in response.stream(_CHUNK, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            response.close()
            raise CallError(0, f"the answer is longer than {_MOST_BYTES >> 20} MiB")
    return b"".join(parts)


_current = threading.local()


class _Watched:
    """A connection that says which socket the call of its thread waits for, and asks before it sends."""

    sock: socket.socket | None

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]  # of the connection that this is mixed into
        _current.call.use(self.sock)

    def _tunnel(self) -> None:
        # A proxy that is cut off in its answer has, for http.client, ended it well.
        _current.call.use(self.sock)
        super()._tunnel()  # type: ignore[misc]  # as above
        _current.call.use(self.sock)

    def request(self, *arguments: Any, **named: Any) -> None:
        _current.call.use(self.sock)
        super().request(*arguments, **named)  # type: ignore[misc]  # as above


class _HTTPConnection(_Watched, HTTPConnection):
    pass


class _HTTPSConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _EncryptedPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _PlainPool, "https": _EncryptedPool}
