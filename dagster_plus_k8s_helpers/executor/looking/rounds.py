"""When the steps are looked at: beside the executor's loop, one look at a time."""

from __future__ import annotations

import heapq
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.outage import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.cluster.outage import Outage
    from dagster_plus_k8s_helpers.executor.looking.looker import Looker
    from dagster_plus_k8s_helpers.executor.looking.observation import Look
    from dagster_plus_k8s_helpers.executor.looking.remains import Watched

__all__ = ["LookRounds"]

# However much comes on a watch: a look takes in all that came before it, in a part of the time at most.
_LEAST_INTERVAL = 0.5
# An interrupted step has ended: what took its pod is gone from sight soon.
_INTERRUPTED_INTERVAL = 1.0


class LookRounds:
    """Looks at regular intervals.

    Args:
        looker: Takes them.
        outage: Is told of every look.
        interval: Seconds from the end of a look to the next.
        at_once: Whether the first look is not waited for: watches begin with it.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        looker: Looker,
        outage: Outage,
        interval: float,
        *,
        at_once: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._looker, self._outage, self._interval, self._clock = looker, outage, interval, clock
        self._looking: Future[Look] | None = None
        self._hasty = False
        self._next = clock() if at_once else clock() + interval
        self._news = threading.Event()
        # Until when news is not looked at: a look has just ended, or there is no use in one.
        self._deaf_until = float("-inf")
        self._wanted: list[float] = []
        self._backoff = Backoff()
        self._thread: ThreadPoolExecutor | None = None
        looker.on_news = self.wake
        self.began = 0.0
        """When the last look began, by the clock."""

    def within(self, seconds: float) -> None:
        """Look once more when this time is over, unless a look comes anyway."""
        if seconds < self._interval:
            heapq.heappush(self._wanted, self._clock() + seconds)

    def soon(self) -> None:
        """Do not wait for the end of the interval."""
        self._next = self._clock()

    def wake(self) -> None:
        """Something has happened that is worth a look; from any thread."""
        self._news.set()

    def collect(self) -> Look | None:
        """What a look has found; ``None`` when none has ended, or it could not reach the API."""
        if self._looking is None or not self._looking.done():
            return None
        looking, self._looking = self._looking, None
        interval = min(self._interval, _INTERRUPTED_INTERVAL) if self._hasty else self._interval
        # In case the look failed in a way that nobody has thought of.
        self._next = self._clock() + self._interval
        try:
            look = looking.result()
        except CallError as error:
            self._outage.failed(error)
            wait = max(min(self._backoff.failed(), self._interval), error.retry_after)
            self._next = self._deaf_until = self._clock() + wait
            return None
        self._outage.succeeded()
        self._backoff.succeeded()
        now = self._clock()
        self._next = now + interval
        self._deaf_until = now + max(_LEAST_INTERVAL, min(now - self.began, self._interval))
        return look

    def is_due(self, within: float | None = None) -> bool:
        """Whether it is time to `begin`: what is to be looked at need not be gathered before."""
        due = min([self._next, *self._wanted[:1], *([] if within is None else [self.began + within])])
        if self._news.is_set():
            due = min(due, self._deaf_until)
        return self._looking is None and self._clock() >= due

    def begin(self, watched: Sequence[Watched], *, within: float | None = None) -> None:
        """Look at these, if it is time; past the API server's cache if one of them was interrupted.

        Args:
            watched: Which.
            within: Seconds from the beginning of the last look after which it is time all the same.
        """
        now = self._clock()
        if not watched or not self.is_due(within):
            return
        while self._wanted and self._wanted[0] <= now:
            heapq.heappop(self._wanted)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="step-looker")
        # Before the look: what comes while it looks is looked at by the next one.
        self._news.clear()
        self.began = now
        self._hasty = any(job.interrupted for job in watched)
        self._looking = self._thread.submit(self._looker.look, watched, consistent=self._hasty)

    def close(self, *, wait: bool) -> None:
        """Look no more."""
        if self._thread is not None:
            self._thread.shutdown(wait=wait, cancel_futures=True)
        self._looker.close(wait=wait)
