"""Sizes that are decided at launch, in a plan: for one partition, for all, and what only a run can know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from click.testing import CliRunner

from dagster_plus_k8s_helpers import (
    K8sConfig,
    PlanError,
    Resources,
    StepFacts,
    k8s_executor,
    k8s_tags,
    sized_by,
    sized_by_partition,
    sized_by_usage,
)
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.show.as_json import plan_json
from dagster_plus_k8s_helpers.plan.show.table import plan_table, summary_lines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dagster_plus_k8s_helpers.plan import RunPlan

REGIONS = dg.StaticPartitionsDefinition(["us", "eu-1", "eu-2", "asia"])
LIMITS = "spec.template.spec.containers[0].resources.limits"


def of_memory(memory: str) -> K8sConfig:
    return K8sConfig(resources=Resources(memory=memory))


def by_length(facts: StepFacts) -> K8sConfig | None:
    assert facts.partition_key is not None
    return None if facts.partition_key == "asia" else of_memory(f"{len(facts.partition_key)}Gi")


def by_rows(facts: StepFacts) -> K8sConfig:
    return of_memory(f"{facts.upstream[dg.AssetKey('orders')]['rows']}Mi")


def by_mapping_key(facts: StepFacts) -> K8sConfig:
    return of_memory("1Gi" if facts.mapping_key == "small" else "2Gi")


def by_nothing(_facts: StepFacts) -> K8sConfig | None:
    raise ValueError("no idea")


def by_asset(facts: StepFacts) -> K8sConfig:
    return of_memory("3Gi" if facts.asset_keys == (dg.AssetKey(["raw", "orders"]),) else "1Gi")


BY_REGION = sized_by_partition({"us": of_memory("64Gi"), "eu-*": of_memory("16Gi")})


def planned(op_tags: Mapping[str, Any], partitions: Any = REGIONS, **options: Any) -> RunPlan:
    @dg.asset(partitions_def=partitions, op_tags=dict(op_tags))
    def orders() -> None: ...

    return plan(dg.Definitions([orders], executor=k8s_executor()), **options)


def said(found: RunPlan) -> str:
    return "\n".join(summary_lines(found))


def test_of_one_partition_its_size_is_shown() -> None:
    found = planned({**k8s_tags(cpu=1, memory=("2Gi", "4Gi")), **BY_REGION}, partition="eu-2")

    step = found.steps["orders"]
    assert step.container.limits == {"cpu": "1", "memory": "16Gi"}
    assert step.container.requests == {"memory": "16Gi"}, "and no request of a layer beneath stays above it"
    assert step.smallest is None
    assert step.origin(f"{LIMITS}.memory").layer.name == "size"
    assert str(step.origin(f"{LIMITS}.memory")).endswith(
        "replaced by size (sized_by_partition: partition 'eu-2', as 'eu-*') (op tags said \"4Gi\", overridden)"
    )
    assert "size of orders: sized_by_partition, partition 'eu-2', as 'eu-*'" in said(found)


def test_without_one_it_is_the_largest_and_the_smallest_is_told() -> None:
    found = planned({**k8s_tags(memory="2Gi"), **BY_REGION})

    step = found.steps["orders"]
    assert step.container.limits["memory"] == "64Gi"
    assert step.smallest is not None
    assert step.smallest.container.limits["memory"] == "2Gi", "asia keeps what its op tags say"
    assert found.peak.at_least.memory == 64 * 2**30
    assert found.smallest_peak.at_least.memory == 2 * 2**30
    assert "2Gi to 64Gi / 64Gi" in list(plan_table(found).columns[2].cells)
    assert "3 sizes over 4 partitions; --partition KEY shows the one of a partition" in said(found)
    assert "and 2Gi memory with each step at the smallest size that it may get" in said(found)


def test_a_function_is_asked_for_each_partition() -> None:
    found = planned(sized_by(by_length))

    step = found.steps["orders"]
    assert step.size is not None
    assert [item.config for item in step.size.sizes] == [of_memory("2Gi"), of_memory("4Gi"), None]
    assert step.container.limits["memory"] == "4Gi"


@pytest.mark.parametrize(
    ("tags", "fact"),
    [(sized_by(by_rows), "upstream"), (sized_by_usage(), "usage"), (sized_by_usage(floor="1Gi"), "usage")],
)
def test_what_only_a_run_knows_is_said(tags: Mapping[str, str], fact: str) -> None:
    found = planned({**k8s_tags(memory="2Gi"), **tags})

    step = found.steps["orders"]
    assert step.container.limits["memory"] == "2Gi", "as the other layers say"
    assert [layer.name for layer in step.own_pod.layers if layer.name == "size"] == []
    assert f"decides it at launch, from {fact}, which only a run knows" in said(found)


def guarded(facts: StepFacts) -> K8sConfig:
    try:
        rows = len(facts.upstream)
    except Exception:  # noqa: BLE001 - as users write it
        rows = 0
    return of_memory(f"{1 + rows}Gi")


def in_its_own_words(facts: StepFacts) -> K8sConfig:
    try:
        return of_memory(f"{len(facts.usage)}Gi")
    except Exception:  # noqa: BLE001 - as users write it
        raise RuntimeError("no usage") from None


@pytest.mark.parametrize("function", [guarded, in_its_own_words])
def test_what_only_a_run_knows_is_said_of_a_function_that_catches_errors_too(function: Any) -> None:
    found = planned({**k8s_tags(memory="2Gi"), **sized_by(function)})

    assert found.steps["orders"].container.limits["memory"] == "2Gi"
    assert "decides it at launch, from" in said(found)


def by_tag(facts: StepFacts) -> K8sConfig:
    return of_memory("8Gi" if facts.run_tags["dagster/partition"] == "us" else "1Gi")


def by_range(facts: StepFacts) -> K8sConfig:
    return of_memory("8Gi" if facts.partition_range else "1Gi")


def test_run_tags_have_the_partition_and_a_range_is_known() -> None:
    assert planned(sized_by(by_tag)).steps["orders"].container.limits["memory"] == "8Gi"
    tags = {
        "dagster/asset_partition_range_start": "us",
        "dagster/asset_partition_range_end": "eu-2",
    }
    found = planned(sized_by(by_range), tags=tags)
    assert found.steps["orders"].container.limits["memory"] == "8Gi"
    assert planned(sized_by(by_range)).steps["orders"].container.limits["memory"] == "1Gi"


def test_a_mapping_key_is_known_at_launch_only() -> None:
    @dg.op(out=dg.DynamicOut())
    def files() -> Any: ...

    @dg.op(tags=sized_by(by_mapping_key))
    def load(file: object) -> None: ...

    @dg.job
    def loads() -> None:
        files().map(load)

    found = plan(dg.Definitions(jobs=[loads], executor=k8s_executor()), job="loads")

    assert "size of load[?]: " in said(found)
    assert "decides it at launch, from mapping_key" in said(found)


def test_partitions_that_only_a_deployment_knows_have_all_sizes_that_are_named() -> None:
    found = planned(BY_REGION, dg.DynamicPartitionsDefinition(name="regions"))

    assert found.steps["orders"].container.limits["memory"] == "64Gi"
    assert "from partition_key" in said(
        planned(sized_by(by_length), dg.DynamicPartitionsDefinition(name="regions"))
    )


def test_dimensions_of_a_partition_are_known() -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-04")
    both = dg.MultiPartitionsDefinition(
        {"day": days, "region": dg.StaticPartitionsDefinition(["eu-1", "us"])}
    )
    found = planned(BY_REGION, both)

    assert found.steps["orders"].size.partitions == 6  # type: ignore[union-attr]
    assert found.steps["orders"].container.limits["memory"] == "64Gi"
    one = planned(BY_REGION, both, partition="2026-01-02|eu-1")
    assert one.steps["orders"].container.limits["memory"] == "16Gi"


def test_the_executors_size_is_that_of_every_step_that_has_none() -> None:
    @dg.asset(key_prefix="raw")
    def orders() -> None: ...

    @dg.asset(op_tags={"dagster-plus-k8s/size": "off"})
    def customers() -> None: ...

    @dg.asset
    def items() -> None: ...

    found = plan(dg.Definitions([orders, customers, items], executor=k8s_executor(size=by_asset)))

    memory = {key: step.container.limits.get("memory") for key, step in found.steps.items()}
    assert memory == {"raw__orders": "3Gi", "customers": None, "items": "1Gi"}


def test_per_step_config_stands_above_a_size() -> None:
    @dg.asset(op_tags=BY_REGION)
    def orders() -> None: ...

    own = K8sConfig(resources=Resources(memory="1Gi"), labels={"team": "etl"})
    defs = dg.Definitions([orders], executor=k8s_executor(per_step_config={"orders": own}))
    found = plan(defs, tags={"dagster/partition_of_none": "x"})

    assert found.steps["orders"].container.limits["memory"] == "1Gi"


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        (sized_by(by_nothing), "step 'orders', size: test_sizes:by_nothing raised ValueError: no idea"),
        ({"dagster-plus-k8s/size": "nowhere:at_all"}, "step 'orders', size: nowhere:at_all"),
        ({"dagster-plus-k8s/size": "{}"}, "step 'orders': tag dagster-plus-k8s/size: "),
    ],
)
def test_a_strategy_that_fails_is_told_with_its_step(tags: Mapping[str, str], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        planned(tags)

    assert message in str(caught.value).replace(f"{__name__}:", "test_sizes:")


def test_a_partition_that_is_none_is_refused() -> None:
    with pytest.raises(PlanError, match=r"dagster/partition.*mars"):
        planned(BY_REGION, partition="mars")
    with pytest.raises(PlanError, match="'us' is another one than tags"):
        planned(BY_REGION, partition="us", tags={"dagster/partition": "asia"})


def test_json_has_the_sizes_and_what_decides_them() -> None:
    found = json.loads(plan_json(planned({**k8s_tags(memory="2Gi"), **BY_REGION})))

    size = found["steps"]["orders"]["size"]
    assert (size["by"], size["partitions"], size["at_launch"]) == ("sized_by_partition", 4, None)
    assert next(item["why"] for item in size["sizes"]) == "partition 'us'"
    assert size["smallest"]["limits"] == {"memory": "2Gi"}
    assert found["smallest_peak"]["at_least"]["memory"] != found["peak"]["at_least"]["memory"]


MODULE = """
import dagster as dg
from dagster_plus_k8s_helpers import K8sConfig, Resources, k8s_executor
from dagster_plus_k8s_helpers import sized_by_partition

def of(memory):
    return K8sConfig(resources=Resources(memory=memory))

@dg.asset(
    partitions_def=dg.StaticPartitionsDefinition(["us", "eu"]),
    op_tags=sized_by_partition({"us": of("64Gi")}, otherwise=of("8Gi")),
)
def orders(): ...

defs = dg.Definitions([orders], executor=k8s_executor())
"""


BY_NAME = """
import dagster as dg
from dagster_plus_k8s_helpers import k8s_executor, sized_by

@dg.asset(op_tags=sized_by("sizes_by_name:size"))
def orders(): ...

defs = dg.Definitions([orders], executor=k8s_executor())
"""
ITS_MODULE = """
from dagster_plus_k8s_helpers import K8sConfig, Resources

def size(facts):
    return K8sConfig(resources=Resources(memory="7Gi"))
"""


@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_function_that_is_named_by_text_is_found_beside_the_module(tmp_path: Path, command: str) -> None:
    (tmp_path / f"named_for_{command}.py").write_text(BY_NAME.replace("by_name", f"by_name_{command}"))
    (tmp_path / f"sizes_by_name_{command}.py").write_text(ITS_MODULE)

    shown = CliRunner().invoke(main, [command, "-m", f"named_for_{command}", "-d", str(tmp_path)])

    assert shown.exit_code == 0, shown.output
    assert ("7Gi / 7Gi" if command == "plan" else "nothing found") in shown.output


def test_the_commands_take_a_partition(tmp_path: Path) -> None:
    (tmp_path / "sized_here.py").write_text(MODULE)
    made = ["-m", "sized_here", "-d", str(tmp_path)]

    shown = CliRunner().invoke(main, ["plan", *made, "--partition", "eu"])
    assert shown.exit_code == 0, shown.output
    assert "8Gi / 8Gi" in shown.output
    shown = CliRunner().invoke(main, ["explain", *made, "__ASSET_JOB", "orders", "limits.memory"])
    assert 'memory: "64Gi"  set by size' in shown.output
    assert "orders in __ASSET_JOB, at its largest (size: sized_by_partition, 2 sizes over 2" in shown.output
    refused = CliRunner().invoke(main, ["plan", *made, "--partition", "mars"])
    assert refused.exit_code == 2


def test_a_request_of_the_size_stays_within_the_limit_of_another_layer() -> None:
    sizes = sized_by_partition({"us": K8sConfig(resources=Resources(cpu=("4", None)))})

    @dg.asset(
        partitions_def=REGIONS,
        op_tags={**K8sConfig(resources=Resources(cpu=("1", "2"))).tags, **sizes},
    )
    def capped() -> None: ...

    found = plan(
        dg.Definitions(assets=[capped], executor=k8s_executor()), tags={"dagster/partition": "us"}
    ).steps["capped"]

    (container,) = found.manifest["spec"]["template"]["spec"]["containers"]
    assert container["resources"] == {"limits": {"cpu": "2"}, "requests": {"cpu": "2"}}
