"""What to make of a step that reports that it was interrupted: whose doing it was, its pod says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.executor.looking.observation import Observation

__all__ = ["Judgement", "judge"]

# Kubernetes' default grace period, and as long again for the kubelet and the controllers.
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Judgement:
    """Why a step was interrupted; ``diagnosis`` is ``None`` when its own report says it best."""

    diagnosis: Diagnosis | None = None


def judge(seen: Observation, *, fresh: bool, waited: float) -> Judgement | None:
    """Whose doing an interruption was; ``None`` while that is not clear.

    Args:
        seen: What a look found out about the step's Job.
        fresh: Whether the look began after the step had reported its end: only then does it matter that it
            shows nothing.
        waited: Seconds since the first such look.
    """
    diagnosis = seen.diagnosis if seen.diagnosis is not None and seen.diagnosis.failed else None
    past_deadline = diagnosis is not None and diagnosis.kind is DiagnosisKind.DEADLINE_EXCEEDED
    if seen.disruption is not None and not past_deadline:
        return Judgement(seen.disruption)
    if diagnosis is not None and diagnosis.is_disruption:
        return Judgement(diagnosis)
    if not fresh or not (seen.over or seen.succeeded or waited >= _PATIENCE_SECONDS):
        return None
    # That the process ended badly is what the step reports, in better words.
    return Judgement(
        diagnosis if diagnosis is not None and diagnosis.kind is not DiagnosisKind.ERROR else None
    )
