"""The manifests of a job, beside the ones that really reach the API server."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster_k8s import k8s_job_executor
from kubernetes.client import Configuration

from dagster_plus_k8s_helpers import DeploymentError, K8sConfig, Resources, gpu, k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.plan.manifests import run_manifest, step_manifests


class Setting(dg.Config):  # type: ignore[misc]
    name: str


class Service(dg.ConfigurableResource):  # type: ignore[misc]
    url: str

    def setup_for_execution(self, _context: dg.InitResourceContext) -> None:
        raise AssertionError("planning must not initialise a resource")


@dg.asset(op_tags=k8s_tags(cpu=2))
def configured(config: Setting, service: Service) -> None: ...


@dg.asset(op_tags=gpu(1).tags, partitions_def=dg.StaticPartitionsDefinition(["a"]))
def partitioned(configured: None) -> None: ...


@dg.op(out=dg.DynamicOut(int))
def fan_out() -> Iterator[dg.DynamicOutput[int]]:
    yield dg.DynamicOutput(1, "one")


@dg.op(tags=k8s_tags(memory="1Gi"))
def mapped(number: int) -> None: ...


def asset_job(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    return dg.Definitions(
        assets=[configured, partitioned],
        jobs=[dg.define_asset_job("nightly", "*", tags=k8s_tags(memory="1Gi"))],
        resources={"service": Service(url=dg.EnvVar("NOT_SET_AT_HOME"))},
        executor=executor,
    ).resolve_job_def("nightly")


def resources(manifest: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]["containers"][0]["resources"]
    return found


def test_each_step_has_the_job_of_all_layers_together() -> None:
    executor = k8s_executor(
        step_config=K8sConfig(resources=Resources(memory="1Gi"), labels={"team": "data"}),
        per_step_config={"partitioned": K8sConfig(resources=Resources(memory="4Gi"))},
    )

    manifests = step_manifests(asset_job(executor))

    assert list(manifests) == ["configured", "partitioned"]
    assert resources(manifests["configured"]) == {"limits": {"cpu": "2", "memory": "1Gi"}}
    assert resources(manifests["partitioned"]) == {"limits": {"memory": "4Gi", "nvidia.com/gpu": "1"}}
    template = manifests["partitioned"]["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "data"
    assert template["spec"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}


def test_the_run_has_the_job_of_its_tags() -> None:
    assert resources(run_manifest(asset_job(k8s_executor()))) == {"limits": {"memory": "1Gi"}}


def test_a_mapped_step_stands_for_all_its_copies() -> None:
    @dg.job(executor_def=k8s_job_executor)
    def dynamic() -> None:
        fan_out().map(mapped)

    manifests = step_manifests(dynamic)

    assert resources(manifests["mapped[?]"]) == {"limits": {"memory": "1Gi"}}


def test_what_is_known_at_launch_only_is_marked() -> None:
    manifest = step_manifests(asset_job(k8s_executor()))["configured"]

    assert manifest["metadata"]["name"] == "dagster-step-<hash of the run id and the step key>"
    assert manifest["metadata"]["labels"]["dagster/run-id"] == "<run id>"


def test_an_executor_that_leaves_a_launch_nothing_to_override_has_manifests_too() -> None:
    executor = k8s_job_executor.configured({"max_concurrent": 1, "load_incluster_config": True})

    assert list(step_manifests(asset_job(executor))) == ["configured", "partitioned"]


@pytest.mark.parametrize("executor", [dg.in_process_executor, dg.multiprocess_executor])
def test_an_executor_that_has_no_manifests_to_show_is_named(executor: dg.ExecutorDefinition) -> None:
    with pytest.raises(
        DeploymentError, match=f"the executor '{executor.name}' of the job 'nightly' starts no pods"
    ):
        step_manifests(asset_job(executor))


def test_the_kubernetes_client_of_the_process_is_left_as_it_was() -> None:
    before = Configuration.get_default_copy().host

    step_manifests(asset_job(k8s_executor()))

    assert Configuration.get_default_copy().host == before
