"""Processes of steps that begin with Dagster imported, which takes seconds, as a fork of one that has done so."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "__main__",
        "dagster._cli.api",
        # Dagster imports these when it opens an instance.
        "dagster._core.storage.sqlite_storage",
        "dagster._core.storage.legacy_storage",
        "dagster._core.launcher",
        "sqlalchemy.dialects.sqlite",
        "dagster_k8s",
        "dagster_plus_k8s_helpers.executor.step_delegating",
        "step_jobs",
        __name__,
    ]
)


@cache
def warm() -> None:
    """Have the forks' parent ready, which takes it longer than a call to an API server may."""
    process = _FORKS.Process(target=_nothing)
    process.start()
    process.join()


def _nothing() -> None: ...


class StepProcess:
    """A process as `subprocess.Popen` makes one of ``python -m dagster ...``, with the same calls.

    Args:
        arguments: What follows ``-m``: ``dagster`` and its arguments.
        environment: All of its environment.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = _FORKS.Process(target=_run, args=(list(arguments), dict(environment)))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, that of a signal being negative; ``None`` while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        self._process.join(timeout)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _run(arguments: list[str], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # Where a new interpreter would look.
    sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    from dagster._cli import main  # noqa: PLC0415 - what is loaded for the test need not load it

    sys.argv = list(arguments)
    try:
        main()
    finally:
        # A fork of multiprocessing leaves these out.
        atexit._run_exitfuncs()
