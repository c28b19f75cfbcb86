"""What Kubernetes takes and does harm in a Job: what is found, and the right way of each, which is not."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from checked import NODES, OP, SHOP, config, container, definitions, dynamic, found, location

from dagster_plus_k8s_helpers import Container, K8sConfig, k8s_executor, spot

PROXY = {"name": "cloud-sql-proxy", "image": "proxy:2"}
PROXY_IN_PYTHON = Container.sidecar("cloud-sql-proxy", "proxy:2", liveness_probe={"http_get": {"port": 9090}})


def pod(**fields: Any) -> dict[str, Any]:
    return config(pod_spec_config=fields)


def job(**fields: Any) -> dict[str, Any]:
    return config(job_spec_config=fields)


AZURE = {"kubernetes.azure.com/accelerator": "nvidia"}
AZURE_SPOT = {"kubernetes.azure.com/scalesetpriority": "spot"}
HTTP = {"http_get": {"path": "/", "port": 8080}}

# Code; op tags that fire; what is said after the step; op tags that are right.
CASES: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "DPK560",
        pod(containers=[PROXY]),
        f"containers[1] is 'cloud-sql-proxy' by {OP}, and the Job does not end before it does",
        K8sConfig(init_containers=[PROXY_IN_PYTHON]).tags,
    ),
    (
        "DPK561",
        pod(restart_policy="OnFailure"),
        f"restartPolicy is 'OnFailure' by {OP}, instead of 'Never'",
        pod(restart_policy="Never"),
    ),
    (
        "DPK561",
        container(restart_policy="OnFailure"),
        f"containers[0].restartPolicy is 'OnFailure' by {OP}, instead of 'Never'",
        pod(init_containers=[{**PROXY, "restart_policy": "Always"}]),
    ),
    (
        "DPK561",
        job(pod_failure_policy={"rules": [{"action": "Ignore", "on_pod_conditions": []}]}),
        f"spec.podFailurePolicy.rules[0].action is 'Ignore' by {OP}: another pod takes the place of the failed",
        job(pod_failure_policy={"rules": [{"action": "FailJob", "on_pod_conditions": []}]}),
    ),
    ("DPK562", job(completions=2), f"spec.completions is 2 by {OP}, instead of 1", job(completions=1)),
    ("DPK562", job(parallelism=0), f"spec.parallelism is 0 by {OP}, instead of 1", job(parallelism=1)),
    (
        "DPK563",
        pod(host_network=True),
        f"hostNetwork is true by {OP}, and dnsPolicy is not 'ClusterFirstWithHostNet'",
        pod(host_network=True, dns_policy="ClusterFirstWithHostNet"),
    ),
    (
        "DPK564",
        pod(node_selector=AZURE),
        f"nodeSelector.kubernetes.azure.com/accelerator is 'nvidia' by {OP}; AKS has its GPU node pools made with the "
        "taint sku=gpu:NoSchedule, which no layer tolerates",
        pod(node_selector=AZURE, tolerations=[{"key": "sku", "operator": "Exists"}]),
    ),
    (
        "DPK564",
        pod(node_selector=AZURE_SPOT),
        f"nodeSelector.kubernetes.azure.com/scalesetpriority is 'spot' by {OP}; AKS gives each of its Spot nodes the "
        "taint kubernetes.azure.com/scalesetpriority=spot:NoSchedule, which no layer tolerates",
        spot("aks").tags,
    ),
    # GKE's and EKS' admission tolerates nvidia.com/gpu for whoever asks for one.
    (
        "DPK566",
        container(liveness_probe=HTTP),
        f"containers[0].livenessProbe.httpGet by {OP} asks a port, on which no run or step listens",
        container(liveness_probe={"exec": {"command": ["true"]}}),
    ),
    (
        "DPK566",
        container(startup_probe={"tcp_socket": {"port": 1}}),
        f"containers[0].startupProbe.tcpSocket by {OP} asks a port, on which no run or step listens",
        container(readiness_probe=HTTP),
    ),
    (
        "DPK567",
        pod(termination_grace_period_seconds=0),
        f"terminationGracePeriodSeconds is 0 by {OP}, below 5",
        pod(termination_grace_period_seconds=5),
    ),
    (
        "DPK568",
        job(suspend=True),
        f"spec.suspend is true by {OP}, and no label names a queue that resumes it",
        config(
            job_spec_config={"suspend": True}, job_metadata={"labels": {"kueue.x-k8s.io/queue-name": "etl"}}
        ),
    ),
    (
        "DPK569",
        container(volume_mounts=[{"name": "v", "mount_path": "foo/bar"}]),
        f"containers[0].volumeMounts[0].mountPath by {OP} is 'foo/bar', which the kubelet makes '/foo/bar'; write that",
        container(
            volume_mounts=[{"name": "v", "mount_path": "/foo/bar"}, {"name": "v", "mount_path": "C:\\x"}]
        ),
    ),
    (
        "DPK569",
        container(volume_mounts=[{"name": "v", "mount_path": "/a:b"}]),
        f"containers[0].volumeMounts[0].mountPath by {OP} is '/a:b', and not every container runtime takes a ':'",
        container(volume_mounts=[{"name": "v", "mount_path": "/a"}]),
    ),
    (
        "DPK569",
        pod(volumes=[{"name": "v"}]),
        f"volumes[0] by {OP} has no source, so that 'v' is an empty emptyDir",
        pod(volumes=[{"name": "v", "empty_dir": {}}]),
    ),
    (
        "DPK569",
        pod(image_pull_secrets=[{"name": ""}]),
        f"imagePullSecrets[0] by {OP} has no name, and is passed over",
        pod(image_pull_secrets=[{"name": "a"}, {"name": "a"}]),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{index}" for index, case in enumerate(CASES)])
def test_what_does_harm_is_found_and_the_right_way_is_not(case: Any) -> None:
    code, harmful, text, right = case

    assert found(definitions(harmful)) == [(code, f"step 'train': {text}")]
    assert found(definitions(right)) == []


@pytest.mark.parametrize("case", CASES, ids=[f"{case[0]}-{index}" for index, case in enumerate(CASES)])
def test_the_definitions_waive_it(case: Any) -> None:
    code, harmful, _, _ = case

    assert (
        found(definitions(harmful, of_all={"dagster-plus-k8s/ignore": {code: "it is meant to be so"}})) == []
    )


def at_layers() -> dict[str, tuple[dg.Definitions, dict[str, Any], str]]:
    extra = {"pod_spec_config": {"containers": [PROXY]}}
    agent = {"workspace": {"runK8sConfig": {"podSpecConfig": {"containers": [PROXY]}}}}
    executor = k8s_executor(max_concurrent=4, step_config=K8sConfig(pod_spec_config=extra["pod_spec_config"]))
    return {
        "agent": (definitions(), {"agent": agent}, "agent (the agent's Helm values)"),
        "location": (definitions(), {"location": location(**extra)}, SHOP),
        "job": (definitions(job={"tags": config(**extra)}), {"job": "nightly"}, "run tags"),
        "executor": (definitions(executor=executor), {}, "executor"),
        "op": (definitions(config(**extra)), {}, OP),
    }


@pytest.mark.parametrize("layer", list(at_layers()))
def test_a_second_container_is_found_in_whatever_layer_says_it(layer: str) -> None:
    defs, given, by = at_layers()[layer]

    said = [text for code, text in found(defs, **given) if code == "DPK560"]

    assert said
    assert all(f"'cloud-sql-proxy' by {by}" in text for text in said)


def test_a_second_container_of_a_code_server_is_right() -> None:
    server = {"server_k8s_config": {"pod_spec_config": {"containers": [PROXY]}}}

    assert (
        found(definitions(), location={"location_name": "shop", "container_context": {"k8s": server}}) == []
    )


def test_a_taint_of_a_platform_is_not_guessed_where_nodes_are_given() -> None:
    codes = [code for code, _ in found(definitions(pod(node_selector=AZURE)), nodes=NODES)]

    assert codes == ["DPK511"]


@pytest.mark.parametrize("platform", ["gke", "eks", "karpenter"])
def test_a_gpu_that_the_platforms_admission_tolerates_needs_no_toleration(platform: str) -> None:
    from dagster_plus_k8s_helpers import gpu  # noqa: PLC0415 - of this test alone

    assert found(definitions(gpu(1, platform=platform, tolerations=[]).tags)) == []


def claim(*modes: str) -> dict[str, Any]:
    spec = {"accessModes": list(modes), "resources": {"requests": {"storage": "1Gi"}}}
    manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": spec,
    }
    return {"extraManifests": [manifest]}


DATA = {"volumes": [{"name": "data", "persistent_volume_claim": {"claim_name": "data"}}]}
PORT = {"ports": [{"container_port": 80, "host_port": 8080}]}


def chain(tags: dict[str, Any]) -> dg.Definitions:
    @dg.asset(op_tags=tags)
    def first() -> None: ...

    @dg.asset(op_tags=tags, deps=[first])
    def second() -> None: ...

    @dg.asset(op_tags=tags, deps=[second])
    def third() -> None: ...

    return dg.Definitions(assets=[first, second, third], executor=k8s_executor(max_concurrent=4))


def in_a_pool(tags: dict[str, Any]) -> dg.Definitions:
    @dg.asset(op_tags=tags, pool="data")
    def first() -> None: ...

    @dg.asset(op_tags=tags, pool="data")
    def second() -> None: ...

    return dg.Definitions(assets=[first, second], executor=k8s_executor(max_concurrent=4))


def harm(defs: dg.Definitions, **given: Any) -> list[tuple[str, str]]:
    return [(code, text) for code, text in found(defs, **given) if code in {"DPK563", "DPK565"}]


def test_a_claim_of_one_node_that_two_steps_want_at_once() -> None:
    said = harm(definitions(pod(**DATA), assets=2), agent=claim("ReadWriteOnce"))

    assert said == [
        (
            "DPK565",
            f"steps 'train', 'train_1': volumes[0].persistentVolumeClaim.claimName is 'data' by {OP}, which "
            "extraManifests of the agent make ReadWriteOnce, and steps 'train' and 'train_1' want it at once",
        )
    ]


def test_a_claim_of_the_location_is_the_runs_pods_too_while_its_steps_run() -> None:
    ((_, said),) = harm(chain({}), agent=claim("ReadWriteOnce"), location=location(pod_spec_config=DATA))

    assert said.endswith("and step 'first' and the run's pod want it at once")


def test_a_port_of_the_node_that_two_steps_want_at_once() -> None:
    said = harm(definitions(container(**PORT), assets=2))

    assert said == [
        (
            "DPK563",
            f"steps 'train', 'train_1': containers[0].ports[0].hostPort by {OP} is TCP port 8080 of the node, which "
            "steps 'train' and 'train_1' want at once",
        )
    ]


def test_on_the_nodes_network_every_port_is_the_nodes() -> None:
    tags = config(
        pod_spec_config={"host_network": True, "dns_policy": "ClusterFirstWithHostNet"},
        container_config={"ports": [{"container_port": 80}]},
    )

    ((_, said),) = harm(definitions(tags, assets=2))

    assert "containers[0].ports[0].containerPort" in said


@pytest.mark.parametrize(
    ("defs", "given"),
    [
        (definitions(pod(**DATA), assets=2), {"agent": claim("ReadWriteMany")}),
        (definitions(pod(**DATA), assets=2), {"agent": claim("ReadWriteOnce", "ReadWriteMany")}),
        (definitions(pod(**DATA), assets=2), {}),
        (definitions(pod(**DATA)), {"agent": claim("ReadWriteOnce")}),
        (chain(pod(**DATA)), {"agent": claim("ReadWriteOnce")}),
        (in_a_pool(pod(**DATA)), {"agent": claim("ReadWriteOnce")}),
        (
            definitions(pod(**DATA, node_selector={"kubernetes.io/hostname": "n1"}), assets=2),
            {"agent": claim("ReadWriteOnce")},
        ),
        (
            definitions(pod(**DATA), assets=2, executor=k8s_executor(max_concurrent=1)),
            {"agent": claim("ReadWriteOnce")},
        ),
        (chain(container(**PORT)), {}),
        (definitions(container(ports=[{"container_port": 80}]), assets=2), {}),
        (definitions(pod(init_containers=[{**PROXY, **PORT}]), assets=2), {}),
    ],
    ids=["many", "many too", "unknown", "one step", "a chain", "a pool", "one node", "one at once", "ports in a chain",
         "no host port", "an init container"],
)  # fmt: skip
def test_what_is_not_wanted_at_once_is_not_found(defs: dg.Definitions, given: dict[str, Any]) -> None:
    assert harm(defs, **given) == []


def test_a_mapped_step_is_there_more_than_once() -> None:
    ((_, said),) = harm(dynamic(k8s_executor(max_concurrent=4, step_config=K8sConfig(container_config=PORT))))

    assert "step" in said
