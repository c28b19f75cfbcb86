"""Pods beside the nodes of a cluster: what is said when they do not fit, or when they take up the wrong place."""

from __future__ import annotations

import pytest
from checked import NODES, OP, definitions, found, location

from dagster_plus_k8s_helpers import Container, k8s_tags, spot
from dagster_plus_k8s_helpers.plan import read_nodes

SPOT = "cloud.google.com/gke-spot"
SPOT_NODES = read_nodes(f"""
pools:
  - name: plain
    allocatable: {{cpu: "8", memory: 32Gi}}
  - name: cheap
    allocatable: {{cpu: "8", memory: 32Gi}}
    labels: {{{SPOT}: "true"}}
    taints: [{{key: {SPOT}, value: "true"}}]
  - name: cheap-gpu
    allocatable: {{cpu: "8", memory: 32Gi, nvidia.com/gpu: 1}}
    labels: {{{SPOT}: "true"}}
    taints: [{{key: {SPOT}, value: "true"}}, {{key: team, value: ml}}]
""")


def test_a_taint_that_nodes_without_gpus_have_too_is_not_one_of_gpus() -> None:
    assert found(definitions(spot("gke").tags), nodes=SPOT_NODES) == []


def test_a_taint_of_nodes_with_gpus_alone_is_one() -> None:
    tags = k8s_tags(tolerations=[{"key": "team", "operator": "Exists"}])

    assert found(definitions(tags), nodes=SPOT_NODES) == [
        ("DPK510", f"step 'train': tolerations[0] is for 'team' by {OP}, and no layer asks for a GPU")
    ]


def test_a_selector_that_no_node_has_is_named_with_its_layers() -> None:
    agent = {"workspace": {"runK8sConfig": {"podSpecConfig": {"nodeSelector": {"zone": "a"}}}}}

    said = found(definitions(k8s_tags(node_selector={"disk": "fast"})), nodes=NODES, agent=agent)

    assert [message for _, message in said][-1] == (
        "step 'train': 0/5 nodes are available: 5 node(s) didn't match Pod's node affinity/selector, 2 node(s) had "
        "untolerated taint {nvidia.com/gpu: present} (nodeSelector.zone is 'a' by agent (the agent's Helm values); "
        f"nodeSelector.disk is 'fast' by {OP}; no layer sets tolerations)"
    )


def test_tolerations_and_affinity_that_do_not_help_are_named() -> None:
    term = {"matchExpressions": [{"key": "disk", "operator": "Exists"}]}
    affinity = {
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    }
    tags = k8s_tags(
        pod_spec_config={"affinity": affinity},
        tolerations=[{"key": "team", "operator": "Equal", "value": "x"}],
    )
    nodes = read_nodes("""
    pools:
      - {name: one, allocatable: {cpu: "8", memory: 8Gi}, taints: [{key: team, value: y}], labels: {disk: fast}}
      - {name: two, allocatable: {cpu: "8", memory: 8Gi}, taints: [{key: other, value: z}]}
    """)

    said = found(definitions(tags), nodes=nodes)

    wanted = '{"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": '
    assert [message for _, message in said][-1] == (
        "step 'train': 0/2 nodes are available: 1 node(s) had untolerated taint {team: y}, 1 node(s) didn't match "
        "Pod's node affinity/selector, 1 node(s) had untolerated taint {other: z} (affinity.nodeAffinity is "
        f'{wanted}[{{"key": "disk", "operator": "Exists"}}]}}]}}}} by {OP}; tolerations[0] is '
        f'{{"key": "team", "operator": "Equal", "value": "x"}} by {OP})'
    )


@pytest.mark.parametrize(
    ("cpu", "node", "codes"),
    [
        (("500m", "4"), "64", []),
        (("100m", "4"), "64", ["DPK524"]),
        (("10m", "10m"), "64", []),
        (("10m", None), "8", ["DPK524"]),
    ],
)
def test_a_small_request_is_found_where_the_node_can_be_overrun(
    cpu: tuple[str, str | None], node: str, codes: list[str]
) -> None:
    nodes = read_nodes(f'pools: [{{name: big, allocatable: {{cpu: "{node}", memory: 256Gi}}}}]')

    assert [code for code, _ in found(definitions(k8s_tags(cpu=cpu)), nodes=nodes)] == codes


def test_what_insufficient_is_told_of_its_container() -> None:
    sidecar = Container.sidecar("proxy", "x", resources={"requests": {"cpu": "9"}})
    tags = k8s_tags(init_containers=[sidecar])

    said = found(definitions(tags), nodes=NODES, location=location())

    assert said == [
        (
            "DPK511",
            "step 'train': 0/5 nodes are available: 3 Insufficient cpu, 2 node(s) had untolerated taint "
            f"{{nvidia.com/gpu: present}} (initContainers[0].resources.requests.cpu is '9' by {OP}; no layer sets "
            "tolerations)",
        )
    ]
