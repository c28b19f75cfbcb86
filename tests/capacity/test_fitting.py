"""Whether pods fit nodes, and what the scheduler would say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dagster_plus_k8s_helpers.capacity.fitting import fit
from dagster_plus_k8s_helpers.capacity.nodes import NodePool, Taint, read_nodes
from dagster_plus_k8s_helpers.capacity.requests import pod_limits, pod_requests
from dagster_plus_k8s_helpers.errors import InvalidFileError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

POOLS = """
pools:
  - name: general
    count: 3
    allocatable: {cpu: 3920m, memory: 13Gi}
    labels: {pool: general, generation: "5"}
  - name: gpu
    count: 2
    allocatable: {cpu: 7910m, memory: 27Gi, nvidia.com/gpu: 1}
    labels: {pool: gpu, generation: "7"}
    taints:
      - {key: nvidia.com/gpu, value: present, effect: NoSchedule}
      - {key: cheap, effect: PreferNoSchedule}
"""


def pod(requests: Mapping[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    return {"containers": [{"resources": {"requests": requests or {"cpu": "1"}}}], **spec}


def container(cpu: str, **rest: Any) -> dict[str, Any]:
    return {"resources": {"limits": {"cpu": cpu}}, **rest}


def in_terms(*expressions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    term = {"matchExpressions": list(expressions), **fields}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"nodeAffinity": required}


GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists"}


@pytest.mark.parametrize(
    ("spec", "pools"),
    [
        (pod(), ("general",)),
        (pod({"cpu": "3920m"}), ("general",)),
        (pod(nodeSelector={"pool": "general"}), ("general",)),
        (pod({"nvidia.com/gpu": "1"}, tolerations=[GPU_TOLERATION]), ("gpu",)),
        (pod(tolerations=[{"operator": "Exists"}]), ("general", "gpu")),
        (pod(tolerations=[{"key": "nvidia.com/gpu", "value": "present"}]), ("general", "gpu")),
        (pod(tolerations=[{"key": "nvidia.com/gpu", "value": "other"}]), ("general",)),
        (pod(tolerations=[{**GPU_TOLERATION, "effect": "NoExecute"}]), ("general",)),
        (pod(affinity=in_terms({"key": "pool", "operator": "In", "values": ["general"]})), ("general",)),
        (pod(affinity=in_terms({"key": "generation", "operator": "Gt", "values": ["4"]})), ("general",)),
        (pod(affinity=in_terms({"key": "generation", "operator": "Lt", "values": ["x"]})), ()),
        (pod(affinity=in_terms({"key": "zone", "operator": "NotIn", "values": ["a"]})), ("general",)),
        (pod(affinity=in_terms({"key": "zone", "operator": "DoesNotExist"})), ("general",)),
        (pod(affinity=in_terms({"key": "pool", "operator": "Exists"})), ("general",)),
        (pod(affinity=in_terms()), ()),
        (
            pod(
                affinity=in_terms(
                    matchFields=[{"key": "metadata.name", "operator": "In", "values": ["general"]}]
                )
            ),
            ("general",),
        ),
    ],
)
def test_a_pod_fits_where_the_scheduler_would_put_it(spec: dict[str, Any], pools: tuple[str, ...]) -> None:
    assert fit(spec, read_nodes(POOLS)).pools == pools


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            pod({"nvidia.com/gpu": "1"}),
            "0/5 nodes are available: 3 Insufficient nvidia.com/gpu, "
            "2 node(s) had untolerated taint {nvidia.com/gpu: present}",
        ),
        (
            pod({"cpu": "16"}, tolerations=[GPU_TOLERATION]),
            "0/5 nodes are available: 5 Insufficient cpu",
        ),
        (
            pod({"memory": "20Gi"}, nodeSelector={"pool": "general"}),
            "0/5 nodes are available: 3 Insufficient memory, "
            "2 node(s) didn't match Pod's node affinity/selector, "
            "2 node(s) had untolerated taint {nvidia.com/gpu: present}",
        ),
    ],
)
def test_a_pod_that_fits_nowhere_says_so_as_the_scheduler_does(spec: dict[str, Any], message: str) -> None:
    found = fit(spec, read_nodes(POOLS))

    assert not found
    assert found.message == message


def test_a_pod_that_fits_needs_no_message() -> None:
    assert fit(pod(), read_nodes(POOLS)).message == ""


def test_a_cluster_without_nodes_takes_nothing() -> None:
    assert fit(pod(), []).message == "0/0 nodes are available: there are none"


def node(name: str, *, cpu: str = "4", unschedulable: bool = False) -> dict[str, Any]:
    labels = {"kubernetes.io/hostname": name, "pool": "a"}
    spec = {"taints": [{"key": "t", "effect": "NoSchedule", "timeAdded": "2026-01-01T00:00:00Z"}]}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "uid": "x"},
        "spec": {**spec, "unschedulable": True} if unschedulable else spec,
        "status": {"allocatable": {"cpu": cpu, "memory": "16Gi", "pods": "110"}, "conditions": []},
    }


def test_nodes_as_kubectl_prints_them_become_pools_of_those_that_are_alike() -> None:
    nodes = [node("n1"), node("n2"), node("n3", cpu="8"), node("n4", unschedulable=True)]
    printed = json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes})

    pools = read_nodes(printed, "nodes.json")

    assert [(pool.name, pool.count, pool.cordoned) for pool in pools] == [
        ("n1", 2, False),
        ("n3", 1, False),
        ("n4", 1, True),
    ]
    assert pools[0].allocatable["cpu"] == Quantity("4")
    assert pools[0].taints == (Taint("t"),)
    assert fit(pod(tolerations=[{"operator": "Exists"}]), pools).reasons == {
        "n4": ("node(s) were unschedulable",)
    }


def test_taints_of_the_moment_keep_no_pod_off_and_a_cordoned_node_is_counted_once() -> None:
    ill, cordoned = node("n1"), node("n2", unschedulable=True)
    ill["spec"]["taints"] = [{"key": "node.kubernetes.io/not-ready", "effect": "NoExecute"}]
    cordoned["spec"]["taints"] = [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]

    pools = read_nodes(json.dumps({"kind": "List", "items": [ill, cordoned]}))

    assert fit(pod(), pools).pools == ("n1",)
    assert fit(pod(), pools[1:]).message == "0/1 nodes are available: 1 node(s) were unschedulable"


def test_a_single_node_is_a_pool() -> None:
    assert read_nodes(json.dumps(node("n1")))[0] == NodePool(
        "n1",
        {name: Quantity(amount) for name, amount in (("cpu", "4"), ("memory", "16Gi"), ("pods", "110"))},
        {"kubernetes.io/hostname": "n1", "pool": "a"},
        (Taint("t"),),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "n.yaml:1:1: error DPK004: the file is empty"),
        ("a: [", "error DPK001: this is not YAML"),
        ("nodes: 3", "n.yaml:1:1: error DPK401: these are neither pools nor nodes"),
        ("- 1", "DPK401"),
        ("pools:\n- name: a\n", "n.yaml:2:3 pools[0].allocatable: error DPK402: is missing"),
        (
            "pools:\n- name: a\n  allocatable: {cpu: 4GB}\n",
            "n.yaml:3:22 pools[0].allocatable.cpu: error DPK402: '4GB'",
        ),
        (
            "pools:\n- {name: a, allocatable: {}, count: -1}\n",
            "count: error DPK402: must be a number of nodes, not -1",
        ),
        ("pools:\n- {name: a, allocatable: {}, lables: {}}\n", "pools[0].lables: error DPK402"),
        ("pools:\n- {name: a, allocatable: {}, labels: {a: 1}}\n", "must be a mapping of text to text"),
        (
            "pools:\n- {name: a, allocatable: {}, taints: [{key: x, effect: Never}]}\n",
            "pools[0].taints[0].effect: error DPK402: 'Never' is none of NoSchedule, NoExecute, PreferNoSchedule",
        ),
        ("kind: List\nitems: [{kind: Node}]\n", "items[0].metadata: error DPK402: is missing"),
        ("kind: List\nitems: x\n", "items: error DPK402: must be a list, not text"),
    ],
)
def test_a_file_with_mistakes_says_where(text: str, told: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read_nodes(text, "n.yaml")

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("1"), container("500m")]}, "1500m"),
        ({"containers": [container("1")], "initContainers": [container("2")]}, "2"),
        (
            {
                "containers": [container("1")],
                "initContainers": [container("250m", restartPolicy="Always"), container("1")],
            },
            "1250m",
        ),
        ({"containers": [container("1")], "overhead": {"cpu": "250m"}}, "1250m"),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "3"}}}, "3"),
        ({"containers": [{"resources": {"limits": {"cpu": "2"}, "requests": {"cpu": "1"}}}]}, "1"),
    ],
)
def test_requests_add_up_as_the_scheduler_adds_them(spec: dict[str, Any], cpu: str) -> None:
    assert pod_requests(spec)["cpu"] == Quantity(cpu)


def test_a_limit_that_one_container_lacks_is_no_limit_of_the_pod() -> None:
    spec = {"containers": [container("1"), {"resources": {"limits": {"memory": "1Gi"}}}]}

    assert pod_limits(spec) == {}
    assert pod_limits({"containers": [container("1"), container("2")]}) == {"cpu": Quantity("3")}
