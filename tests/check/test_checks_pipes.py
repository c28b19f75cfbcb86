"""A pod that an asset starts with PipesK8sClient, and whether it has resources of its own."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from dagster_k8s import PipesK8sClient

from dagster_plus_k8s_helpers import K8sConfig, Resources, k8s_executor
from dagster_plus_k8s_helpers.plan import check

BIG = K8sConfig(resources=Resources(memory="4Gi"))
PLAIN = K8sConfig(node_selector={"disk": "fast"})
NOT_A_CONFIG = 3

# Planning calls none of these functions: what they would run is not here.


def without_spec(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    return pipes.run(context=context, image="script:1").get_results()


def without_resources(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    return pipes.run(context=context, image="script:1", base_pod_spec=PLAIN.pod_spec()).get_results()


def with_a_dict_without(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    spec = pipes.run(context=context, base_pod_spec={"containers": [{"name": "a", "image": "script:1"}]})
    return spec.get_results()


def with_a_client_of_its_own(context: dg.AssetExecutionContext) -> Any:
    return PipesK8sClient(namespace="scripts").run(context=context, image="script:1").get_results()


@pytest.mark.parametrize(
    ("function", "line", "problem"),
    [
        (without_spec, 1, "PipesK8sClient.run is given no base_pod_spec, so its pod has no resources"),
        (
            without_resources,
            1,
            "the base_pod_spec of PipesK8sClient.run has no resources in its first container",
        ),
        (
            with_a_dict_without,
            1,
            "the base_pod_spec of PipesK8sClient.run has no resources in its first container",
        ),
        (
            with_a_client_of_its_own,
            1,
            "PipesK8sClient.run is given no base_pod_spec, so its pod has no resources",
        ),
    ],
)
def test_a_pod_without_resources_is_found(function: Callable[..., Any], line: int, problem: str) -> None:
    (finding,) = found(function)

    assert finding == (
        "DPK531",
        f"step 'script': test_checks_pipes.py, line {function.__code__.co_firstlineno + line}: {problem}",
    )


def with_resources(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    return pipes.run(context=context, image="script:1", base_pod_spec=BIG.pod_spec()).get_results()


def with_a_dict(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    return pipes.run(
        context=context, base_pod_spec={"containers": [{"name": "a", "resources": {"limits": {"cpu": "1"}}}]}
    ).get_results()


def with_resources_of_the_pod(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    return pipes.run(context=context, base_pod_spec={"resources": {"limits": {"cpu": "1"}}}).get_results()


def with_what_only_a_run_knows(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    spec = BIG.pod_spec()
    return pipes.run(context=context, base_pod_spec=spec).get_results()


def with_options(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    options: dict[str, Any] = {"base_pod_spec": BIG.pod_spec()}
    return pipes.run(context=context, **options).get_results()


def with_containers_of_a_run(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    return pipes.run(context=context, base_pod_spec={"containers": containers_of(context)}).get_results()


def with_something_else(context: dg.AssetExecutionContext, pipes: PipesK8sClient) -> Any:
    return pipes.run(context=context, base_pod_spec=NOT_A_CONFIG.pod_spec()).get_results()  # type: ignore[attr-defined]


def with_another_client(context: dg.AssetExecutionContext) -> Any:
    return context.resources.client.run(context=context)


def containers_of(_context: object) -> list[dict[str, Any]]:
    return []


@pytest.mark.parametrize(
    "function",
    [
        with_resources,
        with_a_dict,
        with_resources_of_the_pod,
        with_what_only_a_run_knows,
        with_options,
        with_containers_of_a_run,
        with_something_else,
    ],
)
def test_what_has_resources_or_cannot_be_told_is_left_alone(function: Callable[..., Any]) -> None:
    assert found(function) == []


def test_another_client_is_none_of_its_business() -> None:
    assert found(with_another_client) == []


def test_ops_of_graphs_are_looked_into_and_one_finding_names_all_of_them() -> None:
    @dg.op
    def run_script(context: dg.OpExecutionContext, pipes: PipesK8sClient) -> None:
        pipes.run(context=context, image="script:1")

    @dg.job(
        resource_defs={"pipes": dg.ResourceDefinition.none_resource()},
        executor_def=k8s_executor(max_concurrent=1),
    )
    def nightly() -> None:
        run_script.alias("first")()
        run_script.alias("second")()

    ((code, message),) = of(dg.Definitions(jobs=[nightly]))

    assert code == "DPK531"
    assert message.startswith("steps 'first', 'second': test_checks_pipes.py, line ")


def found(function: Callable[..., Any]) -> list[tuple[str, str]]:
    return of(
        dg.Definitions(
            assets=[dg.asset(name="script")(function)],
            resources={"pipes": dg.ResourceDefinition.none_resource()},
            executor=k8s_executor(max_concurrent=1),
        )
    )


def of(definitions: dg.Definitions) -> list[tuple[str, str]]:
    return [(item.code, item.message) for item in check(definitions)]
