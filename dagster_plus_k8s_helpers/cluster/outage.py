"""Whether the API server can be reached, told once when it cannot and once when it can again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.cluster.errors import CallError

__all__ = ["Backoff", "CallKind", "Outage", "OutageNews"]

CallKind: TypeAlias = Literal["read", "write"]
"""Looks read; launches and deletions write."""

# One failed call is an accident: it is the second without a success between that makes an outage. A call that
# waited for all of its time is none: somebody has been kept waiting for as long as two.
_CALLS_THAT_MAKE_AN_OUTAGE = 2


class OutageNews(NamedTuple):
    """What is to be told of an outage.

    Attributes:
        reason: What the last call that failed said; empty when it is over.
        seconds: How long it lasted, when it is over.
        is_refusal: Whether the API server is there, and does not take the run's credentials.
    """

    reason: str
    seconds: float
    is_refusal: bool = False


class Outage:
    """What the calls of all threads say about the API server.

    Reads and writes can fail apart: an outage ends when whichever of them had failed goes through again. What
    got no answer at all is over with any answer.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[CallKind, _Failures] = {}
        self._since: float | None = None
        self._ended = float("-inf")
        self._told = False
        self._news: OutageNews | None = None

    def succeeded(self, kind: CallKind = "read") -> None:
        """A call was answered, whatever the answer."""
        with self._lock:
            self._failures = {
                other: failures
                for other, failures in self._failures.items()
                if other != kind and failures.last.status
            }
            if self._failures or self._since is None:
                return
            # An outage that ended before it was told needs no telling.
            self._news = OutageNews("", self._clock() - self._since) if self._told else None
            self._told, self._since, self._ended = False, None, self._clock()

    def failed(self, error: CallError, kind: CallKind = "read") -> None:
        """A call was not answered, or answered with a server's error. Throttling is no outage."""
        if error.is_throttling:
            return
        with self._lock:
            # A call that was kept waiting since before the end of an outage says nothing new.
            if error.waited and self._clock() - error.waited < self._ended:
                return
            before = self._failures.get(kind)
            failures = _Failures((before.in_a_row if before else 0) + 1, error)
            self._failures[kind] = failures
            self._since = self._since if self._since is not None else self._clock() - error.waited
            is_outage = error.waited > 0 or failures.in_a_row >= _CALLS_THAT_MAKE_AN_OUTAGE
            if is_outage and not self._told:
                self._news = OutageNews(str(error), 0.0, is_refusal=error.is_unauthorized)

    def news(self) -> OutageNews | None:
        """What has not been told yet."""
        with self._lock:
            news, self._news = self._news, None
            if news is not None and news.reason:
                self._told = True
            return news


class _Failures(NamedTuple):
    """Calls of a kind that failed in a row."""

    in_a_row: int
    last: CallError


class Backoff:
    """How long to wait after each failure in a row: twice as long as before, up to a limit."""

    def __init__(self, first: float = 0.5, most: float = 15.0) -> None:
        self._first, self._most = first, most
        self._failures = 0

    def failed(self, at_least: float = 0.0) -> float:
        """Seconds to wait now."""
        self._failures += 1
        return max(min(self._first * 2.0 ** min(self._failures - 1, 30), self._most), at_least)

    def succeeded(self) -> None:
        """The next failure is the first again."""
        self._failures = 0
