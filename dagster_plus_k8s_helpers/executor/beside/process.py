"""The process of a step in the run's pod: its own group, output handed on, an end that nobody waits for."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Exit", "StepProcess"]

_WITH_PARENT = Path(__file__).with_name("with_parent.py")
_STDOUT, _STDERR = 1, 2
_CHUNK = 1 << 16
# Of the last lines; what a container's log shows of a failed step is as much at most.
_KEPT = 1 << 16


@dataclass(frozen=True)
class Exit:
    """How a process ended; ``None`` for what is not known.

    Args:
        code: Its exit code, or a signal's number as a negative one; 0 when it is not known.
        memory_peak: The most bytes that it, or a process it waited for, had in memory.
        cpu_seconds: Its CPU time, with that of processes it waited for.
        wall_seconds: From its start to when its end was seen.
    """

    code: int
    memory_peak: int | None
    cpu_seconds: float | None
    wall_seconds: float


class StepProcess:
    """A process that ends with the thread that starts it, in a group of its own.

    Args:
        command: What it runs.
        environment: All of its environment.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._began = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - what Dagster starts steps with
            [sys.executable, "-I", "-S", str(_WITH_PARENT), str(os.getpid()), *command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._exit: Exit | None = None
        assert self._process.stdout is not None  # noqa: S101 - they were asked for
        assert self._process.stderr is not None  # noqa: S101 - as above
        self._output = _Output(self._process.stdout, self._process.stderr)

    @property
    def pid(self) -> int:
        """Its id, which is its group's as well."""
        return self._process.pid

    def poll(self) -> Exit | None:
        """How it ended; ``None`` while it runs. What it left in its group ends with it, as in a container."""
        if self._exit is None and self._has_ended():
            # Before it is taken in, as its id cannot be another's by then.
            self._signal_group(signal.SIGKILL)
            self._exit = self._taken_in()
            self._process.returncode = self._exit.code
        return self._exit

    def terminate(self) -> None:
        """Tell it to end, as the kubelet tells the first process of a container."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and all of its group."""
        if self.poll() is None:
            self._signal_group(signal.SIGKILL)

    def last_lines(self, count: int) -> str:
        """The last lines that it wrote."""
        return self._output.last_lines(count)

    @property
    def is_drained(self) -> bool:
        """Whether all that it wrote has been read."""
        return self._output.is_over

    def _has_ended(self) -> bool:
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        # Whoever has ignored SIGCHLD in the run worker has had it taken in by the system.
        except ChildProcessError:
            return True

    def _taken_in(self) -> Exit:
        wall = time.monotonic() - self._began
        try:
            _, status, used = os.wait4(self.pid, 0)
        except ChildProcessError:
            return Exit(0, None, None, wall)
        unit = 1024 if sys.platform == "linux" else 1
        cpu = used.ru_utime + used.ru_stime
        return Exit(os.waitstatus_to_exitcode(status), used.ru_maxrss * unit, cpu, wall)

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


class _Output:
    """Hands on what a process writes, and keeps the end of it.

    In a thread of its own: a reader of the run worker's output that stands still holds up this step alone.
    """

    def __init__(self, stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._streams = {stdout: _STDOUT, stderr: _STDERR}
        self._kept = bytearray()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._read, name="step-output", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def last_lines(self, count: int) -> str:
        with self._lock:
            lines = bytes(self._kept).decode(errors="replace").splitlines()
        return "\n".join(lines[-count:]) if count else ""

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            for stream, target in self._streams.items():
                selector.register(stream, selectors.EVENT_READ, target)
            while selector.get_map():
                for key, _ in selector.select():
                    written = os.read(key.fd, _CHUNK)
                    if not written:
                        selector.unregister(key.fileobj)
                        self._close(key.fileobj)
                        continue
                    with self._lock:
                        self._kept += written
                        del self._kept[:-_KEPT]
                    _hand_on(key.data, written)

    @staticmethod
    def _close(stream: object) -> None:
        if hasattr(stream, "close"):
            stream.close()


def _hand_on(target: int, written: bytes) -> None:
    # Whatever is wrong with where this process writes, the step's end is to be known.
    with suppress(OSError):
        while written:
            written = written[os.write(target, written) :]
