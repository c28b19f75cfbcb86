"""Steps as processes of the run worker, in its pod: a few at once, looked after in the rounds of the loop."""

from __future__ import annotations

import heapq
import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.executor.beside.exits import REPLACED, Kills, ended_by, not_started
from dagster_plus_k8s_helpers.executor.beside.process import StepProcess
from dagster_plus_k8s_helpers.executor.events.reports import Place
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep
from dagster_plus_k8s_helpers.executor.looking.observation import Observation
from dagster_plus_k8s_helpers.measuring.cgroup import Cgroup
from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis
    from dagster_plus_k8s_helpers.executor.beside.process import Exit
    from dagster_plus_k8s_helpers.executor.events.endings import Endings
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.reports import Reports
    from dagster_plus_k8s_helpers.executor.events.usage_events import UsageEvents

__all__ = ["GRACE_SECONDS", "RunPodStep", "RunPodSteps"]

GRACE_SECONDS = 10.0
"""From SIGTERM to SIGKILL, for the steps of a run that ends; a pod has 30 s for all of its end."""

_PAUSE = 0.02
# What a process left open behind it must not hold back its end.
_DRAIN_SECONDS = 2.0
# What a step's process may do when its step has ended, as long as a pod's containers may.
_REST_SECONDS = 30.0
# An event log behind an API may show an event a while after it was written.
_RESULT_SECONDS = 10.0
_DIES_AS_ONE = (
    "An OOM in the run's pod ends the run worker with all steps in it (memory.oom.group). Size the run's pod "
    "for the steps that it holds, or have the kubelet set singleProcessOOMKill."
)


@dataclass
class RunPodStep(TrackedStep):
    """One attempt of a step in the run's pod.

    Args:
        run_pod: Name of the pod; empty outside of one.
        attempt: Which attempt of the step it is, from 1.
    """

    run_pod: str = ""
    attempt: int = 1

    @property
    def place(self) -> Place:
        """Where to look closer."""
        return Place(self.namespace, self.job_name, self.run_pod, in_run_pod=True)


@dataclass
class _Running:
    """A process, and the attempt that it is.

    Args:
        key: Of the step.
        step: The attempt.
        process: Its process.
        ended_at: When its end was first seen.
        diagnosis: What the end looks like, as it was first seen: the kernel's count goes on.
        over_at: When the attempt was first seen to have ended while it runs.
    """

    key: str
    step: RunPodStep
    process: StepProcess
    ended_at: float | None = None
    diagnosis: Diagnosis | None = None
    over_at: float | None = None


class RunPodSteps:
    """The steps of one run that are in the run's pod; used by the thread of the executor's loop alone.

    Args:
        history: What the event log says of the steps.
        endings: Ends attempts.
        reports: Where events go.
        usage: Writes what attempts took.
        note: Tells something about the run, once.
        concurrency: How many run at once.
        log_lines: How many of its last lines a failure shows.
    """

    def __init__(
        self,
        history: History,
        endings: Endings,
        reports: Reports,
        usage: UsageEvents,
        note: Callable[[str], None],
        *,
        concurrency: int,
        log_lines: int,
    ) -> None:
        self._history, self._endings, self._reports, self._usage = history, endings, reports, usage
        self._note, self._concurrency, self._log_lines = note, concurrency, log_lines
        self._kills: Kills | None = None
        self._waiting: list[tuple[int, int, str, RunPodStep, Sequence[str], Mapping[str, str]]] = []
        self._order = itertools.count()
        self._running: list[_Running] = []
        self._ended: list[tuple[_Running, Exit]] = []
        self._current: dict[str, RunPodStep] = {}
        self._adopted: dict[str, tuple[RunPodStep, Callable[[], None]]] = {}
        self._is_over, self._stopped_at = False, 0.0

    def launch(
        self, key: str, step: RunPodStep, command: Sequence[str], env: Mapping[str, str], priority: int
    ) -> None:
        """Start a step as soon as there is room.

        Args:
            key: Of the step.
            step: The attempt.
            command: What its process runs.
            env: All of its environment.
            priority: The higher, the sooner.
        """
        if self._kills is None:
            cgroup = Cgroup()
            self._kills = Kills(cgroup)
            if cgroup.dies_as_one:
                self._note(_DIES_AS_ONE)
        self._current[key] = step
        step.attempt = self._history.attempts[key].made + 1
        heapq.heappush(self._waiting, (-priority, next(self._order), key, step, command, env))
        self._start()

    def adopt(self, key: str, step: RunPodStep, relaunch: Callable[[], None]) -> None:
        """Take over a step that a run worker before this one launched, whose process went with it.

        Args:
            key: Of the step.
            step: What is kept of it.
            relaunch: Starts it, if it had not begun.
        """
        self._history.launched(key)
        self._current[key] = step
        self._adopted[key] = (step, relaunch)

    def holds(self, key: str) -> RunPodStep | None:
        """The current attempt of a step that is in the run's pod."""
        return self._current.get(key)

    def open_steps(self) -> list[str]:
        """The keys of steps that have been launched and have not ended."""
        return [key for key in self._current if self._history.is_open(key)]

    def collect(self) -> bool:
        """See which processes have ended, before the event log is read; whether there is anything to do."""
        if self._kills is not None and self._running:
            self._kills.look()
        for running in list(self._running):
            exit_, now = running.process.poll(), time.monotonic()
            if exit_ is None:
                self._end_if_over(running, now)
                continue
            if running.ended_at is None and self._kills is not None:
                running.ended_at, running.diagnosis = now, ended_by(exit_.code, self._kills)
            if running.process.is_drained or now - (running.ended_at or now) > _DRAIN_SECONDS:
                self._running.remove(running)
                self._ended.append((running, exit_))
        return bool(self._ended)

    def act(self) -> None:
        """Do what follows; called when the event log has been read up to after what was collected."""
        adopted, self._adopted = self._adopted, {}
        for key, (step, relaunch) in adopted.items():
            self._take_over(key, step, relaunch)
        ended, self._ended = self._ended, []
        while ended:
            # What goes wrong with one leaves the others for the next round.
            running, exit_ = ended.pop(0)
            try:
                self._take_end(running, exit_)
            except BaseException:
                self._ended.extend(ended)
                raise
        self._current = {key: step for key, step in self._current.items() if self._history.is_open(key)}
        self._start()

    def settle(self, is_interrupted: Callable[[], bool]) -> None:
        """Wait for the processes of steps that have ended, when all have: nobody looks again.

        Args:
            is_interrupted: Whether the run worker has been told to end.
        """
        until = time.monotonic() + _REST_SECONDS
        while self._running and time.monotonic() < until and not is_interrupted():
            if self.collect():
                self.act()
            time.sleep(_PAUSE)

    def stop(self) -> None:
        """Start no more steps, and tell those that run to end."""
        self._is_over = True
        self._waiting.clear()
        for running in self._running:
            running.process.terminate()
        self._stopped_at = time.monotonic()

    def finish(self) -> None:
        """Wait for those that were told to end, and kill what has not when its time is up."""
        while self._running_now() and time.monotonic() - self._stopped_at < GRACE_SECONDS:
            time.sleep(_PAUSE)
        self.close()

    def close(self) -> None:
        """End what still runs."""
        self._is_over = True
        self._waiting.clear()
        for running in self._running:
            running.process.kill()
        # A process that was killed ends, unless it waits for a disk that is gone.
        until = time.monotonic() + _DRAIN_SECONDS
        while self._running_now() and time.monotonic() < until:
            time.sleep(_PAUSE)
        self._running.clear()

    def _end_if_over(self, running: _Running, now: float) -> None:
        """A process that goes on after its step has ended takes the room of another one."""
        if self._is_current(running):
            return
        running.over_at = running.over_at if running.over_at is not None else now
        if now - running.over_at > _REST_SECONDS:
            running.process.kill()

    def _is_current(self, running: _Running) -> bool:
        return self._current.get(running.key) is running.step and self._history.is_open(running.key)

    def _running_now(self) -> bool:
        # Each is asked, so that none stays behind as a zombie.
        return None in [running.process.poll() for running in self._running]

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._concurrency and not self._is_over:
            _, _, key, step, command, env = heapq.heappop(self._waiting)
            if self._current.get(key) is not step or not self._history.is_open(key):
                continue
            try:
                process = StepProcess(command, env)
            except OSError as error:
                self._endings.end(key, step, not_started(error))
                continue
            self._running.append(_Running(key, step, process))

    def _take_over(self, key: str, step: RunPodStep, relaunch: Callable[[], None]) -> None:
        if self._current.get(key) is not step or not self._history.is_open(key):
            return
        if key in self._history.begun or key in self._history.interrupted:
            self._endings.end_lost(key, step, REPLACED)
        else:
            self._reports.launched_again_in_run_pod(step.context)
            relaunch()

    def _take_end(self, running: _Running, exit_: Exit) -> None:
        key, step = running.key, running.step
        diagnosis = running.diagnosis
        assert diagnosis is not None  # noqa: S101 - `collect` has seen it
        is_current = self._is_current(running) and not step.failing
        if key in self._history.interrupted and is_current:
            # Nobody but its own process was told to end: its own report is its end.
            self._history.release(key)
            is_current = False
        now = time.monotonic()
        if is_current and exit_.code == 0 and now - (running.ended_at or now) < _RESULT_SECONDS:
            self._ended.append((running, exit_))
            return
        self._usage.write(key, _usage_of(step, exit_, oom=diagnosis.kind.value == "OOMKilled"))
        if is_current:
            step.last = Observation(diagnosis, over=True, log=running.process.last_lines(self._log_lines))
            self._endings.end(key, step, diagnosis)


def _usage_of(step: RunPodStep, exit_: Exit, *, oom: bool) -> Usage:
    """What an attempt took; its pod is the run's, so it was given nothing of its own."""
    return Usage(
        job=step.job_name,
        attempt=step.attempt,
        memory_peak_bytes=exit_.memory_peak,
        cpu_seconds=exit_.cpu_seconds,
        wall_seconds=exit_.wall_seconds,
        oom_killed=oom,
    )
