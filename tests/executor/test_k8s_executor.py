"""k8s_executor: the stock executor's whole configuration, typed, as defaults a launch can override."""

from __future__ import annotations

from typing import Any, Literal

import dagster as dg
import pytest
from dagster._core.definitions.executor_definition import ExecutorRequirement
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.system_config.objects import ResolvedRunConfig
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import K8sConfig, K8sConfigError, MemoryLadder, Resources, k8s_executor
from dagster_plus_k8s_helpers.executor.settings import ExecutorSettings

SMALL = K8sConfig(resources=Resources(cpu=1))
LARGE = K8sConfig(resources=Resources(cpu=4))
LIMITED = {"container_config": {"resources": {"limits": {"cpu": "4"}}}}


BEYOND = list(ExecutorSettings().config_fields())


@dg.op
def one() -> None: ...


def resolved(executor: dg.ExecutorDefinition, run_config: dict[str, Any] | None = None) -> dict[str, Any]:
    """The executor config of a run with this launchpad config."""

    @dg.job(executor_def=executor)
    def job() -> None:
        one()

    execution = {"execution": {"config": run_config}} if run_config else {}
    return dict(ResolvedRunConfig.build(job, execution).execution.execution_engine_config)


def said(config: dict[str, Any]) -> dict[str, Any]:
    """A k8s config as resolved, without the empty sections that Dagster adds."""
    return {section: value for section, value in config.items() if value}


def test_every_setting_becomes_the_stock_executors() -> None:
    config = resolved(
        k8s_executor(
            max_concurrent=20,
            tag_concurrency_limits=[
                {"key": "database", "limit": 2},
                {"key": "tenant", "limit": 1, "value": {"applyLimitPerUniqueValue": True}},
            ],
            step_config=LARGE,
            per_step_config={
                "train": LARGE,
                "ml/score": LARGE,
                "a.b": LARGE,
                dg.AssetKey(["ml", "rank"]): LARGE,
            },
            namespace="etl",
            image="project:1",
            service_account_name="steps",
            retries="disabled",
            owner_references=False,
            require_upstream_step_success=False,
            load_incluster_config=False,
            kubeconfig_file="/etc/kubeconfig",
        )
    )

    assert said(config.pop("step_k8s_config")) == LIMITED
    per_step = config.pop("per_step_k8s_config")
    assert {key: said(value) for key, value in per_step.items()} == dict.fromkeys(
        ["train", "ml__score", "a_b", "ml__rank"], LIMITED
    )
    assert ExecutorSettings.from_config({name: config.pop(name) for name in BEYOND}) == ExecutorSettings()
    assert config == {
        "max_concurrent": 20,
        "tag_concurrency_limits": [
            {"key": "database", "limit": 2},
            {"key": "tenant", "limit": 1, "value": {"applyLimitPerUniqueValue": True}},
        ],
        "job_namespace": "etl",
        "job_image": "project:1",
        "service_account_name": "steps",
        "retries": {"disabled": {}},
        "enable_owner_references": False,
        "step_dependency_config": {"require_upstream_step_success": False},
        "load_incluster_config": False,
        "kubeconfig_file": "/etc/kubeconfig",
        "volumes": [],
        "volume_mounts": [],
    }


def test_without_settings_it_is_the_stock_executor_with_owner_references() -> None:
    ours, stock = resolved(k8s_executor()), resolved(k8s_job_executor)

    assert ours.pop("step_dependency_config") == {"require_upstream_step_success": True}
    assert StepDependencyConfig.from_config(None).require_upstream_step_success
    assert ExecutorSettings.from_config({name: ours.pop(name) for name in BEYOND}) == ExecutorSettings()
    assert ours == {**stock, "enable_owner_references": True}
    assert resolved(k8s_executor(kubeconfig_file="/x"))["load_incluster_config"] is False


@pytest.mark.parametrize("mode", ["enabled", "disabled"])
def test_each_way_to_retry_is_one_that_the_stock_executor_has(mode: Literal["enabled", "disabled"]) -> None:
    assert resolved(k8s_executor(retries=mode))["retries"] == {mode: {}}


def test_a_queue_is_a_label_of_every_step_job_beside_the_other_settings() -> None:
    executor = k8s_executor(queue="team-a", step_config=SMALL)

    assert said(resolved(executor)["step_k8s_config"]) == (SMALL | K8sConfig(queue="team-a")).to_dict()


def test_a_launch_can_override_each_default_and_keeps_the_others() -> None:
    config = resolved(
        k8s_executor(max_concurrent=20, namespace="etl", step_config=SMALL),
        {"max_concurrent": 1, "step_k8s_config": LARGE.to_dict()},
    )

    assert config["max_concurrent"] == 1
    assert said(config["step_k8s_config"]) == LIMITED
    assert config["job_namespace"] == "etl"


def test_every_field_of_the_stock_executor_can_be_set_at_launch() -> None:
    stock = k8s_job_executor.config_schema.config_type.fields  # type: ignore[union-attr]
    ours = k8s_executor(max_concurrent=1).config_schema.config_type.fields  # type: ignore[union-attr]

    assert set(ours) == {*stock, *BEYOND}
    assert ours["max_concurrent"].description == stock["max_concurrent"].description


def test_what_it_does_beyond_the_stock_executor_can_be_set_at_launch_too() -> None:
    settings = {
        "health_check_interval": 5.0,
        "start_timeout": None,
        "image_pull_grace": 60.0,
        "api_outage_tolerance": 30.0,
        "call_timeout": 10.0,
        "fail_at_once": False,
        "autoscaler": False,
        "watch": False,
        "disruption_retries": 0,
        "memory_ladder": MemoryLadder(factor=1.5, maximum="8Gi", learn=True),
        "launch_qps": 5.0,
        "launch_burst": 10,
        "log_lines": 0,
        "record_usage": "asset",
        "size": "sizes:by_partition",
        "in_run_pod": ("a", "ml__train"),
        "run_pod_concurrency": 2,
    }
    assert sorted(settings) == sorted(BEYOND)

    here = ExecutorSettings.from_config(resolved(k8s_executor(**settings)))  # type: ignore[arg-type]
    launch = {
        **settings,
        "in_run_pod": ["a", "ml/train"],
        "memory_ladder": {"factor": 1.5, "maximum": "8Gi", "learn": True},
    }
    at_launch = ExecutorSettings.from_config(resolved(k8s_executor(), launch))

    assert here == at_launch == ExecutorSettings(**settings)  # type: ignore[arg-type]


def test_it_asks_of_a_run_what_the_stock_executor_asks() -> None:
    requirements = k8s_executor().get_requirements({})

    assert requirements == k8s_job_executor.get_requirements({})
    assert ExecutorRequirement.PERSISTENT_OUTPUTS in requirements


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_concurrent": 0}, "max_concurrent: 0 is below 1; leave it out for no limit"),
        ({"step_config": {"image": "a"}}, "step_config: must be a K8sConfig, not dict"),
        ({"per_step_config": {"a": {}}}, "per_step_config['a']: must be a K8sConfig, not dict"),
        ({"per_step_config": {"a/b": SMALL, "a__b": SMALL}}, "per_step_config['a__b']: the op 'a__b' has an entry already"),
        ({"kubeconfig_file": "/x", "load_incluster_config": True}, "kubeconfig_file: goes with load_incluster_config=False only"),
        ({"max_concurrent": 2.5}, "max_concurrent: must be a whole number, not 2.5"),
        ({"queue": "team-a", "step_config": K8sConfig(queue="team-b")}, "queue: is 'team-a', and that of step_config is 'team-b'"),
        ({"queue": "team a"}, "queue: the name in label 'kueue.x-k8s.io/queue-name', 'team a'"),
        ({"namespace": "A B"}, "namespace: 'A B' must be at most 63"),
        ({"namespace": 5}, "namespace: must be text, not 5"),
        ({"image": "Team/A"}, "image: 'Team/A' is not an image reference"),
        ({"per_step_config": {5: SMALL}}, "per_step_config: the key 5 must be an op name or asset key, not int"),
        ({"tag_concurrency_limits": [{"key": "a", "limit": 1, "valu": "b"}]}, "tag_concurrency_limits[0]: TagConcurrencyLimit has no field 'valu'; did you mean 'value'?"),
        ({"tag_concurrency_limits": [{"key": "a", "limit": 0}]}, "tag_concurrency_limits[0].limit: 0 is below 1"),
        ({"retries": "sometimes"}, "retries: 'sometimes' is none of enabled, disabled"),
        ({"start_timeout": 0}, "start_timeout: 0 must be above 0 and finite"),
        ({"start_timeout": "10m"}, "start_timeout: must be a number of seconds, not '10m'"),
        ({"health_check_interval": float("inf")}, "health_check_interval: inf must be above 0 and finite"),
        ({"disruption_retries": -1}, "disruption_retries: -1 is below 0"),
        ({"launch_burst": 1.5}, "launch_burst: must be a whole number, not 1.5"),
        ({"log_lines": -1}, "log_lines: -1 is below 0"),
        ({"record_usage": "assets"}, "record_usage: must be True, False or 'asset', not 'assets'"),
        ({"in_run_pod": ["a", 5]}, "in_run_pod: the key 5 must be an op name or asset key, not int"),
        ({"in_run_pod": ""}, "in_run_pod: must be 'small', an asset selection, or a list of ops and asset keys, not ''"),
        ({"in_run_pod": 5}, "in_run_pod: must be 'small', an asset selection, or a list of ops and asset keys, not 5"),
        ({"run_pod_concurrency": 0}, "run_pod_concurrency: 0 is below 1"),
        ({"record_usage": 1}, "record_usage: must be True, False or 'asset', not 1"),
        ({"retries": "deferred"}, "retries: 'deferred' is none of enabled, disabled"),
        ({"autoscaler": "no"}, "autoscaler: must be True or False, not 'no'"),
        ({"watch": "pods"}, "watch: must be True or False, not 'pods'"),
        ({"size": {"factor": 2}}, "size: must be sized_by(...), sized_by_partition(...) or sized_by_usage(...)"),
        ({"memory_ladder": {"factor": 2}}, "memory_ladder: must be a MemoryLadder, not dict"),
        ({"tag_concurrency_limits": [{"key": "a"}]}, "tag_concurrency_limits[0]: must have a key and a limit"),
    ],
)  # fmt: skip
def test_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        k8s_executor(**settings)

    assert message in str(refusal.value)
