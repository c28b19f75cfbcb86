"""How the stand-in watches: versions of its objects, and connections on which each change is told.

As the API server does it: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import json
import select
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from broken_answers import BrokenAnswer

Object = dict[str, Any]

WATCH_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
_BARE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
EXPIRED = {
    "kind": "Status",
    "apiVersion": "v1",
    "metadata": {},
    "status": "Failure",
    "message": "The resourceVersion for the provided watch is too old.",
    "reason": "Expired",
    "code": 410,
}


class Event(NamedTuple):
    """A change of an object."""

    version: int
    resource: str
    kind: str
    item: Object


@dataclass
class Versions:
    """Every change has a version, which is one more than that of the change before it.

    Args:
        now: The objects that there are, by resource.
    """

    now: Callable[[], dict[str, Iterable[Object]]]
    version: int = 100
    compacted: int = 100
    history: list[Event] = field(default_factory=list)
    _seen: dict[tuple[str, str], tuple[str, Object]] = field(default_factory=dict)

    def see(self) -> int:
        """Find out what has changed; says the version that everything is of now."""
        there = set()
        for resource, items in self.now().items():
            for item in items:
                key, written = (resource, item["metadata"]["name"]), json.dumps(item)
                there.add(key)
                before = self._seen.get(key)
                if before is None or before[0] != written:
                    kept = self._note(resource, "MODIFIED" if before else "ADDED", json.loads(written))
                    self._seen[key] = (written, kept)
        for key in self._seen.keys() - there:
            _written, item = self._seen.pop(key)
            self._note(key[0], "DELETED", json.loads(json.dumps(item)))
        return self.version

    def listed(self, resource: str) -> list[Object]:
        """The objects, each with its version."""
        return [item for (of, _name), (_written, item) in self._seen.items() if of == resource]

    def since(self, version: int, resource: str) -> list[Event]:
        """What came after a version."""
        return [event for event in self.history if event.version > version and event.resource == resource]

    def compact(self) -> None:
        """Forget what has changed up to now, as etcd does after five minutes."""
        self.version += 1
        self.compacted = self.version

    def _note(self, resource: str, kind: str, item: Object) -> Object:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self.history.append(Event(self.version, resource, kind, item))
        return item


@dataclass
class Watches:
    """Connections on which changes are told.

    Args:
        versions: Of the objects; asked for with the lock held.
        lock: Of the stand-in.

    Attributes:
        tick: Seconds between two looks at what has changed.
        bookmarks: Seconds after which a version is told without a change.
        silent: Whether nothing is told, as by a proxy that keeps what it gets.
        frozen: Whether nothing new is known, as by a cache that lags.
        bare: Whether answers come without chunks, up to the end of the connection.
        open: How many connections there are.
        sent: How many bytes were sent on all of them.
    """

    versions: Versions
    lock: threading.RLock
    tick: float = 0.02
    bookmarks: float = 60.0
    silent: bool = False
    frozen: bool = False
    bare: bool = False
    open: int = 0
    sent: int = 0
    _round: int = 0
    _last: bytes = b""

    def fall_silent(self) -> None:
        """Tell nothing of what happens from now on."""
        with self.lock:
            self.silent = True

    def cut(self, last: bytes = b"") -> None:
        """End all connections.

        Args:
            last: What is written before; a part of a line, or an event that says why.
        """
        self._last, self._round = last, self._round + 1

    def answer(self, resource: str, query: dict[str, list[str]]) -> BrokenAnswer:
        """Tells what becomes of some objects, as long as that is wanted."""
        return _Connection(self, resource, query).serve


class _Connection:
    def __init__(self, watches: Watches, resource: str, query: dict[str, list[str]]) -> None:
        self._watches, self._resource, self._round = watches, resource, watches._round
        self._version = int(query["resourceVersion"][0])
        self._takes_bookmarks = query.get("allowWatchBookmarks") == ["true"]
        self._end = time.monotonic() + float(query.get("timeoutSeconds", ["1800"])[0])
        self._told = time.monotonic()
        self._selector = dict(
            part.split("=") for part in query.get("labelSelector", [""])[0].split(",") if part
        )

    def serve(self, connection: socket.socket, closing: threading.Event) -> None:
        watches = self._watches
        with watches.lock:
            watches.open += 1
        try:
            connection.sendall(_BARE_HEAD if watches.bare else WATCH_HEAD)
            if self._version < watches.versions.compacted:
                self._send(connection, _line("ERROR", EXPIRED))
                return
            while not closing.is_set() and time.monotonic() < self._end and not is_gone(connection):
                if watches._round != self._round:
                    self._send(connection, watches._last)
                    return
                began = time.monotonic()
                self._tell(connection)
                # Many objects take long to compare: others want to be served too.
                closing.wait(max(watches.tick, 5 * (time.monotonic() - began)))
            if not watches.bare:
                write_chunk(connection, b"")
        finally:
            with watches.lock:
                watches.open -= 1

    def _tell(self, connection: socket.socket) -> None:
        with self._watches.lock:
            if self._watches.silent or self._watches.frozen:
                return
            now = self._watches.versions.see()
            events = self._watches.versions.since(self._version, self._resource)
        for event in events:
            if self._selector.items() <= event.item["metadata"].get("labels", {}).items():
                self._send(connection, _line(event.kind, event.item))
                self._told = time.monotonic()
        self._version = now
        if self._takes_bookmarks and time.monotonic() - self._told >= self._watches.bookmarks:
            self._told = time.monotonic()
            self._send(connection, _line("BOOKMARK", {"metadata": {"resourceVersion": str(now)}}))

    def _send(self, connection: socket.socket, line: bytes) -> None:
        if not line:
            return
        self._watches.sent += len(line)
        if self._watches.bare:
            connection.sendall(line)
        else:
            write_chunk(connection, line)


def _line(kind: str, item: Object) -> bytes:
    return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode() + b"\n"


def write_chunk(connection: socket.socket, content: bytes) -> None:
    """Send a part of an answer; the empty one is its end."""
    connection.sendall(b"%x\r\n%s\r\n" % (len(content), content))


def is_gone(connection: socket.socket) -> bool:
    """Whether who listened does not any more."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
