"""Deletes Jobs beside the executor's loop, a few at a time and patiently."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.cluster.outage import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.cluster.calls import Cluster

__all__ = ["Deletions"]

_AT_ONCE = 8
# A run pod has 30 s from SIGTERM to its end: one call that hangs must not take them all.
_CALL_SECONDS = 4.0
_PATIENCE_SECONDS = 5.0
_LONGEST_PAUSE = 2.0


class Deletions:
    """Deletes Jobs.

    Args:
        cluster: Where they are.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster.hastier(_CALL_SECONDS)
        self._threads: ThreadPoolExecutor | None = None

    def submit(
        self,
        namespace: str,
        job_name: str,
        before: Callable[[], object] | None = None,
        patience: float = _PATIENCE_SECONDS,
    ) -> Future[None]:
        """Delete a Job; one that is gone is fine.

        Args:
            namespace: Where it is.
            job_name: Its name.
            before: What must be over before it is deleted, on the thread that does it.
            patience: Seconds within which it is tried again while it may pass, the last call included.
        """
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="step-deletions")
        return self._threads.submit(self._delete, namespace, job_name, before, time.monotonic() + patience)

    def close(self, *, wait: bool) -> None:
        """Delete nothing more."""
        if self._threads is not None:
            self._threads.shutdown(wait=wait, cancel_futures=True)

    def _delete(
        self, namespace: str, job_name: str, before: Callable[[], object] | None, until: float
    ) -> None:
        if before is not None:
            before()
        backoff = Backoff(first=0.2, most=_LONGEST_PAUSE)
        while True:
            try:
                return self._cluster.delete_job(namespace, job_name)
            except CallError as error:
                pause = min(backoff.failed(error.retry_after), _LONGEST_PAUSE)
                if not error.is_passing or time.monotonic() + pause + _CALL_SECONDS > until:
                    raise
            time.sleep(pause)
