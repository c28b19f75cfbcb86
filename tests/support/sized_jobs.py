"""Jobs whose steps are sized by what is known of them, so that a step's process can load them as well."""

import os
from collections.abc import Iterator

import dagster as dg

from dagster_plus_k8s_helpers import (
    K8sConfig,
    Resources,
    Sized,
    StepFacts,
    k8s_executor,
    k8s_tags,
    sized_by,
    sized_by_partition,
    spot,
)

FOLDER = "TEST_FOLDER"
GI = 2**30


def by_file(facts: StepFacts) -> Sized:
    """As much memory as its file needs."""
    gigabytes = facts.inputs["file"]["gigabytes"]
    return Sized(
        K8sConfig(resources=Resources(memory=f"{gigabytes * 2}Gi")),
        f"its file {facts.mapping_key} has {gigabytes} GiB",
    )


def by_all(facts: StepFacts) -> Sized:
    """As much memory as all the files need that were processed."""
    sizes = {name: metadata["rows"] for name, metadata in facts.inputs.items()}
    return Sized(K8sConfig(resources=Resources(memory=f"{sum(sizes.values())}Mi")), f"{sorted(sizes)}")


def by_upstream(facts: StepFacts) -> Sized:
    """As much as the assets upstream say."""
    rows = {key.to_user_string(): metadata["rows"] for key, metadata in facts.upstream.items()}
    return Sized(K8sConfig(resources=Resources(memory=f"{sum(rows.values())}Mi")), f"{sorted(rows.items())}")


@dg.op(out=dg.DynamicOut())
def list_files() -> Iterator[dg.DynamicOutput[int]]:
    for name, gigabytes in (("small", 20), ("large", 100)):
        yield dg.DynamicOutput(gigabytes, mapping_key=name, metadata={"gigabytes": gigabytes})


@dg.op(tags=sized_by(by_file))
def process(file: int) -> dg.Output[int]:
    return dg.Output(file, metadata={"rows": file * 10})


@dg.op(tags=sized_by(by_all))
def collect(files: list[int]) -> int:
    return sum(files)


@dg.graph
def files() -> None:
    collect(list_files().map(process).collect())


def _executor(per_step_config: dict[str, K8sConfig] | None = None) -> dg.ExecutorDefinition:
    # The step's process needs no cluster: the kubeconfig is for the run worker.
    return k8s_executor(
        image="project:1",
        per_step_config=per_step_config,
        load_incluster_config=False,
        kubeconfig_file=os.environ.get("TEST_KUBECONFIG", "/nowhere"),
        health_check_interval=0.2,
        step_config=K8sConfig(
            env={name: os.environ[name] for name in (FOLDER, "TEST_KUBECONFIG") if name in os.environ}
        ),
    )


def files_job() -> dg.JobDefinition:
    return files.to_job(executor_def=_executor())


REGIONS = dg.StaticPartitionsDefinition(["us", "eu"])


@dg.asset(partitions_def=REGIONS)
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 700 if context.partition_key == "us" else 70})


@dg.asset
def currencies() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"rows": 5})


@dg.asset(partitions_def=REGIONS, deps=[orders, currencies], op_tags=sized_by(by_upstream))
def report() -> None: ...


def report_job() -> dg.JobDefinition:
    job = dg.define_asset_job("reports", selection="report", executor_def=_executor())
    definitions = dg.Definitions(assets=[orders, currencies, report], jobs=[job])
    return definitions.resolve_job_def("reports")


BY_REGION = sized_by_partition(
    {"us": K8sConfig(resources=Resources(cpu="2", memory="8Gi")) | spot("gke")},
    otherwise=K8sConfig(resources=Resources(memory="1Gi"), labels={"size": "small"}),
)


@dg.asset(partitions_def=REGIONS, op_tags={**k8s_tags(cpu=("500m", "1"), memory=("2Gi", "3Gi")), **BY_REGION})
def regional() -> None: ...


def regional_job() -> dg.JobDefinition:
    executor = _executor(per_step_config={"regional": K8sConfig(labels={"size": "per-step"})})
    job = dg.define_asset_job("regionals", executor_def=executor)
    return dg.Definitions(assets=[regional], jobs=[job]).resolve_job_def("regionals")
