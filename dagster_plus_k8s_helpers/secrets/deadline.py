"""One deadline for everything that happens on behalf of a call."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from dagster_plus_k8s_helpers.secrets.errors import SecretsBackendUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Deadline", "call_each", "call_within", "locked"]

S = TypeVar("S")
T = TypeVar("T")


class Deadline:
    """A moment on the monotonic clock.

    Args:
        seconds: From now.
    """

    __slots__ = ("_end", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._end - time.monotonic())


@contextmanager
def locked(lock: threading.Lock, deadline: Deadline) -> Iterator[None]:
    """Hold a lock that other threads hold while they wait for a server.

    Raises:
        SecretsBackendUnavailable: It did not come free before the deadline.
    """
    if not lock.acquire(timeout=deadline.left()):
        raise SecretsBackendUnavailable(f"another thread has waited for it for {deadline.seconds:g} s")
    try:
        yield
    finally:
        lock.release()


def call_within(seconds: float, call: Callable[[], T]) -> T:
    """What ``call`` returns, if it does so in time.

    Socket timeouts bound each wait for the next byte, so a peer that sends one byte a second is never
    late for them, and name resolution knows no timeout at all. Hence a thread: it is left behind, as a
    daemon, when the time is up.

    Args:
        seconds: How long to wait.
        call: Takes nothing; its exception is raised here.

    Raises:
        TimeoutError: It did not return in time.
    """
    done = threading.Event()
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as failure:  # noqa: BLE001  (raised in the waiting thread)
            failures.append(failure)
        finally:
            done.set()

    if not _started(threading.Thread(target=run, name="secrets-call", daemon=True)):
        return call()
    if not done.wait(seconds):
        raise TimeoutError
    if failures:
        # pop() leaves no reference behind, so that the failure and this frame are no cycle.
        raise failures.pop()
    return results.pop()


def call_each(call: Callable[[S], T], items: Sequence[S], at_once: int) -> list[T]:
    """What ``call`` returns for each item, in their order.

    In daemon threads: those of concurrent.futures are joined at interpreter exit, so one that waits for
    a server that hangs would keep the process alive after everybody has given up on it.

    Args:
        call: Takes an item; the first exception of any is raised here, and no further item begun.
        items: What to call it with.
        at_once: Number of threads at most.
    """
    waiting: SimpleQueue[int] = SimpleQueue()
    for number in range(len(items)):
        waiting.put(number)
    results: dict[int, T] = {}
    failures: list[BaseException] = []
    stop = threading.Event()

    def work() -> None:
        try:
            while not stop.is_set():
                number = waiting.get_nowait()
                results[number] = call(items[number])
        except Empty:
            return
        except BaseException as failure:  # noqa: BLE001  (raised in the waiting thread)
            failures.append(failure)
            stop.set()

    wanted = (threading.Thread(target=work, name="secrets-call", daemon=True) for _ in items[:at_once])
    threads = [thread for thread in wanted if _started(thread)]
    if not threads:
        work()
    try:
        for thread in threads:
            thread.join()
    finally:
        stop.set()
    if failures:
        raise failures.pop()
    return [results[number] for number in range(len(items))]


def _started(thread: threading.Thread) -> bool:
    try:
        thread.start()
    except RuntimeError:
        # At interpreter exit there are no new threads; revoking a lease there still has socket timeouts.
        return False
    return True
