"""How queues for pods know whose a Job or pod is, as data."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["KUEUE_PRIORITY", "KUEUE_QUEUE", "POD_QUEUES", "TOPOLOGIES", "PodQueue"]

KUEUE_QUEUE = "kueue.x-k8s.io/queue-name"
"""Label of a Job: the LocalQueue of its namespace that it waits in. Kueue suspends it until its turn.

Source: https://kueue.sigs.k8s.io/docs/tasks/run/jobs/
"""

KUEUE_PRIORITY = "kueue.x-k8s.io/priority-class"
"""Label of a Job: its WorkloadPriorityClass, which the queue goes by and the scheduler does not.

Source: https://kueue.sigs.k8s.io/docs/concepts/workload_priority_class/
"""

TOPOLOGIES = {
    "required": "kueue.x-k8s.io/podset-required-topology",
    "preferred": "kueue.x-k8s.io/podset-preferred-topology",
}
"""Annotations of a pod that name a level of a Topology, by whether Kueue may go beyond one domain of it.

Source: https://kueue.sigs.k8s.io/docs/concepts/topology_aware_scheduling/
"""


class PodQueue(NamedTuple):
    """A scheduler with queues of its own, that reads the queue from the pod.

    Attributes:
        scheduler: What ``schedulerName`` of the pod must be.
        label: Key of the pod's label that names the queue; empty when it is none.
        annotation: Key of the pod's annotation that does; empty when it is none.
        source: Where that is documented.
    """

    scheduler: str
    label: str
    annotation: str
    source: str


POD_QUEUES = {
    "kai": PodQueue(
        "kai-scheduler",
        "kai.scheduler/queue",
        "",
        "https://github.com/kai-scheduler/KAI-Scheduler/tree/main/docs/quickstart",
    ),
    "volcano": PodQueue(
        "volcano",
        "",
        "scheduling.volcano.sh/queue-name",
        "https://github.com/volcano-sh/apis/blob/master/pkg/apis/scheduling/v1beta1/labels.go",
    ),
}
