"""What owns the Jobs of steps, so that they go when the run worker's pod goes, or the Job of that pod.

Imported when a job uses the executor, not before.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from dagster_k8s.utils import detect_current_namespace  # noqa: TID253 - see above
from kubernetes.client import V1OwnerReference  # noqa: TID253 - see above

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.executor.looking.run_worker import LEAST_TIME_TO_LIVE, owner_in, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubernetes.client import V1Job

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.executor.looking.run_worker import Owner

__all__ = ["OWNER_ELSEWHERE", "Owners"]

_CANNOT_OWN = (
    "Step Jobs get no owner reference, so they will not go with the run's pod, which could not be read: "
    "{said}. Grant its service account get on pods, or write k8s_executor(owner_references=False)."
)
# Kubernetes looks for an owner in the namespace of what is owned, and removes what has none.
OWNER_ELSEWHERE = (
    "Step Jobs get no owner reference, so they will not go with the run's pod: it is in the namespace "
    "{here!r} and they are in {there!r}, where it can own nothing. k8s_executor(owner_references=False) says "
    "that this is meant."
)
# A drain is the end of the run's Job, from which its time to live counts, while its steps go on.
_SHORT_LIVED = (
    "Step Jobs go with the run's pod, so they start again when it is taken: its Job {job} would take them "
    "along {seconds} s after that, by its ttl_seconds_after_finished. Give the runs {least} or more of it "
    "(job_spec_config), so that their steps go on."
)


class Owners:
    """Finds the owner of the Jobs of one run; asked by the threads that create them.

    Args:
        cluster: Where the run worker's pod is.
        kubeconfig_file: Of the executor, if it has one.
        wanted: Whether the Jobs are to have an owner.
        note: Tells something about the run, once.
        resumed: Whether another run worker goes on when this one is gone.

    Attributes:
        owner: What owns the Jobs that were launched; ``None`` while nothing does.
    """

    owner: Owner | None = None

    def __init__(
        self,
        cluster: Cluster,
        kubeconfig_file: str | None,
        *,
        wanted: bool,
        note: Callable[[str], None],
        resumed: Callable[[], bool],
    ) -> None:
        self._cluster, self._kubeconfig_file = cluster, kubeconfig_file
        self._wanted, self._note, self._resumed = wanted, note, resumed
        self._own: Owner | None = None

    def place(self) -> tuple[str, str] | None:
        """Namespace and name of the pod that this process runs in; ``None`` outside of one."""
        name = os.environ.get("HOSTNAME", "")
        here = detect_current_namespace(self._kubeconfig_file) if name else None
        return (here, name) if here else None

    def with_owner(self, job: V1Job, namespace: str) -> V1Job:
        """The Job, to go when the run's pod goes, or the Job of that pod.

        Args:
            job: The Job.
            namespace: Where it is to be.

        Raises:
            CallError: The pod could not be asked for now.
        """
        owner = self._owner_in(namespace) if self._wanted else None
        if owner is not None:
            self.owner = owner
            others = [other for other in job.metadata.owner_references or () if other.uid != owner.uid]
            reference = V1OwnerReference(
                api_version=owner.api_version, kind=owner.kind, name=owner.name, uid=owner.uid
            )
            job.metadata.owner_references = [reference, *others]
        return job

    def _owner_in(self, namespace: str) -> Owner | None:
        """What of the run worker can own what is in a namespace."""
        try:
            place = self.place()
            if place is None:
                return None
            here, name = place
            if here != namespace:
                self._note(OWNER_ELSEWHERE.format(here=here, there=namespace))
                return None
            return self._lasting(here, name)
        except CallError as error:
            if error.is_passing:
                raise
            said = str(error)
        # A step can do without an owner, whatever is wrong with where it is looked for.
        except Exception as error:  # noqa: BLE001
            said = f"{type(error).__name__}: {error}"
        self._wanted = False
        self._note(_CANNOT_OWN.format(said=said))
        return None

    def _lasting(self, namespace: str, name: str) -> Owner:
        """What of the run worker's pod owns the steps for as long as they may go on."""
        if self._own is None:
            pod = self._cluster.pod(namespace, name)
            owner = owner_of(self._cluster, namespace, pod, resumed=self._resumed())
            seconds = owner.time_to_live
            if seconds is not None and seconds < LEAST_TIME_TO_LIVE:
                said = _SHORT_LIVED.format(job=owner.name, seconds=seconds, least=LEAST_TIME_TO_LIVE)
                self._note(said)
                owner = owner_in(pod, resumed=False)
            self._own = owner
        return self._own
