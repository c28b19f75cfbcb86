"""Watches over the steps of a run: what was looked at and launched becomes events and decisions.

Everything here runs on the thread of the executor's loop; calls to the API run beside it. What is to be done
for each of thousands of steps is done in slices, so that the loop never stands still for long; where nothing
has happened, nothing is done, however many steps there are.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from functools import partial
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.deletions import Deletions
from dagster_plus_k8s_helpers.cluster.outage import Outage
from dagster_plus_k8s_helpers.diagnosis.kinds import DiagnosisKind
from dagster_plus_k8s_helpers.executor.beside.run_pod_steps import RunPodSteps
from dagster_plus_k8s_helpers.executor.events.ended_jobs import EndedJobs
from dagster_plus_k8s_helpers.executor.events.endings import Endings
from dagster_plus_k8s_helpers.executor.events.leftovers import LAST_LOOK_INTERVAL, Leftovers
from dagster_plus_k8s_helpers.executor.events.notes import Notes
from dagster_plus_k8s_helpers.executor.events.tracked_step import TrackedStep, told_from
from dagster_plus_k8s_helpers.executor.launching.held import Held
from dagster_plus_k8s_helpers.executor.launching.launches import LaunchQueue, RateLimit
from dagster_plus_k8s_helpers.executor.launching.preparing import Preparing
from dagster_plus_k8s_helpers.executor.looking.looker import Looker
from dagster_plus_k8s_helpers.executor.looking.remains import Watched
from dagster_plus_k8s_helpers.executor.looking.rounds import LookRounds
from dagster_plus_k8s_helpers.executor.outcomes import Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis
    from dagster_plus_k8s_helpers.executor.events.history import History
    from dagster_plus_k8s_helpers.executor.events.reports import Reports
    from dagster_plus_k8s_helpers.executor.events.usage_events import UsageEvents
    from dagster_plus_k8s_helpers.executor.launching.launches import Launch, Launched
    from dagster_plus_k8s_helpers.executor.looking.observation import Look
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings

__all__ = ["Supervisor"]

# While a launch waits for what a look brings.
_BETWEEN_LOOKS = 1.0
# Each look may ask for the events of 20 Jobs, and a watch may bring a look every half second.
_BETWEEN_QUESTIONS = 5.0
# Of what the API server takes in two seconds, so many Jobs are built ahead.
_SECONDS_AHEAD = 2.0
# Steps that a look found nothing new of take some microseconds each: the clock is read after so many.
_BETWEEN_CLOCKS = 50
# What a deletion says in the end has to be taken in before its time is up.
_LAST_SECONDS = 1.0


class Supervisor:
    """Watches over the steps of one run.

    Args:
        cluster: Where their Jobs are.
        run_id: Of the run.
        settings: How to.
        history: What the event log says of the steps.
        reports: Where events go.
        namespace: Says where the Jobs of steps are.
        has_ended: Whether the event log has an ending of a step, by its key, that nobody has read yet.
        usage: Writes what steps took.

    Attributes:
        notes: What goes wrong in it.
        run_pod: The steps that are in the run's own pod.
    """

    def __init__(
        self,
        cluster: Cluster,
        run_id: str,
        settings: ExecutorSettings,
        history: History,
        reports: Reports,
        *,
        namespace: Callable[[], str],
        has_ended: Callable[[str], bool],
        usage: UsageEvents,
    ) -> None:
        self.history, self.reports, self.notes = history, reports, Notes(reports)
        self._settings = settings
        self._endings = Endings(history, reports, has_ended)
        self._outage = Outage()
        limit = RateLimit(settings.launch_qps, settings.launch_burst)
        self._launches = LaunchQueue(cluster, self._outage, limit, settings.api_outage_tolerance)
        looker = Looker(
            cluster,
            run_id,
            log_lines=settings.log_lines,
            most=history.most_objects,
            watch=settings.watch,
            pause=min(_BETWEEN_QUESTIONS, settings.health_check_interval),
        )
        self._looks = LookRounds(looker, self._outage, settings.health_check_interval, at_once=settings.watch)
        self._steps: dict[str, TrackedStep] = {}
        self._deletions = Deletions(cluster)
        self._outcomes = Outcomes(
            history,
            reports,
            self._endings,
            settings,
            looks=self._looks,
            deletions=self._deletions,
            outage=self._outage,
        )
        self._ended = EndedJobs(history, usage, Leftovers(self._deletions, reports), namespace, self.notes)
        self._held = Held(self._ended.is_measured)
        ahead = settings.launch_burst + int(_SECONDS_AHEAD * settings.launch_qps)
        self._preparing = Preparing(lambda: self._launches.waiting, max(ahead, 1))
        self._launched_before: list[Launched] = []
        self._taking: Iterator[object] | None = None
        self.run_pod = RunPodSteps(
            history,
            self._endings,
            reports,
            usage,
            self.notes.add,
            concurrency=settings.run_pod_concurrency,
            log_lines=settings.log_lines,
        )
        self._hurries = False

    def prepare(self, priority: int, launch: Callable[[], None]) -> None:
        """Have a step launched when its turn comes.

        Args:
            priority: Higher ones go first.
            launch: Builds its Job, and hands it to `launch`.
        """
        self._preparing.add(priority, launch)

    def launch_some(self, until: float) -> None:
        """Launch steps whose turn it is, until a time by `time.monotonic`."""
        self._preparing.launch(until)

    def launch(self, step: TrackedStep, launch: Launch) -> None:
        """Create the Job of a step as soon as may be."""
        self._steps[launch.step_key] = step
        self._launches.submit(launch)

    def hold(self, step_key: str, launch: Callable[[], None]) -> bool:
        """Launch a step once it is known what its last attempt took, or after a few seconds without.

        Args:
            step_key: Whose.
            launch: Launches it.

        Returns:
            Whether it is launched later; not when nothing is waited for.
        """
        if held := self._held.hold(step_key, launch):
            self._looks.soon()
        return held

    def adopt(self, step_key: str, step: TrackedStep, relaunch: Callable[[], None]) -> None:
        """Watch over a step that a run worker before this one has launched, or was about to.

        Args:
            step_key: Whose.
            step: What is kept of it.
            relaunch: Launches it, should its Job never have been created.
        """
        step.created, step.dated, step.relaunch = True, False, relaunch
        step.told = self.history.told.get(step_key, "")
        self.history.launched(step_key)
        self._steps[step_key] = step
        self._looks.soon()

    def could_not_launch(self, step_key: str, step: TrackedStep, diagnosis: Diagnosis) -> None:
        """Fail a step that did not come as far as its launch."""
        self._steps[step_key] = step
        self._endings.end(step_key, step, diagnosis)

    def collect(self) -> tuple[list[Launched], Look | None]:
        """What the calls have brought; to be asked for before the event log is read."""
        # A look that fails in a way that is not the API's must not end a run whose steps are well.
        look = self.notes.safely(self._looks.collect)
        return self._launches.done(), look

    def act(self, launched: list[Launched], look: Look | None) -> None:
        """Do what follows; called when the event log has been read up to after what was collected.

        What follows from a look is begun here, and done by `go_on`.
        """
        self.forget_ended()
        self._take_launches(launched)
        # What a look before this one has written has come back from the event log by now.
        self.notes.safely(self._held.let_go)
        if look is not None:
            self._taking = self._take_look(look)
        else:
            for key in list(self.history.interrupted):
                if (step := self._steps.get(key)) is not None:
                    self.notes.safely(partial(self._outcomes.take, key, step, None))
        self.notes.safely(self.run_pod.act)
        self.notes.safely(self._outcomes.finish)
        self._ended.take_in()
        self.notes.tell()
        while (news := self._outage.news()) is not None:
            self.reports.outage(news, self._settings.api_outage_tolerance)
        # A look that is not taken in yet is the newest there is.
        if self._taking is None and self._looks.is_due():
            self._looks.begin(self._watched())

    def go_on(self, until: float) -> None:
        """Do a slice of what follows from the last look.

        Args:
            until: When to stop, by `time.monotonic`.
        """
        while self._taking is not None:
            try:
                next(self._taking)
            except StopIteration:
                self._taking = None
            if time.monotonic() >= until:
                return

    @property
    def has_more_to_do(self) -> bool:
        """Whether the loop is to come back soon: something is left of what follows from what is known."""
        return self._taking is not None or self._preparing.is_due

    def forget_ended(self) -> None:
        """Let go of the steps that have ended; to be called whenever the event log was read."""
        while self.history.ended_steps:
            key = self.history.ended_steps.pop()
            if not self.history.is_open(key):
                self._steps.pop(key, None)
                self._outcomes.forget(key)

    def _take_look(self, look: Look) -> Iterator[object]:
        """What follows from a look, in as many parts as it may be interrupted at."""
        if look.nodes.known:
            self._outcomes.nodes = look.nodes
        for what, said in look.refused.items():
            self.notes.refused(what, said)
        # Before the end of an attempt is written, and with it the size of the next decided.
        yield from self._ended.measuring(look)
        if self._held:
            self._looks.within(_BETWEEN_LOOKS)
        for number, (key, step) in enumerate(list(self._steps.items())):
            if self._steps.get(key) is step and self.history.is_open(key):
                seen = look.observations.get(step.job_name)
                self.notes.safely(partial(self._outcomes.take, key, step, seen))
                if step.failing or step.ending is not None or number % _BETWEEN_CLOCKS == 0:
                    yield None
        self._ended.clear_away(look)

    def delete_all(self, seconds: float) -> dict[str, Future[None]]:
        """Delete the Jobs of all steps at once, by step key; those not created yet never will be.

        Args:
            seconds: How long to wait for all of them together.
        """
        self._hurries = True
        self._held.clear()
        self._preparing.clear()
        never = self._launches.withdraw(step.job_name for step in self._steps.values())
        deletions = {
            key: self._deletions.submit(
                step.namespace,
                step.job_name,
                before=partial(self._launches.cancel, step.job_name),
                patience=seconds - _LAST_SECONDS,
            )
            for key, step in self._steps.items()
            if step.job_name not in never
        }
        wait(deletions.values(), seconds)
        return deletions

    def settle(self, is_interrupted: Callable[[], bool]) -> None:
        """Look after the Jobs of the steps, when all have ended: nobody will look again.

        Args:
            is_interrupted: Whether the run worker has been told to end.
        """
        began = time.monotonic()
        self.go_on(float("inf"))
        self._ended.take_in()
        self.run_pod.settle(is_interrupted)
        self.notes.safely(partial(self._ended.settle, self._last_look, is_interrupted, began))
        self.notes.tell()

    def _last_look(self) -> Look | None:
        if self._looks.is_due(LAST_LOOK_INTERVAL):
            self._looks.begin(self._watched(), within=LAST_LOOK_INTERVAL)
        return self.collect()[1]

    def open_steps(self) -> list[str]:
        """The keys of steps that have been launched and have not ended."""
        return [*(key for key in self._steps if self.history.is_open(key)), *self.run_pod.open_steps()]

    def leave(self) -> None:
        """Create no more Jobs: the run worker ends, and waits for no call; steps in its pod end."""
        self._hurries = True
        self._held.clear()
        self._preparing.clear()
        self.run_pod.stop()
        self._launches.withdraw(step.job_name for step in self._steps.values())
        self.run_pod.finish()

    def step(self, step_key: str) -> TrackedStep | None:
        """What is known of a step."""
        return self._steps.get(step_key)

    def close(self) -> None:
        """End processes and threads; a run worker that was told to end has no time to wait for them."""
        self.run_pod.close()
        self._launches.close(wait=not self._hurries)
        self._deletions.close(wait=not self._hurries)
        self._looks.close(wait=not self._hurries)
        self._ended.close(wait=not self._hurries)

    def _take_launches(self, launched: list[Launched]) -> None:
        """Take in what became of launches; nobody else knows, so what goes wrong with one is done again."""
        again, self._launched_before = self._launched_before, []
        for result in (*again, *launched):
            try:
                self._take_launch(result)
            except Exception as error:  # noqa: BLE001 - it leaves the others alone
                self._launched_before.append(result)
                self.notes.failed(error)

    def _take_launch(self, result: Launched) -> None:
        key = result.launch.step_key
        step = self._steps.get(key)
        if step is None or step.job_name != result.launch.job_name or step.failing:
            return
        problem, begun = result.problem, key in self.history.begun
        # A call without an answer may have created the Job: who has begun has one, others must not begin.
        if problem is not None and problem.kind is DiagnosisKind.API_UNREACHABLE and not begun:
            self._outcomes.give_up(key, step, problem)
        elif problem is not None and problem.kind is not DiagnosisKind.API_UNREACHABLE:
            self._endings.end(key, step, problem)
        else:
            step.created, step.since = True, time.monotonic()
            if step.start_timeout is not None:
                self._looks.within(told_from(step.start_timeout))

    def _watched(self) -> list[Watched]:
        held = self.history.interrupted
        return self._ended.watched() + [
            Watched(
                step.job_name,
                step.namespace,
                step.since,
                interrupted=key in held,
                begun=key in self.history.begun,
            )
            for key, step in self._steps.items()
            if (step.created or key in held) and not step.failing
        ]
