"""What is found in Jobs that wait in a queue: with quotas given, and without."""

from __future__ import annotations

from checked import definitions, found

from dagster_plus_k8s_helpers import K8sConfig, Resources, k8s_executor, kueue
from dagster_plus_k8s_helpers.plan import read_queues

QUEUES = read_queues("""
kind: ClusterQueue
metadata: {name: shared}
spec: {resourceGroups: [{flavors: [{name: spot, resources: [{name: cpu, nominalQuota: 4}]}]}]}
---
kind: LocalQueue
metadata: {name: team-a, namespace: default}
spec: {clusterQueue: shared}
""")


def test_a_step_that_is_never_admitted_is_found() -> None:
    defs = definitions((K8sConfig(resources=Resources(cpu=9)) | kueue("team-a")).tags)

    told = [item for item in found(defs, queues=QUEUES) if item[0] == "DPK535"]

    assert len(told) == 1
    assert (
        "the queue is 'team-a' by op tags (tags of the op 'train'), and the ClusterQueue 'shared' never has"
        in told[0][1]
    )
    assert "DPK535" not in dict(found(defs))
    assert "DPK535" not in dict(
        found(definitions((K8sConfig(resources=Resources(cpu=1)) | kueue("team-a")).tags), queues=QUEUES)
    )


def test_a_priority_without_a_queue_is_found() -> None:
    alone = K8sConfig(priority_class="high").tags

    assert "priority_class is 'high' by op tags" in dict(found(definitions(alone)))["DPK536"]
    queued = k8s_executor(max_concurrent=4, queue="team-a")
    assert "DPK536" not in dict(found(definitions(alone, executor=queued)))
