"""Reading the queues of Kueue: from what kubectl prints, from files of such objects, or from a cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.capacity.queue_objects import ClusterQueue, LocalQueue, QueueList
from dagster_plus_k8s_helpers.capacity.quotas import Quotas
from dagster_plus_k8s_helpers.documents.document import YamlDocument, read_yaml
from dagster_plus_k8s_helpers.errors import InvalidFileError
from dagster_plus_k8s_helpers.files.sections.section import problems
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.capacity.queue_objects import ClusterSpec, ClusterStatus

__all__ = ["quotas_in", "read_queues"]

NOT_QUEUES = Rule(
    "DPK403",
    Severity.ERROR,
    "Queues come as objects of Kueue.",
    "give the output of `kubectl get clusterqueues,localqueues -A -o yaml`",
)
BAD_QUEUE = Rule("DPK404", Severity.ERROR, "A queue is not as Kueue has them.", "mend the value")


@answering
def read_queues(content: str | bytes, file: str = "") -> Quotas:
    """The queues of a file.

    Args:
        content: YAML or JSON of ClusterQueues and LocalQueues, one a document or in a List; what else there
            is is passed over.
        file: Its name, for the findings.

    Raises:
        InvalidFileError: The file has mistakes; the findings say where.
    """
    documents, findings = read_yaml(content, file)
    if findings:
        raise InvalidFileError(findings)
    cluster: dict[str, ClusterSpec] = {}
    local: dict[tuple[str, str], str] = {}
    statuses: dict[str, ClusterStatus] = {}
    for document in documents:
        for path, data in _objects(document):
            kind = data.get("kind") if isinstance(data, Mapping) else None
            if kind == "ClusterQueue":
                found = _read(document, path, data, ClusterQueue)
                cluster[found.metadata.name] = found.spec
                if found.status is not None:
                    statuses[found.metadata.name] = found.status
            elif kind == "LocalQueue":
                found = _read(document, path, data, LocalQueue)
                local[found.metadata.namespace, found.metadata.name] = found.spec.cluster_queue
    if not cluster and not local:
        where = documents[0].where(()) if documents else None
        raise InvalidFileError([NOT_QUEUES.at(where, "these are no queues")] if where else [])
    return Quotas(cluster, local, statuses)


@answering
def quotas_in(objects: Sequence[Mapping[str, object]], where: str) -> Quotas:
    """The queues that a cluster has.

    Args:
        objects: ClusterQueues and LocalQueues, as the API server returns them; there may be none.
        where: What to call it, for the findings.

    Raises:
        InvalidFileError: Something in one of them is not as Kueue has it.
    """
    if not objects:
        return Quotas({}, {})
    return read_queues(json.dumps({"kind": "List", "items": list(objects)}), where)


def _objects(document: YamlDocument) -> list[tuple[tuple[str | int, ...], Any]]:
    """The objects of a document, each with its path in it."""
    data: Any = document.data
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind in ("List", "ClusterQueueList", "LocalQueueList"):
        items = _read(document, (), data, QueueList).items
        return [(("items", index), item) for index, item in enumerate(items)]
    return [((), data)]


def _read(document: YamlDocument, path: tuple[str | int, ...], data: Any, section: Any) -> Any:
    if found := problems(section, data):
        raise InvalidFileError(
            [BAD_QUEUE.at(document.where((*path, *problem.path)), problem.reason) for problem in found]
        )
    return section.from_dict(data)
