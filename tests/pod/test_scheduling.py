"""The presets for nodes and queues, and the tables behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dagster_plus_k8s_helpers import (
    K8sConfig,
    K8sConfigError,
    Resources,
    Toleration,
    VolumeMount,
    gpu,
    kai,
    kueue,
    shm,
    spot,
    volcano,
)
from dagster_plus_k8s_helpers.pod.platforms import GPU_NODES, SPOT_NODES
from dagster_plus_k8s_helpers.pod.queues import KUEUE_PRIORITY, KUEUE_QUEUE, POD_QUEUES

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("platform", GPU_NODES)
def test_a_gpu_is_the_limit_the_selector_and_the_toleration_together(platform: str) -> None:
    config = gpu(2, platform=platform)

    assert config.resources == Resources(gpu=2)
    assert config.node_selector == GPU_NODES[platform].selector
    assert config.tolerations == GPU_NODES[platform].tolerations
    assert config.node_selector
    assert config.tolerations


@pytest.mark.parametrize("platform", SPOT_NODES)
def test_spot_is_the_selector_and_the_toleration_together(platform: str) -> None:
    config = spot(platform)

    assert config.node_selector == SPOT_NODES[platform].selector
    assert config.tolerations == SPOT_NODES[platform].tolerations
    assert config.node_selector
    assert config.tolerations


@pytest.mark.parametrize("table", [GPU_NODES, SPOT_NODES])
def test_every_platform_names_its_source(table: dict[str, tuple[object, ...]]) -> None:
    for nodes in table.values():
        assert str(nodes[-1]).startswith("https://")


def test_a_product_goes_to_the_platforms_label() -> None:
    assert (
        gpu(product="nvidia-l4", platform="gke").node_selector["cloud.google.com/gke-accelerator"]
        == "nvidia-l4"
    )
    assert gpu(product="l4", product_label="example.com/gpu").node_selector["example.com/gpu"] == "l4"


def test_everything_in_the_table_can_be_overridden() -> None:
    config = gpu(
        resource="nvidia.com/mig-1g.5gb",
        node_selector={"pool": "gpu"},
        tolerations=[Toleration("pool", "gpu")],
    )

    assert config == K8sConfig(
        resources=Resources(extended={"nvidia.com/mig-1g.5gb": 1}),
        node_selector={"pool": "gpu"},
        tolerations=[Toleration("pool", "gpu")],
    )
    assert gpu(node_selector={}).node_selector == {}
    assert spot("gke", tolerations=[]).tolerations == ()
    assert spot("gke", node_selector={"a": "b"}).node_selector == {"a": "b"}


def test_presets_merge() -> None:
    config = K8sConfig(resources=Resources(cpu=4, memory="16Gi")) | gpu(1) | spot("gke")

    assert config.resources == Resources(cpu=4, memory="16Gi", gpu=1)
    assert len(config.node_selector) == len(config.tolerations) == 2


def test_shared_memory_is_a_volume_in_memory_of_that_size() -> None:
    config = shm("8Gi")

    assert config.volumes[0].source == {"empty_dir": {"medium": "Memory", "size_limit": "8Gi"}}
    assert config.volume_mounts == (VolumeMount("dshm", "/dev/shm"),)


def test_a_queue_of_kueue_is_a_label_of_the_job_and_its_topology_an_annotation_of_the_pod() -> None:
    level = "cloud.google.com/gce-topology-block"
    config = kueue("team-a", priority_class="high", topology=level)

    assert (config.queue, config.priority_class) == ("team-a", "high")
    assert config.to_dict()["job_metadata"]["labels"] == {KUEUE_QUEUE: "team-a", KUEUE_PRIORITY: "high"}
    assert config.annotations == {"kueue.x-k8s.io/podset-required-topology": level}
    preferred = kueue("team-a", topology=level, required=False)
    assert preferred.annotations == {"kueue.x-k8s.io/podset-preferred-topology": level}


def test_a_queue_is_read_back_merged_and_left_out() -> None:
    config = K8sConfig(job_metadata={"labels": {"team": "data"}}) | kueue("team-a") | kueue("team-b")

    assert K8sConfig.from_dict(config.to_dict()).queue == "team-b"
    assert config.without("queue") == K8sConfig(job_metadata={"labels": {"team": "data"}})
    assert not kueue("team-a", priority_class="high").without("queue", "priority_class")
    assert not kueue("team-a").without("queue", "job_metadata")
    assert K8sConfig().queue is None


@pytest.mark.parametrize("preset", [kai, volcano])
def test_a_queue_of_a_scheduler_comes_with_the_scheduler(preset: Callable[[str], K8sConfig]) -> None:
    known, config = POD_QUEUES[preset.__name__], preset("team-a")

    assert config.scheduler_name == known.scheduler
    assert {**config.labels, **config.annotations} == {known.label or known.annotation: "team-a"}
    assert known.source.startswith("https://")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gpu(platform="gkee"), "platform 'gkee' is none of aks, eks, eks-auto, gke, karpenter, nvidia; did you mean 'gke'?"),
        (lambda: spot("azure"), "platform 'azure' is none of aks, eks, eks-auto, gke, karpenter"),
        (lambda: kueue(""), "queue: must be the name of a LocalQueue, not ''"),
        (lambda: kueue("a", topology="a b"), "topology: node label 'a b': the name must be at most 63"),
        (lambda: kueue("a", topology=3), "topology: must be the key of a node label, not 3"),
        (lambda: kai(None), "queue: must be the name of a queue, not None"),
        (lambda: gpu(0), "count: must be a number of GPUs, not 0"),
        (lambda: gpu(0.5), "gpu: 0.5 is not whole"),
        (lambda: gpu(None), "count: must be a number of GPUs, not None"),
        (lambda: spot(None), "platform None is none of aks"),
        (lambda: shm("512m"), "size: 512m is 0.512 bytes (m is a thousandth); did you mean '512Mi'?"),
        (lambda: shm(8), "size: 8 is 8 bytes; did you mean '8Gi'?"),
        (lambda: shm("8GB"), "'8GB' is not a Kubernetes quantity; write '8Gi' or '8G'"),
    ],
)  # fmt: skip
def test_refused(make: object, message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        make()  # type: ignore[operator]

    assert message in str(refusal.value)


def test_another_vendors_gpu_needs_its_own_nodes() -> None:
    with pytest.raises(
        K8sConfigError,
        match=r"labels and taints NVIDIA's nodes; say node_selector and tolerations for amd.com/gpu",
    ):
        gpu(1, resource="amd.com/gpu")

    config = gpu(1, resource="amd.com/gpu", node_selector={}, tolerations=[Toleration("amd.com/gpu")])

    assert config == K8sConfig(
        resources=Resources(extended={"amd.com/gpu": 1}), tolerations=[Toleration("amd.com/gpu")]
    )
