"""The public types, held by the type checker: `make lint` fails when one of them changes."""

from __future__ import annotations

from typing import Any, assert_type

import dagster as dg

from dagster_plus_k8s_helpers import (
    Container,
    Deployment,
    K8sConfig,
    K8sConfigError,
    Quantity,
    Resources,
    Sized,
    StepFacts,
    Toleration,
    Volume,
    current_deployment,
    executor_for_deployment,
    gpu,
    k8s_executor,
    k8s_tags,
    run_size_by_partition,
    shm,
    sized_by,
    sized_by_partition,
    sized_by_usage,
    spot,
    with_k8s_config,
    with_sizes,
)
from dagster_plus_k8s_helpers.plan import Origin, Peak, RunPlan, StepPlan, plan

error = K8sConfigError("too small", where="memory")
assert_type(error.where, str)
assert_type(error.within("resources"), K8sConfigError)

assert_type(Quantity("1Gi") * 2, Quantity)
assert_type(Resources(cpu=("1", None)).scaled(memory=2), Resources)

config = K8sConfig(resources=Resources(cpu=1), node_selector={"a": "b"}, tolerations=[Toleration("a")])
assert_type(config | gpu(1) | spot("gke") | shm("1Gi"), K8sConfig)
assert_type(config.resources, Resources | None)
assert_type(config.tolerations, tuple[Toleration, ...])
assert_type(config.image, str | None)
assert_type(config.volumes, tuple[Volume, ...])
assert_type(config.init_containers, tuple[Container, ...])
assert_type(config.tags, dict[str, Any])
assert_type(config.run_tags, dict[str, str])
assert_type(config.container_context("run", "server"), dict[str, Any])
assert_type(K8sConfig.from_tags(config.tags), K8sConfig)
K8sConfig(toleration=[])  # type: ignore[call-arg] # an unknown field is an error before anything runs
K8sConfig(image_pull_policy="always")  # type: ignore[arg-type] # and so is a value out of a closed set
assert_type(k8s_tags(cpu=1, memory="4Gi", labels={"a": "b"}), dict[str, Any])

k8s_tags(mem="1Gi")  # type: ignore[call-arg]
gpu(node_seletor={})  # type: ignore[call-arg] # what answers a slip keeps the names of the arguments
Resources(memroy="2Gi")  # type: ignore[call-arg]
Toleration("pool", "gpu", "NoSchedule")  # type: ignore[arg-type]
k8s_executor(max_concurent=1)  # type: ignore[call-arg]
executor_for_deployment(prod=k8s_executor)  # type: ignore[call-arg]
plan(dg.Definitions(), jobs="nightly")  # type: ignore[call-arg]

assert_type(current_deployment(), Deployment)
assert_type(executor_for_deployment(default=k8s_executor), dg.ExecutorDefinition)
dg.Definitions(executor=k8s_executor)
assert_type(dict(config), dict[str, Any])
assert_type(executor_for_deployment(default=k8s_executor(max_concurrent=1)), dg.ExecutorDefinition)


@dg.asset
def asset() -> None: ...


assert_type(with_k8s_config(asset, config), dg.AssetsDefinition)
assert_type(with_k8s_config(dg.Definitions(), config, "group:ml"), dg.Definitions)
assert_type(with_k8s_config([asset], config), list[dg.AssetsDefinition])


def size(facts: StepFacts) -> K8sConfig | Sized | None:
    assert_type(facts.usage[0].memory_peak_bytes, int | None)
    return None if facts.partition_key is None else Sized(config, "its partition")


assert_type(with_sizes(asset, sized_by(size)), dg.AssetsDefinition)
assert_type(with_sizes([asset], size), list[dg.AssetsDefinition])
assert_type(sized_by_partition({"us": config}).tags, dict[str, str])
assert_type(sized_by_usage(floor="1Gi").tags, dict[str, str])
assert_type(run_size_by_partition({"us": config})("us"), dict[str, str])
k8s_executor(size=size)
k8s_executor(size="shop.sizes:size")
k8s_executor(size=sized_by_usage())

run_plan = plan(dg.Definitions(), job="nightly", deployment=Deployment("full", "prod"))
assert_type(run_plan, RunPlan)
assert_type(run_plan.steps["churn_model"], StepPlan)
assert_type(run_plan.steps["churn_model"].manifest, dict[str, Any])
assert_type(run_plan.run.origin("spec"), Origin)
assert_type(run_plan.peak, Peak)
plan("definitions.py")  # type: ignore[arg-type] # no file
