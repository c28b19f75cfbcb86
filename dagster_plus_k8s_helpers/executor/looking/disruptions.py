"""What took a pod away: seen on it while it was there, else told by events, else by the state of its node."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.diagnosis.absent_pod import deletion
from dagster_plus_k8s_helpers.diagnosis.api_json import items, name_of, text, value
from dagster_plus_k8s_helpers.diagnosis.failed_pod import disrupted
from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis, DiagnosisKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["Disruptions", "leaving"]

# A node that goes takes many pods with it: one LIST does for all of them.
_LIST_SECONDS = 2.0


class Disruptions:
    """Remembers what the pods of a run showed, since a drained pod is gone a second after its end.

    Args:
        cluster: Where the nodes are; they may be out of bounds.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen: dict[str, Diagnosis] = {}
        self._nodes: dict[str, str] = {}
        self._may_list_nodes = True
        self._listed: list[ApiObject] = []
        self._listed_at = -_LIST_SECONDS

    def see(self, job_name: str, pod: ApiObject | None, events: Sequence[ApiObject]) -> Diagnosis | None:
        """What is known to have taken the pod of a Job away, or to be doing so.

        Args:
            job_name: Whose pod it is.
            pod: As it is now; ``None`` when it is gone.
            events: Of the Job and the pod, where they were asked for.
        """
        found = disrupted(pod) if pod is not None else deletion(events)
        if pod is not None and (node := text(pod, "spec", "nodeName")):
            self._nodes[job_name] = node
        if found is not None and found.is_disruption:
            self._seen.setdefault(job_name, found)
        elif pod is not None:
            # Kubernetes takes the condition back from a pod that was not deleted after all.
            self._seen.pop(job_name, None)
        return self._seen.get(job_name)

    def ask_the_node(self, job_name: str) -> Diagnosis | None:
        """Whether the node of a pod that is gone is on its way out; what a drain leaves behind is only that.

        Raises:
            CallError: The API could not be asked.
        """
        node = self._nodes.get(job_name, "")
        if not node or not self._may_list_nodes:
            return None
        try:
            if time.monotonic() - self._listed_at >= _LIST_SECONDS:
                self._listed, self._listed_at = self._cluster.nodes(), time.monotonic()
        except CallError as error:
            if error.is_passing:
                raise
            self._may_list_nodes = False
            return None
        if not self._listed:
            return None
        found = next((item for item in self._listed if name_of(item) == node), None)
        if (state := leaving(found)) is None:
            return None
        return self._seen.setdefault(
            job_name,
            Diagnosis(
                DiagnosisKind.NODE_LOST if found is None else DiagnosisKind.POD_DELETED,
                f"The pod was deleted from the node {node}, which {state}.",
                {"node": node, "disrupted_by": state},
                hint="Keep steps that must not be moved off preemptible nodes, or raise disruption_retries.",
            ),
        )


# What autoscalers put on a node before they take it away; a drain by hand cordons it.
_TAINTS = {
    "ToBeDeletedByClusterAutoscaler": "the cluster autoscaler removes",
    "karpenter.sh/disrupted": "Karpenter removes",
    "karpenter.sh/disruption": "Karpenter removes",
    "node.kubernetes.io/unschedulable": "is cordoned",
    "node.kubernetes.io/not-ready": "is not ready",
    "node.kubernetes.io/unreachable": "does not answer",
}


def leaving(node: ApiObject | None) -> str | None:
    """How a node is on its way out, to follow "which"; ``None`` when it is well.

    Source: https://kubernetes.io/docs/reference/labels-annotations-taints/
    """
    if node is None:
        return "is gone"
    if text(node, "metadata", "deletionTimestamp"):
        return "is being deleted"
    taints = {text(taint, "key"): text(taint, "effect") for taint in items(node, "spec", "taints")}
    for key, said in _TAINTS.items():
        if key in taints:
            return said
    if value(node, "spec", "unschedulable") is True:
        return "is cordoned"
    return "has a NoExecute taint" if "NoExecute" in taints.values() else None
