"""One connection and one cache a process for every resource instance with the same settings.

Dagster makes a new instance of a resource for each run and step, so what is to outlive an instance is
kept here, under a digest of all its settings, credentials included: two tenants never meet. The table
holds weak references: the last instance to let go takes the values with it.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
import secrets
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pydantic import BaseModel

from dagster_plus_k8s_helpers.secrets.cache import SecretCache

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.secrets.cache import CachePolicy
    from dagster_plus_k8s_helpers.secrets.fetched import Answers
    from dagster_plus_k8s_helpers.secrets.ref import SecretRef

__all__ = ["Connection", "Shared", "settings_digest", "shared"]


class Connection(Protocol):
    """A logged-in way to a backend; thread-safe."""

    def fetch(self, refs: Sequence[SecretRef]) -> Answers:
        """Read secrets, all in one call where the backend can."""

    def close(self) -> None:
        """Give back sockets."""


C = TypeVar("C", bound=Connection)


class Shared(Generic[C]):
    """A connection with its cache, bound to the process that made it."""

    def __init__(self, connection: C, policy: CachePolicy, warn: Callable[[str], None]) -> None:
        self.connection = connection
        self.cache = SecretCache(connection.fetch, policy, warn)
        self.pid = os.getpid()
        weakref.finalize(self, _close, connection, self.pid).atexit = False


def _close(connection: Connection, pid: int) -> None:
    # In a forked child the locks of the parent's socket pool may be held by threads that are not there.
    if pid == os.getpid():
        connection.close()


_digest_key = secrets.token_bytes(32)
_never_equal = itertools.count()
_table: weakref.WeakValueDictionary[bytes, Shared[Connection]] = weakref.WeakValueDictionary()
_lock = threading.Lock()
# Of a forked child: its parent's connections. Not even freed, as urllib3's finalizers take locks too.
_inherited: list[Connection] = []


def shared(digest: bytes, make: Callable[[], Shared[C]]) -> Shared[C]:
    """The one under ``digest``, made by ``make`` if there is none in this process."""
    with _lock:
        found = _table.get(digest)
        if found is None:
            found = _table[digest] = make()  # type: ignore[assignment]  # the digest holds the class
        return found  # type: ignore[return-value]  # as above


def settings_digest(*settings: object) -> bytes:
    """A digest of settings, keyed by a number of this process: it tells nobody what went in."""
    return hmac.digest(_digest_key, repr([_plain(value) for value in settings]).encode(), hashlib.sha256)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        fields = {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        return (type(value).__module__, type(value).__qualname__, fields)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, bytes, int, float)):
        return value
    # An object that says nothing about its settings is shared with nobody.
    return ("unknown", next(_never_equal))


def _forget_parent() -> None:
    """In a forked child: the locks may be held by threads that do not exist here."""
    global _lock, _table  # noqa: PLW0603  (a fork is the one event that replaces them)
    held = (reference() for reference in _table.valuerefs())
    _inherited.extend(one.connection for one in held if one is not None)
    _lock = threading.Lock()
    _table = weakref.WeakValueDictionary()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
