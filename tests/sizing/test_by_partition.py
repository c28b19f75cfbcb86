"""`sized_by_partition`: which partition gets which size, and what is refused where it is written."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
import yaml
from sizes import BIG, MID, SMALL

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts.resources import Resources
from dagster_plus_k8s_helpers.sizing.by_partition import sized_by_partition
from dagster_plus_k8s_helpers.sizing.facts import StepFacts
from dagster_plus_k8s_helpers.sizing.reading import size_of_step
from dagster_plus_k8s_helpers.sizing.strategy import decided

SIZES = sized_by_partition({"us": BIG, "eu-*": MID, "eu-w*": BIG}, otherwise=SMALL)


@pytest.mark.parametrize(
    ("facts", "size"),
    [
        ({"partition_key": "us"}, BIG),
        ({"partition_key": "eu-west"}, MID),
        ({"partition_key": "EU-west"}, SMALL),
        ({"partition_key": "us-1"}, SMALL),
        ({}, SMALL),
        (
            {"partition_key": "2026-01-01|us", "partition_dimensions": {"day": "2026-01-01", "where": "us"}},
            BIG,
        ),
        ({"partition_key": "2026-01-01|us"}, SMALL),
        ({"partition_range": dg.PartitionKeyRange("au", "jp")}, BIG),
        ({"partition_range": dg.PartitionKeyRange("eu-east", "eu-east")}, MID),
    ],
    ids=str,
)
def test_the_partition_decides_the_size(facts: dict[str, Any], size: K8sConfig) -> None:
    assert decided(SIZES.strategy, StepFacts(step_key="load", **facts)).config == size


def test_the_whole_key_of_several_dimensions_comes_before_one_of_them_and_names_before_patterns() -> None:
    sizes = sized_by_partition({"*|us": SMALL, "us": MID, "2026-01-01|us": BIG}).strategy

    def size_of(day: str, where: str) -> K8sConfig | None:
        facts = StepFacts(
            step_key="a",
            partition_key=f"{day}|{where}",
            partition_dimensions={"day": day, "where": where},
        )
        return decided(sizes, facts).config

    assert size_of("2026-01-01", "us") == BIG
    assert size_of("2026-01-02", "us") == MID
    assert size_of("2026-01-02", "eu") is None


def test_a_bar_in_the_key_of_one_dimension_stands_between_nothing() -> None:
    sizes = sized_by_partition({"us": BIG, "*|us": SMALL}).strategy

    assert decided(sizes, StepFacts(step_key="a", partition_key="a|us")).config == SMALL


def test_a_range_gets_the_largest_size_by_memory_first() -> None:
    fast = K8sConfig(resources=Resources(cpu=16, memory="2Gi"))
    sizes = sized_by_partition({"a": fast, "b": MID, "c": K8sConfig(labels={"a": "b"})})

    found = decided(sizes.strategy, StepFacts(step_key="a", partition_range=dg.PartitionKeyRange("a", "z")))

    assert found.config == MID
    assert found.why == "the largest, for the partitions 'a' to 'z'"


def test_without_a_size_for_others_theirs_is_left_alone() -> None:
    assert decided(sized_by_partition({"us": BIG}).strategy, StepFacts(step_key="a")).config is None


def test_the_tag_says_the_same_as_the_value() -> None:
    read = size_of_step({**SMALL.tags, **SIZES}, None)

    assert read == SIZES.strategy


def test_the_tags_are_plain_data_for_whoever_writes_them_down() -> None:
    assert yaml.safe_load(yaml.safe_dump(SIZES)) == SIZES.tags == dict(SIZES)


@pytest.mark.parametrize(
    ("sizes", "otherwise", "message"),
    [
        ({}, None, "sizes: names no partition; write {'KEY': K8sConfig(...)}"),
        (["us"], None, "sizes: must map partitions to sizes, such as {'eu-*': BIG}, not list"),
        ({1: BIG}, None, "sizes: a partition must be text, not 1"),
        (
            {"us": Resources(cpu=1)},
            None,
            "sizes['us']: must be a K8sConfig, not Resources; write K8sConfig(resources=...)",
        ),
        ({"us": "8Gi"}, None, "sizes['us']: must be a K8sConfig, not str"),
        ({"us": K8sConfig}, None, "sizes['us']: must be a K8sConfig, not the class K8sConfig"),
        ({"us": BIG}, "1Gi", "otherwise: must be a K8sConfig, not str"),
        (
            {"us": K8sConfig(container_config={"args": ["a"]})},
            None,
            "sizes['us'].container_config.args: Dagster overwrites the arguments of its own pods; only .pod_spec() can have them",
        ),
    ],
)
def test_what_makes_no_sizes_is_refused_where_it_is_written(sizes: Any, otherwise: Any, message: str) -> None:
    with pytest.raises(K8sConfigError) as refused:
        sized_by_partition(sizes, otherwise=otherwise)

    assert str(refused.value) == message
