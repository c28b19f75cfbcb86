"""Why a process of a step in the run's pod ended, when the step has not said so itself."""

from __future__ import annotations

import signal
import time
from collections import deque
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.events.attempts import IN_RUN_POD

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.measuring.cgroup import Cgroup

__all__ = ["REPLACED", "Kills", "ended_by", "not_started"]

_DETAILS: dict[str, str | int] = {IN_RUN_POD: "run pod"}
# How long a process may take to end once it was killed. Others that the kernel killed, started by steps,
# are forgotten after that.
_DYING_SECONDS = 30.0
_OWN_POD = "give the step a pod of its own with the op tag dagster-plus-k8s/runs-in: own-pod"

REPLACED = Diagnosis(
    DiagnosisKind.RUN_WORKER_REPLACED,
    "It ran in the run's pod, and ended with the run worker that was replaced.",
    {**_DETAILS, "disrupted_by": "the end of a run worker"},
)
"""What becomes of a step when its run worker is gone and another one goes on."""


class Kills:
    """What the kernel has lately killed for memory in this container.

    Args:
        cgroup: Of the container.
        clock: Seconds that only go forward.
    """

    def __init__(self, cgroup: Cgroup, clock: Callable[[], float] = time.monotonic) -> None:
        self._cgroup, self._clock = cgroup, clock
        self._last = cgroup.oom_kills
        self._times: deque[float] = deque()

    def look(self) -> None:
        """Take in the kernel's count; to be called in every round of the executor's loop."""
        count, now = self._cgroup.oom_kills, self._clock()
        if count is not None and self._last is not None:
            self._times.extend([now] * (count - self._last))
        self._last = count if count is not None else self._last
        while self._times and now - self._times[0] > _DYING_SECONDS:
            self._times.popleft()

    def take(self) -> bool:
        """Whether a process that was killed is one of those that the kernel counts; each counts once.

        It is counted when it is killed, and has ended when its memory has been given back.
        """
        self.look()
        if self._times:
            self._times.popleft()
            return True
        return False

    @property
    def limit(self) -> str:
        """The memory limit of the container, as Kubernetes writes it; empty without one."""
        limit = self._cgroup.memory_limit
        return "" if limit is None else _binary(limit)

    @property
    def is_counting(self) -> bool:
        """Whether the kernel's count can be read."""
        return self._last is not None


def ended_by(code: int, kills: Kills) -> Diagnosis:
    """Why a process ended.

    Args:
        code: Its exit code, or a signal's number as a negative one.
        kills: What the kernel killed.
    """
    if code == -signal.SIGKILL and kills.take():
        over = f"over its memory limit of {kills.limit}" if kills.limit else "out of memory"
        return Diagnosis(
            DiagnosisKind.OOM_KILLED,
            f"Killed by the kernel: the run pod is {over}.",
            {**_DETAILS, "exit_code": 128 - code, "run_pod_limit": kills.limit},
            hint=f"Give the run's pod more memory, lower run_pod_concurrency, or {_OWN_POD}.",
        )
    if code == 0:
        return Diagnosis(
            DiagnosisKind.NO_RESULT,
            "Its process in the run's pod has ended, and the step has reported neither success nor failure.",
            _DETAILS,
            hint="It may have refused to start twice, or could not reach the event log.",
        )
    if code < 0:
        how = f"was killed by {_name_of(-code)}"
        return Diagnosis(
            DiagnosisKind.ERROR,
            f"Its process in the run's pod {how}.",
            {**_DETAILS, "exit_code": 128 - code, "signal": _name_of(-code)},
            hint="The kernel counts no OOM in the run's pod: another process sent the signal."
            if code == -signal.SIGKILL and kills.is_counting
            else "",
        )
    return Diagnosis(
        DiagnosisKind.ERROR,
        f"Its process in the run's pod ended with exit code {code}.",
        {**_DETAILS, "exit_code": code},
    )


def not_started(error: OSError) -> Diagnosis:
    """Why a process could not be started.

    Args:
        error: What the system said.
    """
    return Diagnosis(
        DiagnosisKind.START_ERROR,
        f"Its process in the run's pod could not be started: {error.strerror or error}.",
        _DETAILS,
        hint=f"Lower run_pod_concurrency, or {_OWN_POD}.",
    )


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _binary(amount: int) -> str:
    """Bytes with the largest binary suffix that loses nothing."""
    for exponent, unit in ((40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")):
        if amount and amount % 2**exponent == 0:
            return f"{amount >> exponent}{unit}"
    return str(amount)
