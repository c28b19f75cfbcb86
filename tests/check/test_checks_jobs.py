"""Which executors read op tags, and how many steps they run at once."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from checked import SHOP, definitions, dynamic, found, location

from dagster_plus_k8s_helpers import k8s_executor, k8s_tags

TWO_CPUS = location(container_config={"resources": {"limits": {"cpu": "2"}}})


def foreign(module: str) -> dg.ExecutorDefinition:
    def make(_context: dg.InitExecutorContext) -> Any:
        return object()

    make.__module__ = module
    return dg.executor(name="foreign")(make)


def test_an_executor_that_is_not_known_to_read_op_tags_ignores_them() -> None:
    said = found(definitions(k8s_tags(memory="2Gi"), executor=foreign("dagster_docker.docker_executor")))

    assert said == [
        (
            "DPK501",
            "step 'train': the executor 'foreign' ignores the op tags, which ask for "
            '{"container_config": {"resources": {"limits": {"memory": "2Gi"}}}}; the step runs where the executor '
            "puts it",
        )
    ]


def test_that_of_celery_on_kubernetes_reads_them() -> None:
    executor = foreign("dagster_celery_k8s.executor")

    assert found(definitions(k8s_tags(memory="2Gi"), executor=executor)) == []


def test_a_mapped_step_runs_in_as_many_processes_as_may_run_at_once() -> None:
    executor = dg.multiprocess_executor.configured({"max_concurrent": 16})

    assert found(dynamic(executor), location=TWO_CPUS) == [
        (
            "DPK526",
            "the run's pod: the executor 'multiprocess' has max_concurrent 16, and 16 steps can run at once; "
            f"limits.cpu is '2' by {SHOP}",
        )
    ]


def test_nobody_knows_how_many_those_are_without_a_limit() -> None:
    assert found(dynamic(dg.multiprocess_executor), location=TWO_CPUS) == [
        (
            "DPK526",
            "the run's pod: the executor 'multiprocess' has no max_concurrent, so one process for each CPU of the "
            "node, and as many steps as there are outputs of a dynamic one can run at once; limits.cpu is '2' by "
            f"{SHOP}",
        )
    ]


def test_a_mapped_step_within_the_cpus_is_not_found() -> None:
    executor = dg.multiprocess_executor.configured({"max_concurrent": 2})

    assert found(dynamic(executor), location=TWO_CPUS) == []


@pytest.mark.parametrize(
    ("limit", "codes"),
    [
        ({"key": "team", "limit": 2}, []),
        ({"key": "team", "limit": 2, "value": "ml"}, []),
        ({"key": "team", "limit": 2, "value": "bi"}, ["DPK525"]),
        ({"key": "tier", "limit": 2}, ["DPK525"]),
        ({"key": "team", "limit": 2, "value": {"applyLimitPerUniqueValue": True}}, []),
    ],
)
def test_steps_under_a_limit_by_tag_are_bounded(limit: Any, codes: list[str]) -> None:
    executor = k8s_executor(tag_concurrency_limits=[limit])

    assert [code for code, _ in found(definitions({"team": "ml"}, assets=30, executor=executor))] == codes
