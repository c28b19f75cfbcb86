"""Measures its own process's container about once a second, until the process ends."""

from __future__ import annotations

import atexit
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.measuring.cgroup import Cgroup, content_of
from dagster_plus_k8s_helpers.measuring.gpu import gpus

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.measuring.gpu import Gpus
    from dagster_plus_k8s_helpers.measuring.message import Measured, MessageFile

__all__ = ["Peaks", "Sampler", "sampler_for"]

# A step may be over, or killed for its memory, within its first second.
_FIRST_INTERVAL, _INTERVAL = 0.1, 1.0
_GROWTH = 1.2
# What a sample may take at most, before a fork or the end of the process goes on without waiting for it.
_PATIENCE = 1.0


class Peaks:
    """The most of what was seen, and what has been counted.

    Args:
        cgroup: What the kernel says.

    Attributes:
        gpus: The GPUs that are looked at too, where there are any.
    """

    gpus: Gpus | None = None

    def __init__(self, cgroup: Cgroup) -> None:
        self._cgroup = cgroup
        self._most: dict[str, int] = {}
        first = cgroup.read()
        self._kills = first.oom_kills
        self._began = time.monotonic() - _age()

    def look(self) -> Measured:
        """Look once more, and say what is known by now."""
        seen = self._cgroup.read()
        self._raise("memory_peak_bytes", seen.memory)
        self._raise("memory_max_bytes", seen.memory_max)
        self._raise("memory_anonymous_bytes", seen.anonymous)
        self._raise("gpu_memory_peak_bytes", self.gpus.used() if self.gpus else None)
        measured: Measured = dict(self._most)
        if seen.cpu_seconds is not None:
            measured["cpu_seconds"] = round(seen.cpu_seconds, 3)
        if seen.periods and seen.throttled is not None:
            measured["cpu_throttled_share"] = round(min(seen.throttled / seen.periods, 1.0), 4)
        measured["wall_seconds"] = round(time.monotonic() - self._began, 3)
        if seen.oom_kills is not None and self._kills is not None:
            measured["oom_killed"] = seen.oom_kills > self._kills
        return measured

    def _raise(self, name: str, seen: int | None) -> None:
        if seen is not None and seen >= self._most.get(name, 0):
            self._most[name] = seen


class Sampler:
    """Looks in a thread of its own, and writes down what it saw.

    Nothing that goes wrong in it is anybody's business: it ends, and no more is measured. Around a fork its
    thread stops, so that no lock is held that a child would wait for, and Python sees no thread to warn of.

    Args:
        peaks: What is looked at.
        file: Where it is written.
        find_gpus: Brings the GPUs. A driver may take seconds to answer, so the thread alone asks it.
    """

    def __init__(
        self, peaks: Peaks, file: MessageFile, find_gpus: Callable[[], Gpus | None] = lambda: None
    ) -> None:
        self._peaks, self._file = peaks, file
        self._find_gpus: Callable[[], Gpus | None] | None = find_gpus
        self._pid = os.getpid()
        self._interval, self._next = _FIRST_INTERVAL, 0.0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._ended = False

    def start(self) -> bool:
        """Measure until the process ends.

        Returns:
            Whether it does: the file may be somebody else's.
        """
        if not self._sample():
            return False
        atexit.register(self.finish)
        os.register_at_fork(
            before=self._pause, after_in_parent=self._resume, after_in_child=self._end_in_child
        )
        self._resume()
        return True

    def finish(self) -> None:
        """Look for the last time."""
        if self._ended or os.getpid() != self._pid:
            return
        self._pause()
        self._peaks.gpus = None
        self._sample()
        self._ended = True

    def _sample(self) -> bool:
        """One look; whether there may be another."""
        try:
            goes_on = self._file.write(self._peaks.look())
        # A step must not suffer from being measured.
        except Exception:  # noqa: BLE001
            goes_on = False
        self._ended = self._ended or not goes_on
        self._next = time.monotonic() + self._interval
        self._interval = min(self._interval * _GROWTH, _INTERVAL)
        return goes_on

    def _run(self, over: threading.Event) -> None:
        find_gpus, self._find_gpus = self._find_gpus, None
        with suppress(Exception):
            self._peaks.gpus = find_gpus() if find_gpus else self._peaks.gpus
        while not over.wait(max(self._next - time.monotonic(), 0.0)) and self._sample():
            pass

    def _pause(self) -> None:
        self._over.set()
        thread, self._thread = self._thread, None
        if thread is None or thread.native_id is None:
            return
        thread.join(_PATIENCE)
        # Python knows that it has ended a little before the system, by which it counts threads at a fork.
        patience = time.monotonic() + _PATIENCE
        while _is_there(thread.native_id) and time.monotonic() < patience:
            time.sleep(0)

    def _resume(self) -> None:
        # Where several threads fork at once, one has brought it back already.
        if self._ended or self._thread is not None or os.getpid() != self._pid:
            return
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._over,), name="dagster-plus-k8s-usage", daemon=True
        )
        # A process may have as many threads as it is allowed.
        with suppress(RuntimeError):
            self._thread.start()

    def _end_in_child(self) -> None:
        self._ended, self._thread = True, None


def _is_there(thread: int) -> bool:
    try:
        os.stat(f"/proc/self/task/{thread}")  # noqa: PTH116 - pathlib is an import more
    except OSError:
        return False
    return True


def _age() -> float:
    """Seconds since this process began; 0 where that is not known."""
    with suppress(ArithmeticError, AttributeError, IndexError, OSError, ValueError):
        # The name of the process, in brackets, may hold anything.
        fields = (content_of("/proc/self/stat") or b"").rpartition(b")")[2].split()
        began = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - began, 0.0)
    return 0.0


def sampler_for(file: MessageFile) -> Sampler:
    """What measures this process."""
    return Sampler(Peaks(Cgroup()), file, gpus)
