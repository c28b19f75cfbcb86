"""The presets gpu(), spot() and shm(), and the table of platforms behind them."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers import (
    K8sConfig,
    K8sConfigError,
    Resources,
    Toleration,
    VolumeMount,
    gpu,
    shm,
    spot,
)
from dagster_plus_k8s_helpers.pod.platforms import GPU_NODES, SPOT_NODES


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


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gpu(platform="gkee"), "platform 'gkee' is none of aks, eks, eks-auto, gke, karpenter, nvidia; did you mean 'gke'?"),
        (lambda: spot("azure"), "platform 'azure' is none of aks, eks, eks-auto, gke, karpenter"),
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
