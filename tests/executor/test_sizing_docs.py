"""docs/reference/sizing.md quotes the events that are really written, and lists every setting and fact."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path

import pytest

from dagster_plus_k8s_helpers import (
    K8sConfig,
    Resources,
    StepFacts,
    Usage,
    sized_by_partition,
    sized_by_usage,
)
from dagster_plus_k8s_helpers.executor.events.size_events import size_said
from dagster_plus_k8s_helpers.sizing.strategy import decided

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "sizing.md").read_text("utf-8")
MI = 2**20
BIG = K8sConfig(resources=Resources(cpu="4", memory="64Gi"))


def used(peak: int, limit: int | None = None, *, oom: bool = False) -> Usage:
    return Usage(memory_peak_bytes=peak * MI, memory_limit_bytes=limit and limit * MI, oom_killed=oom)


@pytest.mark.parametrize(
    "usages",
    [
        [used(3280)] + [used(900)] * 9,
        [used(4000, 4096, oom=True)] + [used(900)] * 9,
        [used(3280, 4096)] + [used(900)] * 9,
        [used(900)] * 2,
    ],
    ids=["used", "killed", "as before", "too few"],
)
def test_the_guide_quotes_what_is_said_of_a_size_by_usage(usages: list[Usage]) -> None:
    facts = StepFacts(step_key="features", usage=usages)

    assert size_said("features", decided(sized_by_usage().strategy, facts), "") in GUIDE.splitlines()


def test_the_guide_quotes_what_is_said_of_a_size_by_partition() -> None:
    facts = StepFacts(step_key="orders", partition_key="us")

    assert (
        size_said("orders", decided(sized_by_partition({"us": BIG}).strategy, facts), "")
        in GUIDE.splitlines()
    )


def test_the_guide_lists_every_fact_and_every_setting_of_sizes_by_usage() -> None:
    names = [
        *(field.name for field in dataclasses.fields(StepFacts)),
        *inspect.signature(sized_by_usage).parameters,
    ]

    assert [name for name in names if f"`{name}`" not in GUIDE] == []
