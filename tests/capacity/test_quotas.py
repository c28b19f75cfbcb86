"""Queues as Kueue has them: what they give at most, and what they never admit."""

from __future__ import annotations

import json
from typing import Any

import pytest
from checked import definitions

from dagster_plus_k8s_helpers import InvalidFileError, K8sConfig, Quantity, Resources, k8s_executor, kueue
from dagster_plus_k8s_helpers.capacity.queue_files import quotas_in
from dagster_plus_k8s_helpers.plan import plan, read_queues
from dagster_plus_k8s_helpers.plan.queues import demand, never_admitted

# As https://kueue.sigs.k8s.io/docs/concepts/cluster_queue/ has them.
QUEUES = """
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: shared}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu, memory, pods]
    flavors:
    - name: spot
      resources:
      - {name: cpu, nominalQuota: 4}
      - {name: memory, nominalQuota: 64Gi}
      - {name: pods, nominalQuota: 5}
    - name: on-demand
      resources:
      - {name: cpu, nominalQuota: "8"}
      - {name: memory, nominalQuota: 16Gi}
      - {name: pods, nominalQuota: 5}
  - coveredResources: [nvidia.com/gpu]
    flavors:
    - name: a100
      resources: [{name: nvidia.com/gpu, nominalQuota: 2}]
---
kind: LocalQueue
metadata: {name: team-a, namespace: default}
spec: {clusterQueue: shared}
---
kind: LocalQueue
metadata: {name: lost, namespace: default}
spec: {clusterQueue: nowhere}
---
kind: ResourceFlavor
metadata: {name: spot}
"""
COHORT = """
kind: ClusterQueue
metadata: {name: shared}
spec:
  %s: everybody
  resourceGroups:
  - flavors:
    - name: default
      resources:
      - {name: cpu, nominalQuota: 4, borrowingLimit: 4}
      - {name: memory, nominalQuota: 1Gi}
---
kind: LocalQueue
metadata: {name: team-a}
spec: {clusterQueue: shared}
"""


def amounts(**given: str) -> dict[str, Quantity]:
    return {name.replace("gpu", "nvidia.com/gpu"): Quantity(amount) for name, amount in given.items()}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"cpu": "4", "memory": "64Gi"}, None),
        ({"cpu": "8", "memory": "16Gi"}, None),
        ({"cpu": "1", "gpu": "2"}, None),
        # Neither flavor has both.
        ({"cpu": "8", "memory": "32Gi"}, "the ClusterQueue 'shared' never has so much: cpu 8, of which the flavor 'spot' has 4; memory 32Gi, of which the flavor 'on-demand' has 16Gi"),
        ({"gpu": "3"}, "the ClusterQueue 'shared' never has so much: nvidia.com/gpu 3, of which the flavor 'a100' has 2"),
        ({"ephemeral-storage": "1Gi"}, "the ClusterQueue 'shared' has no quota of ephemeral-storage"),
    ],
)  # fmt: skip
def test_what_a_queue_never_admits(asked: dict[str, str], why: str | None) -> None:
    assert read_queues(QUEUES).never("default", "team-a", amounts(**asked)) == why


def test_a_queue_that_is_not_there() -> None:
    quotas = read_queues(QUEUES)

    assert (
        quotas.never("default", "team-b", {}) == "there is no LocalQueue 'team-b' in the namespace 'default'"
    )
    assert quotas.never("etl", "team-a", {}) == "there is no LocalQueue 'team-a' in the namespace 'etl'"
    assert (
        quotas.never("default", "lost", {})
        == "the LocalQueue 'lost' is of the ClusterQueue 'nowhere', which there is not"
    )


def test_where_only_the_launch_says_the_namespace_any_queue_of_the_name_will_do() -> None:
    quotas = read_queues(
        f"{QUEUES}---\nkind: LocalQueue\nmetadata: {{name: team-a, namespace: etl}}\n"
        "spec: {clusterQueue: nowhere}\n"
    )

    assert quotas.cluster_queues_of(None, "team-a") == ["nowhere", "shared"]
    assert quotas.never(None, "team-a", amounts(cpu="8")) is None
    assert quotas.never(None, "team-a", amounts(cpu="9")) is not None
    assert quotas.never(None, "team-b", {}) == "there is no LocalQueue 'team-b'"


@pytest.mark.parametrize("spelling", ["cohortName", "cohort"])
def test_a_cohort_lends_up_to_a_limit_or_without_a_known_one(spelling: str) -> None:
    quotas = read_queues(COHORT % spelling)

    assert quotas.never("default", "team-a", amounts(cpu="8", memory="1Ti")) is None
    assert "cpu 9, of which the flavor 'default' has 8" in str(
        quotas.never("default", "team-a", amounts(cpu="9"))
    )


def test_a_list_of_kubectl_is_read_and_quotas_add_up() -> None:
    import yaml  # noqa: PLC0415 - only here

    items = list(yaml.safe_load_all(QUEUES))
    quotas = read_queues(json.dumps({"kind": "List", "items": items}))

    assert quotas == read_queues(QUEUES)
    assert quotas.nominal("shared") == amounts(cpu="12", memory="80Gi", pods="10", gpu="2")
    assert quotas.nominal("nowhere") == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: Pod\n", "q.yaml:1:1: error DPK403: these are no queues"),
        ("- 1", "DPK403"),
        ("a: [", "error DPK001: this is not YAML"),
        ("", "error DPK004: the file is empty"),
        ("kind: LocalQueue\nmetadata: {name: a}\n", "spec: error DPK404: is missing"),
        ("kind: ClusterQueue\nmetadata: {name: a}\nspec: {resourceGroups: [{flavors: [{name: f, resources: [{name: cpu, nominalQuota: 4GB}]}]}]}\n", "nominalQuota: error DPK404: '4GB'"),
        ("kind: List\nitems: [{kind: LocalQueue}]\n", "items[0].metadata: error DPK404: is missing"),
    ],
)  # fmt: skip
def test_a_file_with_mistakes_says_where(text: str, told: str) -> None:
    with pytest.raises(InvalidFileError) as caught:
        read_queues(text, "q.yaml")

    assert told in str(caught.value)


def asking(**resources: Any) -> dict[str, Any]:
    return (K8sConfig(resources=Resources(**resources)) | kueue("team-a")).tags


def test_the_peak_of_a_run_is_told_of_each_queue_it_is_in() -> None:
    executor = k8s_executor(max_concurrent=3)
    defs = definitions(asking(cpu=2, memory="1Gi"), executor=executor, assets=5)

    made = plan(defs)

    peak = demand(made, read_queues(QUEUES))["shared"]
    assert (peak.at_least.cpu, peak.is_exact) == (6, True)
    assert never_admitted(made, read_queues(QUEUES)) == {}


STATUS = """
status:
  pendingWorkloads: 3
  flavorsReservation:
  - {name: spot, resources: [{name: cpu, total: 3500m}, {name: memory, total: 1Gi, borrowed: 0}]}
  - {name: on-demand, resources: [{name: cpu, total: "10", borrowed: "2"}]}
  flavorsUsage: []
"""


def test_what_is_left_of_a_queue_is_its_quota_less_what_it_has_given() -> None:
    first, rest = QUEUES.split("---", 1)
    quotas = read_queues(f"{first}{STATUS.strip()}\n---{rest}")

    used, free = quotas.used("shared"), quotas.free("shared")
    assert used is not None
    assert free is not None
    assert {name: str(amount) for name, amount in used.items()} == {"cpu": "13500m", "memory": "1Gi"}
    # What is borrowed is given too, and leaves nothing.
    assert {name: amount.canonical for name, amount in free.items()} == {
        "cpu": "0",
        "memory": "79Gi",
        "pods": "10",
        "nvidia.com/gpu": "2",
    }
    assert quotas.waiting("shared") == 3


def test_a_file_without_a_status_does_not_know_what_is_left() -> None:
    quotas = read_queues(QUEUES)

    assert [quotas.used("shared"), quotas.free("shared"), quotas.waiting("shared")] == [None, None, None]
    assert quotas.free("nowhere") is None


def test_a_status_with_a_mistake_is_told() -> None:
    broken = "kind: ClusterQueue\nmetadata: {name: a}\nstatus: {flavorsReservation: [{name: f, resources: [{name: cpu, total: 1 core}]}]}"

    with pytest.raises(InvalidFileError, match="DPK404"):
        read_queues(broken)


def test_a_cluster_without_queues_admits_nothing_by_name() -> None:
    assert quotas_in([], "the cluster").never(None, "team-a", {}) == "there is no LocalQueue 'team-a'"
