"""What is asked of Kueue: the Workloads of Jobs, who is in front of them, and its queues."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dagster_plus_k8s_helpers.cluster.answers import listed
from dagster_plus_k8s_helpers.cluster.errors import CallError
from dagster_plus_k8s_helpers.diagnosis.api_json import text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.cluster.calls import Cluster
    from dagster_plus_k8s_helpers.diagnosis.api_json import ApiObject

__all__ = ["VERSIONS", "pending_workloads", "queues", "workloads", "workloads_of_queues"]

T = TypeVar("T")

VERSIONS = ("v1beta2", "v1beta1")
"""Of Kueue's APIs, the newest first."""

_MOST_PENDING = 1000
_MOST_WORKLOADS = 500
_JOB_UID = "kueue.x-k8s.io/job-uid"
_NOT_FOUND = 404


def workloads(cluster: Cluster, namespace: str, uids: Sequence[str]) -> list[ApiObject]:
    """What Kueue keeps of Jobs, in the newest version of its API that the cluster has.

    Args:
        cluster: Whom to ask.
        namespace: Where the Jobs are.
        uids: Of the Jobs; their Workloads have them in a label.

    Raises:
        CallError: They cannot be read; it ``is_absent`` where there is no Kueue.

    Source: https://github.com/kubernetes-sigs/kueue/blob/main/pkg/controller/constants/constants.go
    """
    query = [("labelSelector", f"{_JOB_UID} in ({','.join(uids)})"), ("limit", str(_MOST_WORKLOADS))]
    found = _newest(lambda api: cluster.question(f"{api}/namespaces/{namespace}/workloads", query))
    return list(listed(found))


def workloads_of_queues(cluster: Cluster, namespace: str) -> list[ApiObject] | None:
    """All Workloads of a namespace; ``None`` where there are more than are read in one call.

    Args:
        cluster: Whom to ask.
        namespace: Where they are.

    Raises:
        CallError: They cannot be read; it ``is_absent`` where there is no Kueue.
    """
    query = [("limit", str(_MOST_WORKLOADS))]
    found = _newest(lambda api: cluster.question(f"{api}/namespaces/{namespace}/workloads", query))
    return None if text(found, "metadata", "continue") else list(listed(found))


def pending_workloads(cluster: Cluster, namespace: str, queue: str, version: str) -> list[ApiObject]:
    """Those that wait in a LocalQueue, in their order, each with its positions: the first thousand.

    Args:
        cluster: Whom to ask.
        namespace: Where the LocalQueue is.
        queue: Its name.
        version: Of Kueue's visibility API.

    Raises:
        CallError: They cannot be read; it ``is_of_no_api`` where there is none of this version.

    Source: https://kueue.sigs.k8s.io/docs/tasks/manage/monitor_pending_workloads/pending_workloads_on_demand/
    """
    path = f"/apis/visibility.kueue.x-k8s.io/{version}/namespaces/{namespace}/localqueues/{queue}"
    return list(listed(cluster.question(f"{path}/pendingworkloads", [("limit", str(_MOST_PENDING))])))


def queues(cluster: Cluster, namespace: str) -> list[ApiObject]:
    """The ClusterQueues and the LocalQueues, each with its kind and with what it gives and has given.

    Args:
        cluster: Whom to ask.
        namespace: Whose LocalQueues are read when those of all namespaces may not be.

    Raises:
        CallError: They cannot be read; it ``is_absent`` where there is no Kueue.

    Source: https://github.com/kubernetes-sigs/kueue/blob/main/apis/kueue/v1beta2/clusterqueue_types.go
    """
    of_cluster = _newest(lambda api: cluster.every(f"{api}/clusterqueues"))
    try:
        local = _newest(lambda api: cluster.every(f"{api}/localqueues"))
    except CallError as error:
        if not error.is_forbidden:
            raise
        local = _newest(lambda api: cluster.every(f"{api}/namespaces/{namespace}/localqueues"))
    kinds = (("ClusterQueue", of_cluster), ("LocalQueue", local))
    return [_kept(kind, item) for kind, found in kinds for item in found]


def _kept(kind: str, item: ApiObject) -> ApiObject:
    """What of a queue is looked at: not who has changed which field when."""
    metadata = {name: text(item, "metadata", name) for name in ("name", "namespace")}
    rest = {name: item[name] for name in ("spec", "status") if name in item}
    return {"kind": kind, "metadata": {name: said for name, said in metadata.items() if said}, **rest}


def _newest(ask: Callable[[str], T]) -> T:
    """What is answered in the newest version of Kueue's API that the cluster has."""
    for version in VERSIONS:
        try:
            return ask(f"/apis/kueue.x-k8s.io/{version}")
        except CallError as error:
            if not error.is_of_no_api and not error.is_absent:
                raise
    raise CallError(_NOT_FOUND, f"the cluster has no {' or '.join(VERSIONS)} of kueue.x-k8s.io")
