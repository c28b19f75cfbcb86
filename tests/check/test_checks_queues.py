"""What is found in Jobs that wait in a queue: with quotas given, and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from api_server import Fault
from checked import definitions, found
from kubernetes.config import new_client_from_config
from kueue import queues_of_cluster

from dagster_plus_k8s_helpers import K8sConfig, Resources, k8s_executor, kueue
from dagster_plus_k8s_helpers.plan import ClusterObjects, read_queues

if TYPE_CHECKING:
    from api_server import ApiServer

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


TOO_LARGE = (K8sConfig(resources=Resources(cpu=9)) | kueue("team-a")).tags


@pytest.fixture
def cluster(api_server: ApiServer) -> ClusterObjects:
    api_server.queues = queues_of_cluster(cpu="4", memory="8Gi")
    return ClusterObjects(new_client_from_config(str(api_server.kubeconfig)))


def asked(server: ApiServer) -> list[str]:
    return [call for call, _query in server.queries if "queues" in call]


def test_the_queues_of_the_cluster_are_read_where_no_file_has_them(
    api_server: ApiServer, cluster: ClusterObjects
) -> None:
    told = dict(found(definitions(TOO_LARGE), cluster=cluster))

    assert "the ClusterQueue 'shared' never has so much: cpu 9" in told["DPK535"]
    assert asked(api_server) == ["LIST clusterqueues", "LIST localqueues"]
    assert "DPK535" not in dict(found(definitions(TOO_LARGE), cluster=cluster, queues=read_queues(LARGE)))


LARGE = """
kind: ClusterQueue
metadata: {name: shared}
spec: {resourceGroups: [{flavors: [{name: spot, resources: [{name: cpu, nominalQuota: 40}]}]}]}
---
kind: LocalQueue
metadata: {name: team-a}
spec: {clusterQueue: shared}
"""


def test_who_has_no_job_in_a_queue_is_not_asked_for_the_right_to_read_any(
    api_server: ApiServer, cluster: ClusterObjects
) -> None:
    found(definitions(), cluster=cluster)

    assert asked(api_server) == []


def test_a_cluster_that_may_not_be_asked_for_its_queues_says_so_once(
    api_server: ApiServer, cluster: ClusterObjects
) -> None:
    api_server.faults.append(Fault("LIST", "clusterqueues", 403))

    told = found(definitions(TOO_LARGE), cluster=cluster)

    assert "DPK535" not in dict(told)
    assert len([text for _code, text in told if "which queues of Kueue there are" in text]) == 1


def test_who_may_list_the_queues_of_one_namespace_has_those(
    api_server: ApiServer, cluster: ClusterObjects
) -> None:
    api_server.faults.append(Fault("LIST", "localqueues", 403, asks=lambda query: "namespace" not in query))

    assert "DPK535" in dict(found(definitions(TOO_LARGE), cluster=cluster))


def test_a_cluster_without_kueue_has_no_such_queue(api_server: ApiServer, cluster: ClusterObjects) -> None:
    api_server.gone |= {f"/apis/kueue.x-k8s.io/{version}" for version in ("v1beta2", "v1beta1")}

    told = dict(found(definitions(TOO_LARGE), cluster=cluster))

    assert "there is no LocalQueue 'team-a'" in told["DPK535"]
