"""What a bad network, or whatever stands in front of an API server, sends in place of its answer."""

from __future__ import annotations

import gzip
import itertools
import json
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable, Iterable

BrokenAnswer: TypeAlias = "Callable[[socket.socket, threading.Event], None]"
"""Writes to the connection; the event says that the test is over."""

_DRIBBLE_SECONDS = 0.1


def sends(*parts: bytes, shuts: bool = True) -> BrokenAnswer:
    """These bytes, as they are."""

    def write(connection: socket.socket, closing: threading.Event) -> None:
        for part in parts:
            connection.sendall(part)
        if not shuts:
            closing.wait()

    return write


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", *headers, "Connection: close", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def says(content: Any, status: str = "200 OK") -> BrokenAnswer:
    """JSON."""
    return sends(answer(json.dumps(content).encode(), status, "Content-Type: application/json"))


def html(status: str, *headers: str) -> BrokenAnswer:
    """The page of a proxy, or of a login."""
    return sends(answer(b"<html>Sign in</html>", status, "Content-Type: text/html", *headers))


def dribbles(head: bytes, bytes_of: Callable[[], Iterable[bytes]]) -> BrokenAnswer:
    """A byte at a time, without end; each comes sooner than any timeout of a socket."""

    def write(connection: socket.socket, closing: threading.Event) -> None:
        connection.sendall(head)
        for part in bytes_of():
            if closing.wait(_DRIBBLE_SECONDS):
                return
            connection.sendall(part)

    return write


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"

BROKEN: dict[str, tuple[BrokenAnswer, str]] = {
    "a body that dribbles": (
        dribbles(_HEAD, lambda: itertools.repeat(b" ")),
        "the answer has not ended within 1 s",
    ),
    "headers that dribble": (
        dribbles(b"HTTP/1.1 200 OK\r\nX-Slow: ", lambda: itertools.repeat(b"x")),
        "no answer within 1 s",
    ),
    "chunks that dribble": (
        dribbles(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", lambda: itertools.repeat(b"1\r\n \r\n")
        ),
        "the answer has not ended within 1 s",
    ),
    "silence": (sends(shuts=False), "no answer within 1 s"),
    "silence after half a body": (
        sends(_HEAD, b'{"items": [', shuts=False),
        "the answer has not ended within 1 s",
    ),
    "the end of the connection": (sends(), "Remote end closed connection without response"),
    "the end of the connection in the body": (
        sends(_HEAD, b'{"items": ['),
        "IncompleteRead(11 bytes read, 999989 more expected)",
    ),
    "a length that is too short": (
        sends(b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"items": []}'),
        "the answer is not JSON",
    ),
    "a body that is not gzip": (
        sends(answer(b"no gzip", "200 OK", "Content-Encoding: gzip")),
        "Error -3 while decompressing data: incorrect header check",
    ),
    "a bomb": (
        sends(answer(gzip.compress(b" " * 2**22), "200 OK", "Content-Encoding: gzip")),
        "the answer is longer than 1 MiB",
    ),
    "a huge body": (sends(answer(b" " * 2**22)), "the answer is longer than 1 MiB"),
    "another protocol": (sends(b"SSH-2.0-OpenSSH_9.6"), "SSH-2.0-OpenSSH_9.6"),
    "no body": (sends(answer(b"")), "the answer is empty"),
    "no content": (sends(answer(b"", "204 No Content")), "the answer is empty"),
    "a page": (html("200 OK"), "the answer is not JSON"),
    "a page that says 403": (
        html("403 Forbidden"),
        "HTTP 403 Forbidden, which the API server does not say",
    ),
    "a page that says 404": (
        html("404 Not Found"),
        "HTTP 404 Not Found, which the API server does not say",
    ),
    "a page that says 502": (html("502 Bad Gateway"), "HTTP 502 Bad Gateway"),
    "a login": (
        html("302 Found", "Location: https://login.example.com/?next=/api&token=t0k3n"),
        "HTTP 302 Found to login.example.com, which the API server does not say",
    ),
    "bytes that are no text": (sends(answer(b"\xff\xfe\x00")), "the answer is not JSON"),
    "an error that is no text": (
        sends(answer(b"\xff\xfe\x00", "503 Service Unavailable")),
        "HTTP 503 Service Unavailable",
    ),
    "deep JSON": (sends(answer(b"[" * 100_000)), "the answer is JSON that is nested too deeply"),
    "an error of deep JSON": (
        sends(answer(b"[" * 100_000, "500 Internal Server Error")),
        "HTTP 500 Internal Server Error",
    ),
    "JSON that is no object": (says([]), "the answer is JSON, but no object"),
    "a failure that says 200": (
        says({"kind": "Status", "status": "Failure", "code": 503, "message": "etcd has no leader"}),
        "HTTP 503 etcd has no leader",
    ),
    "a failure without a code": (
        says({"kind": "Status", "status": "Failure", "message": "it broke"}),
        "HTTP 500 it broke",
    ),
}
"""By name, what is sent and the reason that is told."""
