"""What goes on in the pod of a step that has ended, kept alive by a plain container beside the step's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.api_json import items, text
from dagster_plus_k8s_helpers.diagnosis.containers import ended_while_others_run, main_container
from dagster_plus_k8s_helpers.diagnosis.diagnose import newest_pod
from dagster_plus_k8s_helpers.diagnosis.failed_pod import ENDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Remains", "Watched", "remains"]


@dataclass(frozen=True)
class Watched:
    """A Job to look at.

    Args:
        job_name: Its name.
        namespace: Where it is.
        since: When it was created, by the clock of the looker.
        interrupted: Whether its step says that it was interrupted: then it matters what took its pod.
        ended: Whether its step has ended, so that it only matters what goes on in its pod.
        begun: Whether its step's process has reported that it began: another pod must not begin it again.
    """

    job_name: str
    namespace: str
    since: float
    interrupted: bool = False
    ended: bool = False
    begun: bool = False


@dataclass(frozen=True)
class Remains:
    """What goes on in the pod of a step that has ended.

    Args:
        containers: The plain containers beside the step's.
        lingers: Whether the step's own container has ended, so that the pod is there for them alone.
    """

    containers: tuple[str, ...]
    lingers: bool


def remains(job: ApiObject | None, pods: Sequence[ApiObject]) -> Remains | None:
    """What goes on in the pod of a step that has ended; ``None`` when it ends, or will, without help.

    Native sidecars end with the step's container, so they do not count.

    Args:
        job: The step's Job; ``None`` when it is gone.
        pods: Its pods, as far as they may be seen.

    Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#jobs-with-sidecar-containers
    """
    pod = newest_pod(pods)
    if job is None or pod is None or text(pod, "status", "phase") in ENDED:
        return None
    if text(pod, "metadata", "deletionTimestamp") or text(job, "metadata", "deletionTimestamp"):
        return None
    main = main_container(job, pod)
    beside = tuple(name for item in items(pod, "spec", "containers") if (name := text(item, "name")) != main)
    return Remains(beside, ended_while_others_run(pod, main) is not None) if beside else None
