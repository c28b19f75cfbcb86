"""The pods of the deployment "prod", as dagster_k8s builds them; no cluster needed."""

import os
from typing import Any

import dagster as dg
import pytest
from flight_delays import pods
from flight_delays.definitions import definitions_for
from flight_delays.scripts import Scripts

from dagster_plus_k8s_helpers import K8sConfig, current_deployment
from dagster_plus_k8s_helpers.plan.manifests import run_manifest, step_manifests

STEPS = {
    "airline_names": pods.SMALL,
    "busiest_routes": pods.SMALL,
    "flights_with_weather": pods.LARGE,
    "flights_with_weather_no_duplicates": pods.LARGE,
    "delay_model": pods.TRAIN,
    "delay_model_beats_the_mean": pods.SMALL,
    "model_signature": pods.SMALL,
    "monthly_report": pods.SMALL,
}


@pytest.fixture
def prod(monkeypatch: pytest.MonkeyPatch) -> dg.Definitions:
    """The definitions as Dagster+ loads them in a pod."""
    monkeypatch.setenv("DAGSTER_CLOUD_DEPLOYMENT_NAME", "prod")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    return definitions_for(current_deployment(os.environ))


@pytest.fixture
def steps(prod: dg.Definitions) -> dict[str, dict[str, Any]]:
    """The pod spec of each step."""
    jobs = [prod.resolve_job_def(name) for name in ("nightly", "monthly_reports")]
    return {
        step: manifest["spec"]["template"]["spec"]
        for job in jobs
        for step, manifest in step_manifests(job).items()
    }


def test_every_step_is_in_the_table(steps: dict[str, dict[str, Any]]) -> None:
    assert steps.keys() == STEPS.keys()


@pytest.mark.parametrize(("step", "config"), STEPS.items())
def test_each_step_gets_its_pod(step: str, config: K8sConfig, steps: dict[str, dict[str, Any]]) -> None:
    pod = steps[step]
    assert config.resources is not None
    assert pod["containers"][0]["resources"] == config.resources.to_dict()
    assert pod.get("nodeSelector", {}) == config.node_selector
    assert len(pod.get("tolerations", [])) == len(config.tolerations)


def test_training_asks_for_a_gpu_and_tolerates_losing_its_node(steps: dict[str, dict[str, Any]]) -> None:
    pod = steps["delay_model"]
    assert pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert {toleration["key"] for toleration in pod["tolerations"]} == {
        "nvidia.com/gpu",
        "cloud.google.com/gke-spot",
    }


def test_every_step_mounts_the_disk_that_outputs_are_handed_on_by(
    prod: dg.Definitions, steps: dict[str, dict[str, Any]]
) -> None:
    io_manager = (prod.resources or {})["io_manager"]
    for pod in steps.values():
        (mount,) = pod["containers"][0]["volumeMounts"]
        (volume,) = pod["volumes"]
        assert mount == {"name": volume["name"], "mountPath": io_manager.base_dir}
        assert volume["persistentVolumeClaim"] == {"claimName": "flight-delays-storage"}


def test_the_tags_of_a_job_size_the_pod_of_its_run(prod: dg.Definitions) -> None:
    pod = run_manifest(prod.resolve_job_def("nightly"))["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"] == {"limits": {"cpu": "250m", "memory": "512Mi"}}


def test_the_schedule_launches_the_job_that_has_the_tags(prod: dg.Definitions) -> None:
    assert prod.resolve_schedule_def("every_night").job_name == "nightly"


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")  # raised by Dagster's own Pipes client
def test_in_the_cluster_the_script_gets_a_pod_of_the_runs_image(
    prod: dg.Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dagster_k8s.pipes import PipesK8sClient, build_pod_body

    started: list[Any] = []

    def run(_client: object, *, base_pod_spec: Any, base_pod_meta: Any, **call: Any) -> object:
        started.append(build_pod_body("script", None, call["command"], {}, base_pod_meta, base_pod_spec))
        return dg.PipesSubprocessClient().run(**call)

    monkeypatch.setattr(PipesK8sClient, "run", run)
    result = prod.resolve_job_def("nightly").execute_in_process(
        asset_selection=[dg.AssetKey("busiest_routes")], tags={"dagster/image": "registry/flight-delays:1"}
    )

    assert result.success
    (pod,) = started
    container = pod.spec.containers[0]
    assert container.image == "registry/flight-delays:1"
    assert container.command[-1].endswith("busiest_routes.py")
    assert container.resources.limits == {"cpu": "1", "memory": "512Mi"}
    assert pod.metadata.labels["component"] == "script"


def test_at_home_and_in_a_pod_of_the_ci_scripts_run_beside_us(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_CLOUD_DEPLOYMENT_NAME", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    home = definitions_for(current_deployment())
    assert (home.resources or {})["scripts"] == Scripts(in_cluster=False)
    assert home.executor is dg.multiprocess_executor
