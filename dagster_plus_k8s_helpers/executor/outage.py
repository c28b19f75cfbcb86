"""Whether the API server can be reached, told once when it cannot and once when it can again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.executor.call_errors import CallError

__all__ = ["Backoff", "Outage", "OutageNews"]

# One failed call is an accident: it is the second without a success between that makes an outage.
_CALLS_THAT_MAKE_AN_OUTAGE = 2


class OutageNews(NamedTuple):
    """What is to be told of an outage.

    Attributes:
        reason: What the last call that failed said; empty when it is over.
        seconds: How long it lasted, when it is over.
    """

    reason: str
    seconds: float


class Outage:
    """What the calls of all threads say about the API server.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._since: float | None = None
        self._told = False
        self._news: OutageNews | None = None

    def succeeded(self) -> None:
        """A call was answered, whatever the answer."""
        with self._lock:
            if self._told and self._since is not None:
                # An outage that ended before it was told needs no telling.
                self._news = OutageNews("", self._clock() - self._since)
                self._told = False
            elif self._since is not None:
                self._news = None
            self._failures, self._since = 0, None

    def failed(self, error: CallError) -> None:
        """A call was not answered, or answered with a server's error. Throttling is no outage."""
        if error.is_throttling:
            return
        with self._lock:
            self._failures += 1
            self._since = self._since if self._since is not None else self._clock()
            if self._failures >= _CALLS_THAT_MAKE_AN_OUTAGE and not self._told:
                self._news = OutageNews(str(error), 0.0)

    def news(self) -> OutageNews | None:
        """What has not been told yet."""
        with self._lock:
            news, self._news = self._news, None
            if news is not None and news.reason:
                self._told = True
            return news


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
