"""The order of the layers is dagster_k8s' own: a failure here says that a new release changed it.

Every layer adds one environment variable, and lists are appended to, so the list tells the order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_k8s import k8s_job_executor
from dagster_k8s.client import DagsterKubernetesClient
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.executor import K8sStepHandler
from instances import instance_in
from launched import launched

from dagster_plus_k8s_helpers import Deployment, K8sConfig, k8s_executor, sized_by_partition
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.merge.layers import RUN_LAYERS, STEP_LAYERS
from dagster_plus_k8s_helpers.plan.merge.unknown import DAGSTER_HOME

if TYPE_CHECKING:
    from pathlib import Path

    from api_server import ApiServer


def said_by(layer: str) -> K8sConfig:
    return K8sConfig(env={layer.replace(" ", "_"): "x"})


@dg.op(tags=said_by("op tags").tags)
def step() -> None: ...


@dg.job(executor_def=k8s_job_executor, tags=said_by("run tags").tags)
def job() -> None:
    step()


LAUNCHER = {"run_k8s_config": said_by("agent").to_dict(), "service_account_name": "a"}
AGENT = {"workspace": {"runK8sConfig": {"containerConfig": LAUNCHER["run_k8s_config"]["container_config"]}}}  # type: ignore[index]
CONTEXT = {"env_vars": ["Dagster+=x"], "k8s": {"run_k8s_config": said_by("location").to_dict()}}
RUN_CONFIG = {
    "execution": {
        "config": {
            "step_k8s_config": said_by("executor").to_dict(),
            "per_step_k8s_config": {"step": said_by("per_step_k8s_config").to_dict()},
        }
    }
}


def layers_in(manifest: dict[str, Any]) -> list[str]:
    env = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    return ["dagster", *(entry["name"].replace("_", " ") for entry in env if entry.get("value") == "x")]


def test_the_layers_are_merged_in_this_order(api_server: ApiServer, tmp_path: Path) -> None:
    with instance_in(tmp_path) as instance:
        sent = launched(
            job,
            instance,
            api_server,
            launcher={**LAUNCHER, "instance_config_map": "agent", "dagster_home": DAGSTER_HOME},
            image="project:1",
            container_context=CONTEXT,
            location_name="etl",
            run_config=RUN_CONFIG,
        )

    assert layers_in(sent.run[0]) == list(RUN_LAYERS)
    of_stock = [name.replace("_", " ") for name in STEP_LAYERS if name != "size"]
    assert layers_in(sent.steps["step"][0]) == of_stock


@dg.op(tags={**said_by("op tags").tags, **sized_by_partition({"x": K8sConfig()}, otherwise=said_by("size"))})
def sized() -> None: ...


@dg.job(executor_def=k8s_executor(), tags=said_by("run tags").tags)
def job_of_sized() -> None:
    sized.alias("step")()


def test_the_plan_names_them_in_this_order() -> None:
    found = plan(
        dg.Definitions(jobs=[job_of_sized]),
        job="job_of_sized",
        agent=AGENT,
        location={"container_context": CONTEXT},
        run_config=RUN_CONFIG,
        deployment=Deployment("full", "prod"),
    )

    assert tuple(layer.name for layer in found.run.layers) == RUN_LAYERS
    assert tuple(layer.name for layer in found.steps["step"].own_pod.layers) == STEP_LAYERS
    assert layers_in(found.run.manifest) == list(RUN_LAYERS)
    of_step = layers_in(found.steps["step"].manifest)
    assert of_step == [name.replace("_", " ") for name in STEP_LAYERS]


def test_a_step_handler_keeps_what_it_was_made_from_where_the_plan_looks(api_server: ApiServer) -> None:
    context = K8sContainerContext(namespace="etl")
    handler = K8sStepHandler(
        image="steps:2",
        container_context=context,
        load_incluster_config=False,
        kubeconfig_file=str(api_server.kubeconfig),
        per_step_k8s_config={"step": {}},
        enable_owner_references=True,
    )

    assert (
        vars(handler).items()
        >= {
            "_executor_image": "steps:2",
            "_executor_container_context": context,
            "_per_step_k8s_config": {"step": {}},
            "_enable_owner_references": True,
        }.items()
    )
    assert isinstance(handler._api_client, DagsterKubernetesClient)
    assert callable(handler._detect_current_name_and_uid)
