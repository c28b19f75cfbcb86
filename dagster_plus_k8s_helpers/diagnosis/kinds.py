"""What a diagnosis is: its kind, named after Kubernetes' own reasons, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.arguments import answering

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DISRUPTIONS", "Diagnosis", "DiagnosisKind"]


class DiagnosisKind(Enum):
    """Why a step pod failed or waits. The values are Kubernetes' own reasons wherever it has one."""

    OOM_KILLED = "OOMKilled"
    ERROR = "Error"
    START_ERROR = "StartError"
    DEADLINE_EXCEEDED = "DeadlineExceeded"

    EVICTED = "Evicted"
    EVICTION_BY_EVICTION_API = "EvictionByEvictionAPI"
    PREEMPTION_BY_SCHEDULER = "PreemptionByScheduler"
    DELETION_BY_TAINT_MANAGER = "DeletionByTaintManager"
    TERMINATION_BY_KUBELET = "TerminationByKubelet"
    NODE_LOST = "NodeLost"
    REFUSED_BY_NODE = "UnexpectedAdmissionError"
    EVICTED_BY_QUEUE = "EvictedByQueue"
    POD_DELETED = "PodDeleted"
    JOB_DELETED = "JobDeleted"

    UNSCHEDULABLE = "Unschedulable"
    SCHEDULING_GATED = "SchedulingGated"
    JOB_SUSPENDED = "JobSuspended"
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    ERR_IMAGE_PULL = "ErrImagePull"
    INVALID_IMAGE_NAME = "InvalidImageName"
    CREATE_CONTAINER_CONFIG_ERROR = "CreateContainerConfigError"
    CREATE_CONTAINER_ERROR = "CreateContainerError"
    CRASH_LOOP_BACK_OFF = "CrashLoopBackOff"
    FAILED_CREATE = "FailedCreate"
    FAILED_MOUNT = "FailedMount"
    FAILED_ATTACH_VOLUME = "FailedAttachVolume"
    NOT_STARTED = "NotStarted"

    JOB_FAILED = "JobFailed"
    JOB_REFUSED = "JobRefused"
    API_UNREACHABLE = "ApiUnreachable"
    NO_RESULT = "NoResult"
    RUN_WORKER_REPLACED = "RunWorkerReplaced"


DISRUPTIONS = frozenset(
    {
        DiagnosisKind.EVICTED,
        DiagnosisKind.EVICTION_BY_EVICTION_API,
        DiagnosisKind.PREEMPTION_BY_SCHEDULER,
        DiagnosisKind.DELETION_BY_TAINT_MANAGER,
        DiagnosisKind.TERMINATION_BY_KUBELET,
        DiagnosisKind.NODE_LOST,
        DiagnosisKind.REFUSED_BY_NODE,
        DiagnosisKind.EVICTED_BY_QUEUE,
    }
)
"""What a cluster does to pods that did nothing wrong."""


@answering
@dataclass(frozen=True)
class Diagnosis:
    """Why a step pod failed, waits or is in trouble.

    Args:
        kind: The reason, as Kubernetes calls it.
        summary: One sentence that says what happened.
        details: What is known of it, by name: ``container``, ``exit_code``, ``node``, ``limit``, ...
        hint: What to do about it; may be empty.
        retryable: Whether the same Job could go better another time.
        failed: Whether it is over; otherwise the pod waits, or runs beside something that is in trouble.
    """

    kind: DiagnosisKind
    summary: str
    details: Mapping[str, str | int] = field(default_factory=dict, hash=False)
    hint: str = ""
    retryable: bool = True
    failed: bool = True

    def __post_init__(self) -> None:
        known = {name: value for name, value in self.details.items() if value not in {"", None}}
        object.__setattr__(self, "details", MappingProxyType(known))

    def __reduce__(self) -> tuple[object, ...]:
        # A read-only view of a dictionary cannot be pickled.
        return Diagnosis, (
            self.kind,
            self.summary,
            dict(self.details),
            self.hint,
            self.retryable,
            self.failed,
        )

    @property
    def is_disruption(self) -> bool:
        """Whether the cluster took the pod away, and the step did nothing wrong.

        An eviction for the step's own excess, such as a full ``emptyDir``, is not one; nor is the deletion of
        a pod, unless something says that a node or a controller was behind it.
        """
        taken = self.kind in DISRUPTIONS or "disrupted_by" in self.details
        return taken and self.retryable and "own_limit" not in self.details

    def disrupted_by(self, what: str) -> Diagnosis:
        """The same diagnosis with what is known to be behind it.

        Args:
            what: In a word or two.
        """
        return replace(self, details={**self.details, "disrupted_by": what})

    def over(self, why: str) -> Diagnosis:
        """The same diagnosis of a wait that somebody ended.

        Args:
            why: A sentence that comes before the summary.
        """
        return replace(self, summary=f"{why} {self.summary}".strip(), failed=True)

    def __str__(self) -> str:
        return f"{self.kind.value}: {self.summary}" + (f" {self.hint}" if self.hint else "")
