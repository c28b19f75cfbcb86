"""What earlier looks have seen of a Job, and what of it still holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.kinds import DiagnosisKind
from dagster_plus_k8s_helpers.diagnosis.queued import queue_of
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis
    from dagster_plus_k8s_helpers.executor.looking.observation import Observation
    from dagster_plus_k8s_helpers.executor.looking.remains import Watched
    from dagster_plus_k8s_helpers.executor.looking.snapshot import Snapshot

__all__ = ["Seen"]

_CAUSE_IS_GONE = frozenset({DiagnosisKind.POD_DELETED, DiagnosisKind.JOB_DELETED, DiagnosisKind.JOB_FAILED})


@dataclass
class Seen:
    """Kept for each Job that is watched.

    Args:
        pod: Name of its pod.
        memory: What the step's container had.
        failure: The cause of a failure, as long as there was a pod that said it.
        ending_since: When it was first seen to end.
        read_at: When it was last read by itself.
        steady: The last observation, of a step that runs.
        versions: Of which versions of its Job and pod that was.
    """

    pod: str = ""
    memory: Memory = field(default_factory=Memory)
    failure: Diagnosis | None = None
    ending_since: float | None = None
    read_at: float = 0.0
    steady: Observation | None = None
    versions: tuple[str, ...] = ()

    def keep(self, observation: Observation, versions: tuple[str, ...]) -> None:
        """Keep what a look has found out of a step that runs, and of which versions of its Job and pod."""
        runs = observation.started and observation.pod and not (observation.succeeded or observation.lingers)
        is_well = observation.diagnosis is None and observation.disruption is None
        self.steady, self.versions = (observation if runs and is_well else None), versions

    def as_before(self, watched: Watched, snapshot: Snapshot) -> Observation | None:
        """What was kept, where it still holds: a step runs on, and nothing came of its Job and pod since."""
        if self.steady is None or watched.interrupted or "pods" in snapshot.refused:
            return None
        # What a queue does to a step depends on what the step has reported, too.
        if queue_of(snapshot.jobs.get(watched.job_name)):
            return None
        versions = snapshot.versions_of(watched.job_name)
        return self.steady if versions and versions == self.versions else None

    def cause_of(self, diagnosis: Diagnosis) -> Diagnosis:
        """A pod that is gone took its cause with it; an earlier look may have seen it."""
        if diagnosis.kind in _CAUSE_IS_GONE:
            return self.failure or diagnosis
        self.failure = diagnosis
        return diagnosis
