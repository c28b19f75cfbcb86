"""Rules for Jobs that wait in a queue of Kueue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check.subjects.registry import of_pods
from dagster_plus_k8s_helpers.check.subjects.subjects import of_no_one
from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity
from dagster_plus_k8s_helpers.plan.queues import queue_of, why_never
from dagster_plus_k8s_helpers.pod.queues import KUEUE_PRIORITY, KUEUE_QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit, PodGroup, Surroundings


NEVER_ADMITTED = Rule(
    "DPK535",
    Severity.ERROR,
    "A Job that its queue never admits waits for ever: what waits in a queue does not spend its "
    "start_timeout. Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/",
    "ask for less, name another queue, or raise the quota",
    needs=Need.QUEUES,
)
PRIORITY_WITHOUT_QUEUE = Rule(
    "DPK536",
    Severity.WARNING,
    "A WorkloadPriorityClass says who comes first in a queue; a Job in none is started at once, whatever it "
    "says, unless its namespace has a LocalQueue for all. Source: "
    "https://kueue.sigs.k8s.io/docs/concepts/workload_priority_class/",
    "name the queue; a PriorityClass of the scheduler's is priority_class_name",
)


@of_pods(NEVER_ADMITTED, whose="job")
def never_admitted(group: PodGroup, around: Surroundings) -> Iterator[Hit]:
    """A Job that its queue never admits, by the quotas that are given, or those of the cluster."""
    # Whoever has no Job in a queue is not to need the permission to read any.
    if not queue_of(group.pod) or (quotas := around.known_quotas) is None:
        return
    why = why_never(group.pod, quotas)
    if why is not None:
        path = f"metadata.labels.{KUEUE_QUEUE}"
        layer = group.pod.origin(path).layer
        text = f"the queue is {queue_of(group.pod)!r} by {layer}, and {why}"
        yield group.hit(NEVER_ADMITTED, text, cause=of_no_one(text))


@of_pods(PRIORITY_WITHOUT_QUEUE, whose="job")
def priority_without_queue(group: PodGroup, _around: Surroundings) -> Iterator[Hit]:
    """A priority in a queue, of a Job that is in none."""
    labels = group.pod.template.sent.manifest["metadata"].get("labels") or {}
    if KUEUE_PRIORITY in labels and not queue_of(group.pod):
        layer = group.pod.origin(f"metadata.labels.{KUEUE_PRIORITY}").layer
        text = f"priority_class is {labels[KUEUE_PRIORITY]!r} by {layer}, and no layer names a queue"
        yield group.hit(PRIORITY_WITHOUT_QUEUE, text, cause=of_no_one(text))
