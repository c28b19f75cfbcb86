"""`Quotas`: what the queues of Kueue may give, and whether they ever give what a pod asks for.

They come from what ``kubectl get clusterqueues,localqueues -A -o yaml`` prints, or files of such objects.

Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.capacity.requests import sum_of
from dagster_plus_k8s_helpers.documents.document import YamlDocument, read_yaml
from dagster_plus_k8s_helpers.errors import InvalidFileError
from dagster_plus_k8s_helpers.files.sections.section import Items, Section, problems
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.capacity.requests import Amounts

__all__ = ["QUOTA_RULES", "Quotas", "read_queues"]

NOT_QUEUES = Rule(
    "DPK403",
    Severity.ERROR,
    "Queues come as objects of Kueue.",
    "give the output of `kubectl get clusterqueues,localqueues -A -o yaml`",
)
BAD_QUEUE = Rule("DPK404", Severity.ERROR, "A queue is not as Kueue has them.", "mend the value")

QUOTA_RULES = (NOT_QUEUES, BAD_QUEUE)

_PODS = "pods"


def _quantity(value: object) -> Quantity:
    return Quantity(value)  # type: ignore[arg-type] # Quantity refuses what it cannot take


_Amount = Annotated[Quantity, BeforeValidator(_quantity)]


class _Quota(Section):
    name: str
    nominal_quota: _Amount = Field(alias="nominalQuota")
    borrowing_limit: Annotated[Quantity | None, BeforeValidator(_quantity)] = Field(
        None, alias="borrowingLimit"
    )


class _Flavor(Section):
    name: str
    resources: Items[_Quota] = ()


class _Group(Section):
    flavors: Items[_Flavor] = ()


class _ClusterSpec(Section):
    resource_groups: Items[_Group] = Field((), alias="resourceGroups")
    # v1beta2 calls it the one, v1beta1 the other.
    cohort_name: str = Field("", alias="cohortName")
    cohort: str = ""


class _LocalSpec(Section):
    cluster_queue: str = Field(alias="clusterQueue")


class _Metadata(Section):
    name: str
    namespace: str = "default"


class _ClusterQueue(Section):
    metadata: _Metadata
    spec: _ClusterSpec = _ClusterSpec.from_dict({})


class _LocalQueue(Section):
    metadata: _Metadata
    spec: _LocalSpec


class _QueueList(Section):
    items: Items[Any]


@answering
@dataclass(frozen=True)
class Quotas:
    """The queues of a cluster.

    What nodes a flavor has is not looked at: a pod that a quota has room for may still fit no node.

    Attributes:
        cluster_queues: Specs of the ClusterQueues, by name.
        local_queues: The ClusterQueue of each LocalQueue, by its namespace and name.
    """

    cluster_queues: Mapping[str, Any]
    local_queues: Mapping[tuple[str, str], str]

    def nominal(self, cluster_queue: str) -> dict[str, Quantity]:
        """The nominal quota of each resource, of all flavors together; empty for one that is not known."""
        spec = self.cluster_queues.get(cluster_queue)
        quotas = (quota for group in _groups(spec) for flavor in group.flavors for quota in flavor.resources)
        return sum_of({quota.name: quota.nominal_quota} for quota in quotas)

    def cluster_queues_of(self, namespace: str | None, queue: str) -> list[str]:
        """The ClusterQueues that a LocalQueue may be of: several where its namespace is not known.

        Args:
            namespace: Where it is; ``None`` for anywhere.
            queue: Its name.
        """
        return sorted(
            {
                found
                for (where, name), found in self.local_queues.items()
                if name == queue and namespace in (None, where)
            }
        )

    def never(self, namespace: str | None, queue: str, requests: Amounts) -> str | None:
        """Why a queue never admits a pod, were all of it free; ``None`` when it may.

        A queue in a cohort borrows without a bound unless it has a borrowing limit: how much there is to
        borrow is for the whole cohort to say.

        Args:
            namespace: Of the Job; ``None`` where only the launch says it: any queue of the name will do.
            queue: The LocalQueue that it names.
            requests: What its pod requests.

        Source: https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/#resource-groups
        """
        found = self.cluster_queues_of(namespace, queue)
        if not found:
            return f"there is no LocalQueue {queue!r}" + (
                f" in the namespace {namespace!r}" if namespace else ""
            )
        reasons = [self._never(queue, cluster_queue, requests) for cluster_queue in found]
        return reasons[0] if all(reasons) else None

    def _never(self, queue: str, cluster_queue: str, requests: Amounts) -> str | None:
        spec = self.cluster_queues.get(cluster_queue)
        if spec is None:
            return f"the LocalQueue {queue!r} is of the ClusterQueue {cluster_queue!r}, which there is not"
        wanted = {name: amount for name, amount in requests.items() if amount.value}
        groups = _groups(spec)
        covered = {quota.name for group in groups for flavor in group.flavors for quota in flavor.resources}
        if _PODS in covered:
            wanted[_PODS] = Quantity(1)
        if missing := sorted(wanted.keys() - covered):
            return f"the ClusterQueue {cluster_queue!r} has no quota of {', '.join(missing)}"
        in_cohort = bool(spec.cohort_name or spec.cohort)
        for group in groups:
            short = [_short(flavor, wanted, in_cohort=in_cohort) for flavor in group.flavors]
            # One flavor gives all that the group covers.
            if short and all(short):
                return (
                    f"the ClusterQueue {cluster_queue!r} never has so much: {'; '.join(filter(None, short))}"
                )
        return None


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
    cluster: dict[str, _ClusterSpec] = {}
    local: dict[tuple[str, str], str] = {}
    for document in documents:
        for path, data in _objects(document):
            kind = data.get("kind") if isinstance(data, Mapping) else None
            if kind == "ClusterQueue":
                found = _read(document, path, data, _ClusterQueue)
                cluster[found.metadata.name] = found.spec
            elif kind == "LocalQueue":
                found = _read(document, path, data, _LocalQueue)
                local[found.metadata.namespace, found.metadata.name] = found.spec.cluster_queue
    if not cluster and not local:
        where = documents[0].where(()) if documents else None
        raise InvalidFileError([NOT_QUEUES.at(where, "these are no queues")] if where else [])
    return Quotas(cluster, local)


def _groups(spec: _ClusterSpec | None) -> tuple[_Group, ...]:
    return () if spec is None else spec.resource_groups


def _short(flavor: _Flavor, wanted: Amounts, *, in_cohort: bool) -> str:
    """What a flavor has too little of, in words; empty when it may have enough."""
    for quota in flavor.resources:
        amount = wanted.get(quota.name)
        if amount is None or (in_cohort and quota.borrowing_limit is None):
            continue
        most = quota.nominal_quota
        if in_cohort and quota.borrowing_limit is not None:
            most += quota.borrowing_limit
        if amount > most:
            return f"{quota.name} {amount}, of which the flavor {flavor.name!r} has {most}"
    return ""


def _objects(document: YamlDocument) -> list[tuple[tuple[str | int, ...], Any]]:
    """The objects of a document, each with its path in it."""
    data: Any = document.data
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind in ("List", "ClusterQueueList", "LocalQueueList"):
        items = _read(document, (), data, _QueueList).items
        return [(("items", index), item) for index, item in enumerate(items)]
    return [((), data)]


def _read(document: YamlDocument, path: tuple[str | int, ...], data: Any, section: Any) -> Any:
    if found := problems(section, data):
        raise InvalidFileError(
            [BAD_QUEUE.at(document.where((*path, *problem.path)), problem.reason) for problem in found]
        )
    return section.from_dict(data)
