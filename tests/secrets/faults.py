"""A TCP proxy that does to a connection what networks do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Literal, Self

Fault = Literal["none", "refuse", "silence", "delay", "drip", "truncate", "corrupt"]
LOOPBACK = "127.0.0.1"


class FaultyProxy:
    """Passes bytes on to ``target``; ``fault`` says how badly, ``times`` how often (None: always).

    refuse closes at once, silence never answers, delay waits 0.3 s, drip sends a byte at a time, truncate
    closes after half of the answer, corrupt flips bits in the answer's body.
    """

    def __init__(self, target: str) -> None:
        host, port = target.removeprefix("http://").split(":")
        self._target = (host, int(port))
        self.fault: Fault = "none"
        self.times: int | None = None
        self.connections = 0
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._server = socket.create_server((LOOPBACK, 0))
        self.url = f"http://{LOOPBACK}:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # A connection of one's own wakes the thread that waits in accept().
        with contextlib.suppress(OSError), socket.create_connection(self._server.getsockname(), 60):
            pass
        # Until it has left accept() the port listens on, whatever is closed.
        self._thread.join(60)
        self._server.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _fault(self) -> Fault:
        with self._lock:
            self.connections += 1
            if self.times is None:
                return self.fault
            self.times -= 1
            return self.fault if self.times >= 0 else "none"

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            fault = self._fault()
            if fault == "refuse":
                return
            client.settimeout(60)
            request = _message(client)
            if not request:
                return
            if fault == "silence":
                self._closing.wait(60)
                return
            with socket.create_connection(self._target, 60) as upstream:
                upstream.settimeout(60)
                upstream.sendall(_one_shot(request))
                answer = b"".join(iter(lambda: upstream.recv(65536), b""))
            self._reply(client, answer, fault)

    def _reply(self, client: socket.socket, answer: bytes, fault: Fault) -> None:
        head, separator, body = answer.partition(b"\r\n\r\n")
        if fault == "delay":
            time.sleep(0.3)
        if fault == "corrupt":
            body = bytes(byte ^ 0x15 for byte in body)
        answer = head + separator + body
        if fault == "truncate":
            answer = answer[: -max(1, len(body) // 2)]
        if fault != "drip":
            client.sendall(answer)
            return
        for position in range(len(answer)):
            client.sendall(answer[position : position + 1])
            if self._closing.wait(0.05):
                return


def _message(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _one_shot(request: bytes) -> bytes:
    """The request with ``Connection: close``, so that the end of the answer is the end of the connection."""
    head, separator, body = request.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*lines, b"Connection: close"]) + separator + body
