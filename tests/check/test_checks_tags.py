"""Tags wherever they are written: of ops, jobs, partitions and schedules, new and old."""

from __future__ import annotations

import json
from typing import Any

import dagster as dg
import pytest
from checked import config, definitions, found
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import MemoryLadder, k8s_executor, k8s_tags, sized_by_usage

QUANTITY = (
    "limits.memory: '4GB' is not a Kubernetes quantity; write '4Gi' or '4G' (a number, optionally with one of the "
    "suffixes n, u, m, k, M, G, T, P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024) or an exponent "
    "such as 1e3)"
)
OLD = "dagster-k8s/resource_requirements"
LADDER = "dagster-plus-k8s/memory-ladder"
TIMEOUT = "dagster-plus-k8s/start-timeout"
SIZE_TAG = "dagster-plus-k8s/size"


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({OLD: {"limits": {"memory": "4GB"}}}, f"op tags, {OLD}: {QUANTITY}"),
        (
            {OLD: {"limit": {"memory": "4Gi"}}},
            f"op tags, {OLD}: limit: ResourceRequirements has no field 'limit'; did you mean 'limits'?",
        ),
        ({TIMEOUT: "soon"}, f"op tags, {TIMEOUT}: 'soon' must be a number of seconds, or 'none'"),
        (
            {LADDER: json.dumps({"factor": 1})},
            f"op tags, {LADDER}: factor: 1 gives no more memory; write a number above 1",
        ),
        (
            {SIZE_TAG: '{"by": "rows"}'},
            f"op tags, {SIZE_TAG}: there is no size by 'rows'; there is partition and usage",
        ),
        (
            {LADDER: "maybe"},
            f"op tags, {LADDER}: 'maybe' must be 'on', 'off' or MemoryLadder(...).tags",
        ),
        (
            {"dagster-k8s/config": "[" * 100_000},
            "op tags, dagster-k8s/config: is JSON that is nested too deeply",
        ),
        (
            config(job_spec_config={"template": {}}),
            "op tags, dagster-k8s/config: job_spec_config.template: Dagster overwrites it with the pod that it "
            "makes; write pod_spec_config, and pod_template_spec_metadata for its metadata",
        ),
    ],
)
def test_a_tag_that_says_nothing_good_is_found(tags: dict[str, Any], message: str) -> None:
    assert [text for _, text in found(definitions(tags))] == [f"step 'train': {message}"]


@pytest.mark.parametrize(
    "tags",
    [
        {OLD: {"limits": {"memory": "4Gi"}}},
        {TIMEOUT: "60"},
        {TIMEOUT: "none"},
        MemoryLadder().tags,
        {LADDER: "on"},
        sized_by_usage(),
        {SIZE_TAG: "off"},
    ],
)
def test_a_tag_that_is_read_is_not_found(tags: dict[str, Any]) -> None:
    assert found(definitions(tags)) == []


@pytest.mark.parametrize(
    "executor", [dg.in_process_executor, k8s_job_executor.configured({"max_concurrent": 1})]
)
def test_another_executor_does_not_read_the_tags_of_ours(executor: dg.ExecutorDefinition) -> None:
    said = found(definitions({TIMEOUT: "60"}, executor=executor))

    message = f"step 'train': op tags: the executor {executor.name!r} does not read {TIMEOUT!r}"
    assert said == [("DPK541", message)]


def test_a_job_has_no_use_for_the_tags_of_an_op() -> None:
    said = found(definitions(job={"tags": {TIMEOUT: "60"}}))

    assert said == [("DPK514", f"the job: its tags: nobody reads {TIMEOUT!r} here, it is for op tags")]


def of_partition(key: str) -> dict[str, Any]:
    if key == "us":
        return config(containerConfig={})
    return k8s_tags(active_deadline_seconds=5) if key == "eu" else {}


def partitioned(**schedule: Any) -> dg.Definitions:
    @dg.static_partitioned_config(["eu", "asia", "us"], tags_for_partition_key_fn=of_partition)
    def by_region(_key: str) -> dict[str, Any]:
        return {}

    @dg.op
    def train() -> None: ...

    @dg.job(config=by_region)
    def nightly() -> None:
        train()

    schedules = [dg.ScheduleDefinition(name="daily", job=nightly, cron_schedule="@daily", **schedule)]
    return dg.Definitions(jobs=[nightly], schedules=schedules, executor=k8s_executor(max_concurrent=4))


CAMEL = "its tags, dagster-k8s/config: Dagster ignores 'containerConfig'; write 'container_config'"
OF_PARTITIONS = [
    ("DPK513", f"partition 'us': {CAMEL}"),
    (
        "DPK522",
        "the run's pod, partition 'eu': spec.activeDeadlineSeconds is 5 by run tags (tags of the run of 'nightly'), "
        "below the 1200 seconds of the default of Dagster+ for run_monitoring.start_timeout_seconds",
    ),
]


def test_tags_of_partitions_are_looked_at_and_planned_with() -> None:
    assert sorted(found(partitioned())) == OF_PARTITIONS


def test_tags_of_a_schedule_are_looked_at() -> None:
    said = found(partitioned(tags=config(containerConfig={})))

    assert ("DPK513", f"partition 'us', schedule 'daily': {CAMEL}") in said
    assert len(said) == len(OF_PARTITIONS)


def test_a_schedule_of_assets_is_looked_at_with_the_implicit_asset_job() -> None:
    @dg.asset
    def orders() -> None: ...

    tags = config(container_config={"resorces": {}})
    schedule = dg.ScheduleDefinition(name="daily", target=[orders], cron_schedule="@daily", tags=tags)
    defs = dg.Definitions(assets=[orders], schedules=[schedule], executor=k8s_executor(max_concurrent=4))

    assert found(defs) == [
        (
            "DPK512",
            "schedule 'daily': its tags, dagster-k8s/config: container_config.resorces: Container has no field "
            "'resorces'; did you mean 'resources'?",
        )
    ]
