"""What Kueue writes into the status of a Workload, as its sources have it.

Source: https://github.com/kubernetes-sigs/kueue/blob/main/apis/kueue/v1beta2/workload_types.go for the conditions
and their reasons; pkg/scheduler/flavorassigner/flavorassigner.go, pkg/controller/core/workload_controller.go and
pkg/scheduler/preemption/preemption.go there for the messages.
"""

from __future__ import annotations

from typing import Any

_WHEN = "2026-01-01T00:00:00Z"


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": _WHEN}


def pending(message: str, reason: str = "WaitingForQuota") -> dict[str, Any]:
    """The status of a Workload that has no quota; releases before that reason call it ``Pending``."""
    return {"conditions": [condition("QuotaReserved", "False", reason, message)]}


def admitted() -> dict[str, Any]:
    return {
        "conditions": [
            condition("QuotaReserved", "True", "QuotaReserved", "Quota reserved in ClusterQueue shared"),
            condition("Admitted", "True", "Admitted", "The workload is admitted"),
        ]
    }


NO_CPU = pending(
    "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor spot, 30 more needed, "
    "insufficient unused quota for cpu in flavor on-demand, 8 more needed. Pending the preemption of 2 workload(s)"
)
NO_MEMORY = pending(
    "couldn't assign flavors to pod set main: insufficient unused quota for memory in flavor default, 2Gi more needed"
)
TOO_LARGE = pending(
    "couldn't assign flavors to pod set main: insufficient quota for nvidia.com/gpu in flavor a100, previously "
    "considered podsets requests (0) + current podset request (16) > maximum capacity (8)",
    "ExceedsMaxQuota",
)
NO_QUEUE = pending("LocalQueue team-a doesn't exist", "Inadmissible")
STOPPED = pending("ClusterQueue shared is inactive", "Inadmissible")

TAKEN = (
    "Preempted to accommodate a workload (UID: u-1, JobUID: j-1) due to prioritization in the ClusterQueue"
)


def preempted() -> dict[str, Any]:
    """The status of a Workload whose pods were taken for another one's."""
    return {
        "conditions": [
            condition("QuotaReserved", "False", "Pending", TAKEN),
            condition("Evicted", "True", "Preempted", TAKEN),
            condition("Preempted", "True", "InClusterQueue", TAKEN),
            condition("Admitted", "False", "NoReservation", "The workload has no reservation"),
            condition("Requeued", "True", "Preempted", TAKEN),
        ],
        "schedulingStats": {"evictions": [{"reason": "Preempted", "underlyingCause": "", "count": 1}]},
    }


def readmitted() -> dict[str, Any]:
    """The status of a Workload that got its quota back: its eviction is over, and still counted."""
    status = preempted()
    ends = [
        {**item, "status": "False"}
        for item in status["conditions"]
        if item["type"] in {"Evicted", "Preempted"}
    ]
    return {**status, "conditions": [*admitted()["conditions"], *ends]}


def workload(name: str, queue: str, **more: Any) -> dict[str, Any]:
    """The Workload of somebody's Job that waits in a queue since before any test."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": f"uid-of-{name}"}
    metadata = {"name": f"job-{name}", "creationTimestamp": _WHEN, "ownerReferences": [owner]}
    return {"metadata": metadata, "spec": {"queueName": queue, "active": True}, "status": {}, **more}


def queues_of_cluster(**quota: str) -> dict[str, list[dict[str, Any]]]:
    """A ClusterQueue with a LocalQueue, as the API server lists them, and 1 CPU and 1Gi of it given already.

    Source: https://github.com/kubernetes-sigs/kueue/blob/main/apis/kueue/v1beta2/clusterqueue_types.go
    """
    resources = [{"name": name, "nominalQuota": amount} for name, amount in quota.items()]
    given = [
        {"name": "cpu", "total": "1", "borrowed": "0"},
        {"name": "memory", "total": "1Gi", "borrowed": "0"},
    ]
    shared = {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "ClusterQueue",
        "metadata": {
            "name": "shared",
            "uid": "u-1",
            "generation": 1,
            "managedFields": [{"manager": "kubectl"}],
        },
        "spec": {
            "namespaceSelector": {},
            "resourceGroups": [
                {"coveredResources": list(quota), "flavors": [{"name": "default", "resources": resources}]}
            ],
        },
        "status": {
            "flavorsReservation": [{"name": "default", "resources": given}],
            "flavorsUsage": [],
            "pendingWorkloads": 2,
            "conditions": [condition("Active", "True", "Ready", "Can admit new workloads")],
        },
    }
    local = {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "LocalQueue",
        "metadata": {"name": "team-a", "namespace": "default"},
        "spec": {"clusterQueue": "shared"},
    }
    return {"clusterqueues": [shared], "localqueues": [local]}
