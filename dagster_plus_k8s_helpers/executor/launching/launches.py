"""Creates Jobs on several threads, in order of priority, under a rate limit, and patiently."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError, not_built, refusal
from dagster_plus_k8s_helpers.cluster.outage import Backoff
from dagster_plus_k8s_helpers.diagnosis.api_json import mapping
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.cluster.outage import Outage
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Launch", "LaunchQueue", "Launched", "NotYetError", "RateLimit"]

_THREADS = 8
_CONFLICT = 409
_TRIES_AT_A_CONFLICT = 3


class NotYetError(CallError):
    """What a launch needs besides the API server is away: it is tried again, and no outage of that one."""


@dataclass(frozen=True)
class Launch:
    """A Job to create.

    Args:
        step_key: Whose it is.
        namespace: Where.
        job_name: Its name.
        build: Makes the Job on the thread that creates it; may ask the API and raise ``CallError``.
        labels: By which a Job of this name is known to be this one.
        priority: Higher ones go first.
    """

    step_key: str
    namespace: str
    job_name: str
    build: Callable[[], object]
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    priority: int = 0


@dataclass(frozen=True)
class Launched:
    """What became of a launch: ``problem`` is ``None`` when the Job is there."""

    launch: Launch
    problem: Diagnosis | None = None


class RateLimit:
    """A token bucket, as in client-go.

    Args:
        qps: Calls a second in the long run.
        burst: Calls that may come at once.
        clock: Seconds that only go forward.

    Source: https://pkg.go.dev/k8s.io/client-go/rest#Config
    """

    def __init__(self, qps: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._qps, self._burst, self._clock = qps, burst, clock
        self._lock = threading.Lock()
        self._tokens, self._at = float(burst), clock()

    def reserve(self) -> float:
        """Take the next token, and say in how many seconds it is there."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._tokens + (now - self._at) * self._qps, self._burst) - 1
            self._at = now
            return max(-self._tokens / self._qps, 0.0)


class LaunchQueue:
    """Jobs on their way to the API server.

    A refusal is the answer for that Job alone. What may pass (429, 5xx, no connection) is tried again until
    ``tolerance`` has gone by since the launch first failed.

    Args:
        cluster: Where the Jobs go.
        outage: Is told of every call.
        limit: How many calls a second.
        tolerance: Seconds.
    """

    def __init__(self, cluster: Cluster, outage: Outage, limit: RateLimit, tolerance: float) -> None:
        self._cluster, self._outage, self._limit, self._tolerance = cluster, outage, limit, tolerance
        self._condition = threading.Condition()
        self._waiting: list[tuple[int, int, Launch]] = []
        self._order = itertools.count()
        self._in_call: set[str] = set()
        self._cancelled: set[str] = set()
        self._done: list[Launched] = []
        self._first_failure: dict[str, float] = {}
        self._backoff, self._paused_until = Backoff(), 0.0
        self._closed = False
        self._threads: list[threading.Thread] = []

    def submit(self, launch: Launch) -> None:
        """Create this Job as soon as its turn comes."""
        with self._condition:
            self._cancelled.discard(launch.job_name)
            heapq.heappush(self._waiting, (-launch.priority, next(self._order), launch))
            if len(self._threads) < _THREADS:
                thread = threading.Thread(target=self._work, name="step-launches", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._condition.notify()

    @property
    def waiting(self) -> int:
        """How many Jobs wait for their turn."""
        return len(self._waiting)

    def done(self) -> list[Launched]:
        """What has been decided since the last call."""
        with self._condition:
            done, self._done = self._done, []
            return done

    def withdraw(self, job_names: Iterable[str]) -> set[str]:
        """Create none of these Jobs any more, without waiting for those that are being created.

        Returns:
            Those that were never created.
        """
        with self._condition:
            names = set(job_names)
            self._cancelled |= names
            waiting = {entry[2].job_name for entry in self._waiting} & names
            self._waiting = [entry for entry in self._waiting if entry[2].job_name not in names]
            heapq.heapify(self._waiting)
            return waiting - self._first_failure.keys()

    def cancel(self, job_name: str) -> bool:
        """Do not create this Job; waits while it is being created.

        Returns:
            Whether it was never created.
        """
        with self._condition:
            never = self.withdraw([job_name])
            self._condition.wait_for(lambda: job_name not in self._in_call)
            return bool(never)

    def close(self, *, wait: bool = True) -> None:
        """Create no more Jobs.

        Args:
            wait: Whether calls that are under way are waited for.
        """
        with self._condition:
            self._closed = True
            self._waiting.clear()
            self._condition.notify_all()
        for thread in self._threads if wait else ():
            thread.join()

    def _work(self) -> None:
        while (launch := self._next()) is not None:
            time.sleep(self._limit.reserve())
            problem, again_in = self._attempt(launch)
            with self._condition:
                self._in_call.discard(launch.job_name)
                if again_in is None:
                    self._first_failure.pop(launch.job_name, None)
                    self._done.append(Launched(launch, problem))
                elif launch.job_name not in self._cancelled:
                    heapq.heappush(self._waiting, (-launch.priority, next(self._order), launch))
                self._condition.notify_all()

    def _next(self) -> Launch | None:
        """The launch whose turn it is, once the API server may be asked again."""
        with self._condition:
            while not self._closed:
                pause = self._paused_until - time.monotonic()
                if self._waiting and pause <= 0:
                    launch = heapq.heappop(self._waiting)[2]
                    self._in_call.add(launch.job_name)
                    return launch
                self._condition.wait(pause if self._waiting else None)
            return None

    def _attempt(self, launch: Launch) -> tuple[Diagnosis | None, float | None]:
        """The problem, if any, and in how many seconds to try again; ``None`` when it is decided."""
        try:
            self._create(launch)
        except CallError as error:
            if error.is_passing:
                return self._later(launch, error)
            self._answered()
            return refusal(error, launch.job_name), None
        # What the Job is built from is the user's: it fails the step, not the run.
        except Exception as error:  # noqa: BLE001
            return not_built(f"{type(error).__name__}: {error}"), None
        self._answered()
        return None, None

    def _create(self, launch: Launch) -> None:
        """Create a Job, or find that it is there by an attempt that got no answer.

        Raises:
            CallError: It is not there.
        """
        job = launch.build()
        for tries_left in reversed(range(_TRIES_AT_A_CONFLICT)):
            try:
                return self._cluster.create_job(launch.namespace, job)
            except CallError as error:
                if error.status != _CONFLICT:
                    raise
                found = self._cluster.read_job(launch.namespace, launch.job_name)
                if found is not None and _is_of(launch, found):
                    return None
                # One that is gone a moment later was in its deletion: the name is free now.
                if found is not None or not tries_left:
                    raise
        return None

    def _answered(self) -> None:
        self._outage.succeeded("write")
        with self._condition:
            self._backoff.succeeded()
            self._paused_until = 0.0

    def _later(self, launch: Launch, error: CallError) -> tuple[Diagnosis | None, float | None]:
        if not isinstance(error, NotYetError):
            self._outage.failed(error, "write")
        now = time.monotonic()
        with self._condition:
            first = self._first_failure.setdefault(launch.job_name, now)
            if self._paused_until <= now:
                self._paused_until = now + self._backoff.failed(error.retry_after)
        if now - first < self._tolerance:
            return None, self._paused_until - now
        return Diagnosis(
            DiagnosisKind.API_UNREACHABLE,
            f"The Job could not be created for {self._tolerance:g} s: {error}.",
            {"http_status": error.status},
            hint="Raise api_outage_tolerance if the API server can be away for longer.",
        ), None


def _is_of(launch: Launch, job: ApiObject) -> bool:
    """Whether the Job of this name is the one that was asked for."""
    labels = mapping(job, "metadata", "labels")
    return bool(launch.labels) and all(labels.get(key) == text for key, text in launch.labels.items())
