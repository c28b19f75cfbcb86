"""A step that is in a pod, or on its way to one, as the executor's loop knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind
from dagster_plus_k8s_helpers.executor.events.reports import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from dagster_plus_k8s_helpers._dagster.execution import IStepContext
    from dagster_plus_k8s_helpers.cluster.nodes import Nodes
    from dagster_plus_k8s_helpers.errors import K8sConfigError
    from dagster_plus_k8s_helpers.executor.events.attempts import Rules
    from dagster_plus_k8s_helpers.executor.looking.observation import Observation
    from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings
    from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

__all__ = ["TrackedStep", "age_of", "end_of_wait", "told_from", "unexplained_wait"]


@dataclass
class TrackedStep:
    """One attempt of a step.

    Args:
        contexts: Makes what events about it are written with.
        job_name: Its Job.
        namespace: Where the Job is.
        rules: What its retries go by.
        start_timeout: Seconds its pod may take to start; ``None`` for ever.
        since: When it was launched, by the supervisor's clock.
        created: Whether its Job is there.
        started: Whether its container has been seen to run.
        told: The cause of waiting that was reported last.
        told_at: When a cause of waiting was reported first.
        pulling_since: Since when its image cannot be pulled.
        silent_since: Since when it has been seen complete without an event of its own.
        failing: Whether its end was written, and has not come back from the event log yet.
        deletion: The deletion of its Job, after which it fails with ``ending``.
        ending: Why it is being ended.
        last: What the last look found out.
        problem: What is wrong with its tags.
        learned: The size that an earlier run needed, and which run.
        relaunch: Launches it, if its Job turns out never to have been created; only after a resume.
        dated: Whether ``since`` is when its Job was created, and not when this run worker took it over
            without having seen the Job yet.
        interrupted_at: When it reported that it was interrupted.
        looked_at: When its pod was first looked at after that.
    """

    contexts: Callable[[], IStepContext]
    job_name: str
    namespace: str
    rules: Rules
    start_timeout: float | None
    since: float
    created: bool = False
    started: bool = False
    told: str = ""
    told_at: float | None = None
    pulling_since: float | None = None
    silent_since: float | None = None
    failing: bool = False
    deletion: Future[None] | None = None
    ending: Diagnosis | None = None
    last: Observation | None = None
    problem: K8sConfigError | None = None
    learned: tuple[Memory, str] | None = None
    relaunch: Callable[[], None] | None = None
    dated: bool = True
    interrupted_at: float | None = None
    looked_at: float | None = None

    @property
    def context(self) -> IStepContext:
        """What an event about it is written with, made anew each time.

        Each has a logging handler: those of thousands of steps, kept, are a list that Python goes through
        whenever any handler is dropped.
        """
        return self.contexts()

    @property
    def place(self) -> Place:
        """Where to look closer."""
        return Place(self.namespace, self.job_name, self.last.pod if self.last else "")

    def cause(self, diagnosis: Diagnosis) -> str:
        """What must change for a wait to be reported again.

        Counts of nodes and restarts do not, nor the names of pods that could not be created, nor the two
        reasons between which a kubelet goes back and forth while an image cannot be pulled.
        """
        kind = "ImagePull" if diagnosis.kind in _PULLS else diagnosis.kind.value
        parts = [str(diagnosis.details.get(name, "")) for name in ("container", "image", "cause", "volume")]
        missing = sorted(re.sub(r"[0-9]+ nodes?", "", str(diagnosis.details.get("missing", ""))).split("; "))
        return " ".join([kind, *parts, *missing])


_PULLS = frozenset({DiagnosisKind.IMAGE_PULL_BACK_OFF, DiagnosisKind.ERR_IMAGE_PULL})
# Whoever holds these back on purpose also lets them go.
_HELD_BACK = frozenset({DiagnosisKind.JOB_SUSPENDED, DiagnosisKind.SCHEDULING_GATED})
_UNEXPLAINED = (
    "Look at the pod's events; raise start_timeout if its image or its init containers take longer."
)
_LONGEST_MOMENT = 30.0


def end_of_wait(
    step: TrackedStep, diagnosis: Diagnosis | None, nodes: Nodes, settings: ExecutorSettings, now: float
) -> Diagnosis | None:
    """The diagnosis with which a pod that has not started is given up; ``None`` while there is patience.

    Args:
        step: Whose pod it is.
        diagnosis: Why it waits, when that is known.
        nodes: What the nodes have, when that is known.
        settings: How much patience there is.
        now: The supervisor's clock.
    """
    if diagnosis is not None and (hopeless := _hopeless(diagnosis, nodes, settings)) is not None:
        return hopeless
    if diagnosis is not None and diagnosis.kind in _PULLS:
        step.pulling_since = step.pulling_since if step.pulling_since is not None else now
        if now - step.pulling_since >= settings.image_pull_grace:
            return diagnosis.over(f"Its image could not be pulled for {settings.image_pull_grace:g} s.")
    else:
        step.pulling_since = None
    if diagnosis is not None and diagnosis.kind in _HELD_BACK:
        step.since = now
        return None
    if not _is_over(step, now):
        return None
    why = f"It has not started within its start_timeout of {step.start_timeout:g} s."
    if diagnosis is not None:
        return diagnosis.over(why)
    return Diagnosis(DiagnosisKind.NOT_STARTED, f"{why} Nothing says what it waits for.", hint=_UNEXPLAINED)


def _is_over(step: TrackedStep, now: float) -> bool:
    """Whether a wait has lasted for its start_timeout, and whoever reads of it has had a moment."""
    if step.start_timeout is None or now - step.since < step.start_timeout:
        return False
    # An outage, or a cause that came late, may have kept it from being told before.
    return step.told_at is None or now - step.told_at >= min(step.start_timeout / 4, _LONGEST_MOMENT)


def told_from(start_timeout: float) -> float:
    """Seconds after which a wait is told, whether its cause is known or not."""
    return start_timeout / 2


def unexplained_wait(step: TrackedStep, now: float) -> Diagnosis | None:
    """A wait that has gone on for half of what it may without anything that says why."""
    waited = now - step.since
    if step.start_timeout is None or waited < told_from(step.start_timeout):
        return None
    return Diagnosis(
        DiagnosisKind.NOT_STARTED,
        f"The pod has not started, and nothing says what it waits for. The step fails at its start_timeout "
        f"of {step.start_timeout:g} s.",
        hint=_UNEXPLAINED,
        failed=False,
    )


def age_of(created: str) -> float | None:
    """Seconds since a time of the API server's; ``None`` when it is not known."""
    try:
        then = datetime.fromisoformat(created)
    except ValueError:
        return None
    if then.tzinfo is None:
        return None
    return max((datetime.now(UTC) - then).total_seconds(), 0.0)


def _hopeless(diagnosis: Diagnosis, nodes: Nodes, settings: ExecutorSettings) -> Diagnosis | None:
    """What can never start, and so need not be waited for."""
    if not settings.fail_at_once:
        return None
    if not diagnosis.retryable:
        return diagnosis.over("It can never start.")
    resource = str(diagnosis.details.get("resource", ""))
    if not settings.autoscaler and nodes.known and "/" in resource and resource not in nodes.resources:
        return diagnosis.over(f"No node has any {resource}, and no autoscaler is said to exist.")
    return None
