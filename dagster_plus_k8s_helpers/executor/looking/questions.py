"""What a look asks beyond its lists: the events of steps in trouble, and the last lines of those that failed.

None of it may hold up a look, nor end one: a step that failed is told of without its log, and a wait without
its event.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.credentials.forms import literal_credentials, mask_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["EventReader", "LogReader", "Refusal", "WantedLog", "without_credentials"]

# What a look may ask one after the other, so that a thousand waiting steps do not make a thousand calls.
_QUESTIONS = 20
# Permissions are granted while runs go on.
_REFUSED_SECONDS = 300.0
_LOGS_AT_ONCE = 8
# A kubelet that is dead answers none of its logs: those that have not come by then are done without.
_LOGS_SECONDS = 10.0


class Refusal:
    """What the API said when it refused a kind of call, until it is worth asking again.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._said, self._until = clock, "", 0.0

    def take(self, error: CallError) -> None:
        """Remember a refusal."""
        self._said, self._until = str(error), self._clock() + _REFUSED_SECONDS

    @property
    def said(self) -> str:
        """What the API said; empty when it may be asked."""
        return self._said if self._clock() < self._until else ""


class EventReader:
    """Reads the events of Jobs and their pods, a few a look, in turn.

    Args:
        cluster: Where they are.
        clock: Seconds that only go forward.
    """

    def __init__(self, cluster: Cluster, clock: Callable[[], float]) -> None:
        self._cluster, self._clock = cluster, clock
        self._refusal = Refusal(clock)
        self._events: dict[str, list[ApiObject]] = {}
        self._asked: dict[str, float] = {}

    @property
    def refused(self) -> str:
        """What the API said when it would not list events; empty when it does."""
        return self._refusal.said

    def of(self, job_name: str) -> list[ApiObject] | None:
        """What was last read of a Job and its pod; ``None`` when nothing was yet."""
        return self._events.get(job_name)

    def read(self, wanted: Iterable[tuple[str, str, str]]) -> None:
        """Ask about those that were not asked about for the longest time.

        What fails leaves what was read before as it is; after a failure this look asks no more.

        Args:
            wanted: Of each Job the namespace, its name, and its pod's, which may be empty.
        """
        in_turn = sorted(wanted, key=lambda job: self._asked.get(job[1], 0.0))
        for namespace, job_name, pod_name in in_turn[:_QUESTIONS]:
            if self.refused:
                return
            self._asked[job_name] = self._clock()
            try:
                self._events[job_name] = [
                    event
                    for name in (job_name, pod_name)
                    if name
                    for event in self._cluster.events(namespace, name)
                ]
            except CallError as error:
                if not error.is_passing:
                    self._refusal.take(error)
                return

    def forget_all_but(self, job_names: set[str]) -> None:
        """Keep no more than these Jobs need."""
        self._events = {name: found for name, found in self._events.items() if name in job_names}
        self._asked = {name: when for name, when in self._asked.items() if name in job_names}


@dataclass(frozen=True)
class WantedLog:
    """A container whose last lines are wanted.

    Args:
        namespace: Of the pod.
        job_name: Of the Job.
        pod: The pod's name.
        container: The container's.
        hidden: Literals in its Job that are credentials.
    """

    namespace: str
    job_name: str
    pod: str
    container: str
    hidden: tuple[str, ...] = field(default=(), repr=False)


class LogReader:
    """Reads the last lines of containers, several at once and only once.

    Args:
        cluster: Where they are.
        lines: How many lines; none are read when 0.
        clock: Seconds that only go forward.
    """

    def __init__(self, cluster: Cluster, lines: int, clock: Callable[[], float]) -> None:
        self._cluster, self._lines = cluster, lines
        self._refusal = Refusal(clock)
        self._logs: dict[str, str] = {}

    @property
    def refused(self) -> str:
        """What the API said when it would not give a log; empty when it does."""
        return self._refusal.said

    def of(self, job_name: str) -> str:
        """What was read of a Job, without what looks like a credential."""
        return self._logs.get(job_name, "")

    def read(self, wanted: Sequence[WantedLog]) -> None:
        """Read what is wanted and was not tried before; what takes too long stays empty."""
        new = [log for log in wanted if log.job_name not in self._logs]
        if not self._lines or not new or self.refused:
            return
        self._logs.update(dict.fromkeys((log.job_name for log in new), ""))
        pool = ThreadPoolExecutor(min(_LOGS_AT_ONCE, len(new)), thread_name_prefix="step-logs")
        reading = {pool.submit(self._tail, log): log for log in new}
        done, _late = wait(reading, _LOGS_SECONDS)
        pool.shutdown(wait=False, cancel_futures=True)
        for future in done:
            self._take(reading[future], future)

    def forget_all_but(self, job_names: set[str]) -> None:
        """Keep no more than these Jobs need."""
        self._logs = {name: log for name, log in self._logs.items() if name in job_names}

    def _tail(self, log: WantedLog) -> str:
        tail = self._cluster.log_tail(log.namespace, log.pod, log.container, self._lines)
        return without_credentials(tail, log.hidden)

    def _take(self, log: WantedLog, future: Future[str]) -> None:
        try:
            self._logs[log.job_name] = future.result()
        except CallError as error:
            # A log goes with its pod; that it cannot be read must not hide that the step failed.
            if error.is_forbidden:
                self._refusal.take(error)


def without_credentials(text: str, hidden: Sequence[str]) -> str:
    """What a container wrote, fit for the event log, which in Dagster+ is outside the cluster.

    A step fetches its secrets in its own process, so their values are not known here: they go by what they
    look like, by the names that stand before them, and by what this process and the step's Job have in their
    environments.

    Args:
        text: What it wrote.
        hidden: Literals in its Job that are credentials.
    """
    return mask_credentials(text, [*hidden, *literal_credentials(os.environ)])
