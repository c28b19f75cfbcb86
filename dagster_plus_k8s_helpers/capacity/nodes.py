"""`NodePool`: the nodes of a cluster that are alike, as far as the scheduler looks at them.

They come from a short file of pools, or from what ``kubectl get nodes -o json`` (or ``-o yaml``) prints.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.documents.document import YamlDocument, read_yaml
from dagster_plus_k8s_helpers.errors import InvalidFileError, K8sConfigError
from dagster_plus_k8s_helpers.files.sections.section import Items, Section, problems
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.objects.names import check_labels, check_qualified_name

__all__ = ["NodePool", "Taint", "read_nodes"]

NOT_NODES = Rule(
    "DPK401",
    Severity.ERROR,
    "Nodes come as pools, or as kubectl prints them.",
    "write `pools:` with name, count, allocatable, labels and taints of each; or give the output of "
    "`kubectl get nodes -o json`",
)
BAD_NODE = Rule("DPK402", Severity.ERROR, "A node is not as Kubernetes has them.", "mend the value")


@answering
@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods off a node that do not tolerate it.

    Attributes:
        key: Its key.
        value: Its value; may be empty.
        effect: ``NoSchedule``, ``NoExecute`` or ``PreferNoSchedule``.
    """

    key: str
    value: str = ""
    effect: str = "NoSchedule"

    def __str__(self) -> str:
        return f"{{{self.key}: {self.value}}}"


@answering
@dataclass(frozen=True)
class NodePool:
    """Nodes that are alike.

    Attributes:
        name: Name of the pool, or of the first of its nodes.
        allocatable: What pods can have of each of its nodes.
        labels: Labels of the nodes.
        taints: Taints of the nodes, but for those of the moment, such as ``node.kubernetes.io/not-ready``.
        count: How many nodes it has, or may have with an autoscaler.
        cordoned: Whether the nodes take no new pods.
        price_per_hour: What one of its nodes costs an hour, in whatever the file counts; ``None`` when it
            says nothing.
        spot_price_per_hour: The same of a spot node of the pool.
    """

    name: str
    allocatable: Mapping[str, Quantity]
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    count: int = 1
    cordoned: bool = False
    price_per_hour: Decimal | None = None
    spot_price_per_hour: Decimal | None = None


@answering
def read_nodes(content: bytes | str, file: str = "") -> list[NodePool]:
    """The pools of a file.

    Args:
        content: YAML with ``pools:``, or what ``kubectl get nodes -o json`` printed.
        file: Its name, for the findings.

    Raises:
        InvalidFileError: The file has mistakes; the findings say where.

    Source: https://kubernetes.io/docs/concepts/architecture/nodes/
    """
    documents, findings = read_yaml(content, file)
    if findings:
        raise InvalidFileError(findings)
    return [pool for document in documents for pool in _pools(document)]


def _quantity(value: object) -> Quantity:
    return Quantity(value)  # type: ignore[arg-type] # Quantity refuses what it cannot take


def _labels(value: object) -> object:
    if not isinstance(value, Mapping) or not all(
        isinstance(item, str) for pair in value.items() for item in pair
    ):
        raise K8sConfigError("must be a mapping of text to text")
    check_labels(value)
    return value


def _effect(value: object) -> object:
    if value not in ("NoSchedule", "NoExecute", "PreferNoSchedule"):
        raise K8sConfigError(f"{value!r} is none of NoSchedule, NoExecute, PreferNoSchedule")
    return value


def _key(value: object) -> object:
    if not isinstance(value, str):
        raise K8sConfigError("must be text")
    check_qualified_name(value, "a taint key")
    return value


def _price(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise K8sConfigError(f"must be a number, such as 0.42, not {value!r}")
    # By its text: a price of 0.1 is one tenth, and not what a float makes of it.
    return Decimal(str(value))


def _count(value: int) -> int:
    if value < 0:
        raise K8sConfigError(f"must be a number of nodes, not {value}")
    return value


_Price = Annotated[Decimal | None, BeforeValidator(_price)]
_Amounts = dict[str, Annotated[Quantity, BeforeValidator(_quantity)]]
_Labels = Annotated[dict[str, str], BeforeValidator(_labels), Field(default_factory=dict)]


class _TaintEntry(Section):
    key: Annotated[str, BeforeValidator(_key)]
    value: str = ""
    effect: Annotated[str, BeforeValidator(_effect)] = "NoSchedule"


class _PoolEntry(Section, extra="forbid"):
    name: str
    allocatable: _Amounts
    count: Annotated[int, AfterValidator(_count)] = 1
    labels: _Labels
    taints: Items[_TaintEntry] = ()
    price_per_hour: _Price = None
    spot_price_per_hour: _Price = None


class _PoolsFile(Section, extra="forbid"):
    pools: Items[_PoolEntry]


class _Metadata(Section):
    name: str
    labels: _Labels


class _Spec(Section):
    taints: Items[_TaintEntry] = ()
    unschedulable: bool = False


class _Status(Section):
    allocatable: _Amounts


class _Node(Section):
    metadata: _Metadata
    status: _Status
    spec: _Spec = _Spec()


class _NodeList(Section):
    items: Items[_Node]


def _pools(document: YamlDocument) -> list[NodePool]:
    data: Any = document.data
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind == "Node":
        return _alike([_read(document, _Node)])
    if kind in ("List", "NodeList"):
        return _alike(list(_read(document, _NodeList).items))
    if isinstance(data, Mapping) and "pools" in data:
        return [
            NodePool(
                pool.name,
                pool.allocatable,
                pool.labels,
                _taints(pool.taints),
                pool.count,
                cordoned=False,
                price_per_hour=pool.price_per_hour,
                spot_price_per_hour=pool.spot_price_per_hour,
            )
            for pool in _read(document, _PoolsFile).pools
        ]
    raise InvalidFileError([NOT_NODES.at(document.where(()), "these are neither pools nor nodes")])


def _read(document: YamlDocument, section: Any) -> Any:
    found = problems(section, document.data)
    if found:
        raise InvalidFileError(
            [BAD_NODE.at(document.where(problem.path), problem.reason) for problem in found]
        )
    return section.from_dict(document.data)


def _alike(nodes: list[_Node]) -> list[NodePool]:
    """Nodes as pools of those that the scheduler cannot tell apart but by their names."""
    first: dict[object, _Node] = {}
    count: Counter[object] = Counter()
    for node in nodes:
        labels = {key: item for key, item in node.metadata.labels.items() if key != _HOSTNAME}
        likeness = (
            tuple(sorted(labels.items())),
            tuple(sorted(node.status.allocatable.items())),
            _taints(node.spec.taints),
            node.spec.unschedulable,
        )
        first.setdefault(likeness, node)
        count[likeness] += 1
    return [
        NodePool(
            node.metadata.name,
            node.status.allocatable,
            node.metadata.labels,
            _taints(node.spec.taints),
            count[likeness],
            cordoned=node.spec.unschedulable,
        )
        for likeness, node in first.items()
    ]


_HOSTNAME = "kubernetes.io/hostname"
_OF_THE_MOMENT = frozenset(
    [
        "node.cloudprovider.kubernetes.io/shutdown",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/network-unavailable",
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/unschedulable",
    ]
)
"""Taints that Kubernetes puts on a node and takes away again; a cordoned node says so itself.

Source: https://kubernetes.io/docs/reference/labels-annotations-taints/
"""


def _taints(entries: tuple[_TaintEntry, ...]) -> tuple[Taint, ...]:
    return tuple(
        Taint(entry.key, entry.value, entry.effect) for entry in entries if entry.key not in _OF_THE_MOMENT
    )
