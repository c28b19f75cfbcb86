"""Tags at every place Dagster takes them, followed through Dagster to the Job that the API server gets."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.launcher import LaunchRunContext
from dagster._core.test_utils import instance_for_test
from instances import instance_in

from dagster_plus_k8s_helpers import K8sConfig, K8sConfigError, Resources, k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.plan.manifests import step_manifests

if TYPE_CHECKING:
    from pathlib import Path

    from api_server import ApiServer

SMALL = K8sConfig(resources=Resources(cpu="500m", memory="2Gi"))
LARGE = K8sConfig(resources=Resources(cpu=2, memory="16Gi"), node_selector={"pool": "large"})
SMALL_LIMITS = {"limits": {"cpu": "500m", "memory": "2Gi"}}
LARGE_LIMITS = {"limits": {"cpu": "2", "memory": "16Gi"}}


@dg.op(tags=SMALL.tags)
def small_op() -> int:
    return 1


@dg.op(tags=k8s_tags(cpu=2, memory="16Gi", node_selector={"pool": "large"}))
def large_op(number: int) -> None: ...


@dg.asset(op_tags=SMALL.tags)
def small_asset() -> int:
    return 1


@dg.asset(op_tags=LARGE.tags)
def large_asset(small_asset: int) -> None: ...


def step_executor() -> dg.ExecutorDefinition:
    return k8s_executor(
        image="project:1", load_incluster_config=False, kubeconfig_file=os.environ.get("TEST_KUBECONFIG")
    )


@dg.job(executor_def=dg.in_process_executor, tags=LARGE.tags)
def op_job() -> None:
    large_op(small_op())


def stepped_op_job() -> dg.JobDefinition:
    @dg.job(executor_def=step_executor())
    def stepped() -> None:
        large_op(small_op())

    return stepped


def stepped_asset_job() -> dg.JobDefinition:
    return dg.Definitions(
        assets=[small_asset, large_asset],
        jobs=[dg.define_asset_job("nightly", tags=SMALL.tags)],
        executor=step_executor(),
    ).resolve_job_def("nightly")


def tagged_asset_job() -> dg.JobDefinition:
    return dg.Definitions(
        assets=[small_asset], jobs=[dg.define_asset_job("nightly", tags=SMALL.tags)]
    ).resolve_job_def("nightly")


@pytest.mark.parametrize(
    ("make_job", "first", "second"),
    [(stepped_op_job, "small_op", "large_op"), (stepped_asset_job, "small_asset", "large_asset")],
)
def test_op_tags_reach_the_step_pods_and_the_steps_really_run(
    make_job: Any,
    first: str,
    second: str,
    running_api_server: ApiServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEST_KUBECONFIG", str(running_api_server.kubeconfig))
    overrides = run_launcher(running_api_server, tmp_path)
    with instance_in(tmp_path, overrides) as instance:
        result = dg.execute_job(dg.reconstructable(make_job), instance=instance)

    assert result.success
    for step, planned in step_manifests(make_job()).items():
        assert sizes(running_api_server.step_pod(step)) == sizes(planned["spec"]["template"])
    assert running_api_server.step_pod(first)["spec"]["containers"][0]["resources"] == SMALL_LIMITS
    large = running_api_server.step_pod(second)["spec"]
    assert large["containers"][0]["resources"] == LARGE_LIMITS
    assert large["nodeSelector"] == {"pool": "large"}


def sizes(pod_template: dict[str, Any]) -> list[Any]:
    """What of a pod the op tags here speak of."""
    spec = pod_template["spec"]
    return [spec["containers"][0]["resources"], spec.get("nodeSelector"), spec.get("tolerations")]


def launched_run_pod(job: Any, tags: dict[str, str], server: ApiServer, folder: Path) -> dict[str, Any]:
    """The pod of a run that the real K8sRunLauncher launched."""
    with instance_in(folder, run_launcher(server, folder)) as instance:
        definition = job.get_definition()
        run = instance.create_run_for_job(
            definition, tags={**definition.run_tags, **tags}, job_code_origin=job.get_python_origin()
        )
        instance.run_launcher.launch_run(LaunchRunContext(run, workspace=None))
    pod: dict[str, Any] = server.run_pod()["spec"]
    return pod


def run_launcher(server: ApiServer, folder: Path) -> dict[str, Any]:
    """The part of ``dagster.yaml`` that launches runs in the stand-in."""
    config = {
        "job_image": "project:1",
        "load_incluster_config": False,
        "kubeconfig_file": str(server.kubeconfig),
        "dagster_home": str(folder),
        "instance_config_map": "dagster",
        "service_account_name": "dagster",
    }
    return {"run_launcher": {"module": "dagster_k8s", "class": "K8sRunLauncher", "config": config}}


def test_job_tags_reach_the_run_pod(api_server: ApiServer, tmp_path: Path) -> None:
    pod = launched_run_pod(dg.reconstructable(op_job), {}, api_server, tmp_path)

    assert pod["containers"][0]["resources"] == LARGE_LIMITS
    assert pod["nodeSelector"] == {"pool": "large"}


def test_asset_job_tags_reach_the_run_pod(api_server: ApiServer, tmp_path: Path) -> None:
    pod = launched_run_pod(dg.reconstructable(tagged_asset_job), {}, api_server, tmp_path)

    assert pod["containers"][0]["resources"] == SMALL_LIMITS


def test_run_request_tags_reach_the_run_pod_in_place_of_the_jobs(
    api_server: ApiServer, tmp_path: Path
) -> None:
    @dg.sensor(job=op_job)
    def sensor() -> dg.RunRequest:
        return dg.RunRequest(tags=SMALL.run_tags)

    with instance_for_test() as instance:
        (request,) = sensor.evaluate_tick(dg.build_sensor_context(instance)).run_requests or []
    pod = launched_run_pod(dg.reconstructable(op_job), dict(request.tags), api_server, tmp_path)

    assert pod["containers"][0]["resources"] == SMALL_LIMITS
    assert "nodeSelector" not in pod


def test_k8s_tags_is_the_config_in_one_call() -> None:
    assert k8s_tags(cpu=("1", "2"), memory="4Gi", gpu=1, labels={"team": "data"}) == (
        K8sConfig(resources=Resources(cpu=("1", "2"), memory="4Gi", gpu=1), labels={"team": "data"}).tags
    )
    assert k8s_tags(resources=Resources(cpu=1)) == k8s_tags(cpu=1) == k8s_tags(cpu=1, memory=None)
    assert k8s_tags() == {}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"memori": "1Gi"}, "k8s_tags has no field 'memori'; did you mean 'memory'?"),
        ({"memory": "4GB"}, "memory: '4GB' is not a Kubernetes quantity"),
        ({"cpu": 1, "resources": Resources(cpu=1)}, "resources: is given beside cpu; keep one of the two"),
    ],
)
def test_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        k8s_tags(**fields)

    assert message in str(refusal.value)


def test_tags_fit_where_only_text_is_taken() -> None:
    assert all(isinstance(value, str) for value in SMALL.run_tags.values())
    assert K8sConfig.from_tags(dg.RunRequest(tags=SMALL.run_tags).tags) == SMALL
