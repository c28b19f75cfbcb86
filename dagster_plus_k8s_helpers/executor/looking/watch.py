"""A watch of the Jobs, or of the pods, of a run: a connection that stays open, and a thread that reads it."""

from __future__ import annotations

import random
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.answers import change_of
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.outage import Backoff
from dagster_plus_k8s_helpers.executor.looking.mirror import Mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dagster_plus_k8s_helpers.cluster.calls import Cluster, Resource
    from dagster_plus_k8s_helpers.cluster.streams import Stream
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Watch"]

_EXPIRED = 410
# As client-go has it: all end some time, and not all at once.
# Source: https://github.com/kubernetes/client-go/blob/master/tools/cache/reflector.go (minWatchTimeout)
_SECONDS = (300, 600)
# A bookmark comes about once a minute: who says nothing for longer than that is asked again.
_SILENCE_SECONDS = 100.0
# What a dribbling line, or a thread that is held up, may add to it.
_OVER = 1.5
# A watch that has just ended knows as much as a look of a moment ago.
_GAP_SECONDS = 5.0
# Between two connections, however well the first one ended.
_PAUSE_SECONDS = 0.5
_MOST_PAUSE_SECONDS = 30.0


class Watch:
    """Keeps a mirror of what a list has brought up to date.

    Args:
        cluster: Where the objects are.
        resource: Of which kind.
        namespace: In which namespace.
        selector: With which labels.
        most: How many there can be.
        on_news: Called from its thread when a look is worth its while.
        clock: Seconds that only go forward.

    Attributes:
        mirror: What it keeps.
        refused: Why there will be no watch; empty as long as there may be.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str,
        selector: str,
        *,
        most: Callable[[], int],
        on_news: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._resource, self._clock = cluster, resource, clock
        self._namespace, self._selector, self._on_news = namespace, selector, on_news
        self.mirror, self._most = Mirror(resource), most
        self.refused = ""
        self._changed = threading.Condition()
        self._version = ""
        self._stream: Stream | None = None
        self._heard = self._lost = float("-inf")
        self._is_over = self._is_told = self._was_fruitful = False
        self._thread: threading.Thread | None = None
        self._backoff = Backoff(_PAUSE_SECONDS, _MOST_PAUSE_SECONDS)

    @property
    def needs_list(self) -> bool:
        """Whether it goes on only after a list."""
        return not self._version

    @property
    def is_current(self) -> bool:
        """Whether its mirror shows what there is, up to a few seconds."""
        with self._changed:
            stream, now = self._stream, self._clock()
            if not self._version or self._is_over:
                return False
            if stream is None:
                return now - self._lost < _GAP_SECONDS
            silent = now - self._heard
        if silent > _SILENCE_SECONDS * _OVER:
            stream.cut()
            return False
        return True

    def follow(self, items: Iterable[ApiObject], version: str) -> None:
        """Go on from a list.

        Args:
            items: What it has brought, as small as it is to be kept.
            version: Its ``resourceVersion``.
        """
        self.mirror.fill(items)
        with self._changed:
            if self._is_over:
                return
            self._version = version
            self._changed.notify_all()
        if self._thread is None:
            name = f"watch-{self._resource}"
            # A daemon, as a connection that hangs must not keep the run worker.
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:
                self.give_up(str(error))

    def give_up(self, why: str) -> None:
        """Watch no more."""
        self.refused = self.refused or why
        self._end()

    def close(self, *, wait: bool) -> None:
        """End the connection and the thread.

        Args:
            wait: Whether to wait for the thread, as long as its connection is open.
        """
        stream = self._end()
        if wait and stream is not None and self._thread is not None:
            self._thread.join(_GAP_SECONDS)

    def _end(self) -> Stream | None:
        with self._changed:
            self._is_over, stream = True, self._stream
            self._changed.notify_all()
        if stream is not None:
            stream.cut()
        return stream

    def _run(self) -> None:
        while version := self._awaited_version():
            try:
                self._read(version)
                pause = _PAUSE_SECONDS if self._was_fruitful else self._backoff.failed()
            except CallError as error:
                # A page that expired is a list's to begin again; so is whatever is not understood.
                if not error.is_passing:
                    self.give_up(str(error))
                    break
                pause = self._backoff.failed(error.retry_after)
            # What nobody has thought of leaves looks with lists, as they were without a watch. Its text may
            # be that of an object, and so a secret.
            except Exception as error:  # noqa: BLE001
                self.give_up(type(error).__name__)
                break
            # Who shares an API server that was away must not come back to it in the same moment.
            self._pause(pause * random.uniform(1.0, 2.0))  # noqa: S311 - no secret
            self._tell_if_lost()
        self._on_news()

    def _awaited_version(self) -> str:
        """Where to go on from; empty when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._version or self._is_over)
            return "" if self._is_over else self._version

    def _read(self, version: str) -> None:
        """Read a connection to its end."""
        began, self._was_fruitful = self._clock(), False
        try:
            stream = self._cluster.watch(
                self._resource,
                self._namespace,
                self._selector,
                version,
                seconds=random.randint(*_SECONDS),  # noqa: S311 - no secret
                silence=_SILENCE_SECONDS,
            )
        except CallError as error:
            if error.status == _EXPIRED:
                self._need_list()
            raise
        self._open(stream)
        try:
            # Closed by name: else the connection waits for whoever holds the error that ended it.
            with closing(stream.lines()) as lines:
                for line in lines:
                    self._take(line)
            self._was_fruitful = self._was_fruitful or self._clock() - began > _GAP_SECONDS
        finally:
            self._lose()

    def _open(self, stream: Stream) -> None:
        with self._changed:
            self._stream, self._heard, self._is_told = stream, self._clock(), False
            is_over = self._is_over
        if is_over:
            stream.cut()

    def _lose(self) -> None:
        with self._changed:
            # What was silent for so long that it was ended has been lost since then.
            silent = self._clock() - self._heard >= _SILENCE_SECONDS
            self._stream, self._lost = None, self._heard if silent else self._clock()

    def _take(self, line: bytes) -> None:
        try:
            change = change_of(line)
        except CallError:
            self._need_list()
            raise
        self._backoff.succeeded()
        self._was_fruitful = True
        is_news = self.mirror.take(change)
        with self._changed:
            self._heard = self._clock()
            self._version = change.version
        if (count := len(self.mirror)) > self._most():
            self.give_up(f"the watch does not end: {count} objects so far")
        if is_news:
            self._on_news()

    def _need_list(self) -> None:
        with self._changed:
            self._version = ""

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, seconds)

    def _tell_if_lost(self) -> None:
        """Have somebody look who goes by lists meanwhile, once."""
        if self.needs_list or (not self._is_told and not self.is_current):
            self._is_told = True
            self._on_news()
