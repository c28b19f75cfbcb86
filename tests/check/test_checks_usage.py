"""What steps used in earlier runs, beside what they ask for now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from measured_runs import BEGAN, DAY, GI, took

from dagster_plus_k8s_helpers import k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.check.check import check_beside
from dagster_plus_k8s_helpers.rightsizing.history import Measured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.findings.finding import Finding
    from dagster_plus_k8s_helpers.sizing.usage import Usage


def found(usages: Sequence[Usage], **metadata: Any) -> list[Finding]:
    @dg.asset(op_tags=k8s_tags(cpu="2", memory="16Gi"), metadata=metadata)
    def orders() -> None: ...

    def usage_of(jobs: Sequence[str]) -> list[Measured]:
        return [
            Measured(jobs[0], "orders", f"run-{index}", BEGAN + index * DAY, usage)
            for index, usage in enumerate(usages)
        ]

    definitions = dg.Definitions(assets=[orders], executor=k8s_executor())
    findings = check_beside([], definitions, usage_of=usage_of)
    return [finding for finding in findings if finding.code in {"DPK590", "DPK591"}]


def test_asking_for_over_four_times_what_is_used_is_found() -> None:
    [finding] = found([took(3 * GI, cores=1), took(2 * GI, cores=1), took(3 * GI, cores=1)])

    assert finding.code == "DPK590"
    assert finding.steps == ("orders",)
    assert "16Gi of memory are requested, 5.3 times the most that 3 attempts used, 3Gi" in finding.message
    assert finding.fix == 'write memory="3533Mi"'


def test_cpu_alike() -> None:
    [finding] = found([took(8 * GI, cores=0.25)] * 3)

    assert "2 of cpu are requested, 8 times the most that 3 attempts used, 0.25" in finding.message
    assert finding.fix == 'write cpu=("290m", None)'


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        (took(15 * GI, cores=1), "used 94% of its memory limit"),
        (took(12 * GI, cores=1, oom=True), "3 of 3 attempts were OOMKilled"),
    ],
)
def test_needing_nearly_all_of_the_limit_is_found(usage: Usage, told: str) -> None:
    [finding] = found([usage] * 3)

    assert finding.code == "DPK591"
    assert told in finding.message


@pytest.mark.parametrize("usages", [[took(8 * GI, cores=1)] * 3, [took(GI)] * 2, []])
def test_what_fits_or_is_not_known_yet_is_not_found(usages: list[Usage]) -> None:
    assert found(usages) == []


def test_it_can_be_waived() -> None:
    assert found([took(GI, cores=1)] * 3, **{"dagster-plus-k8s/ignore": {"DPK590": "the cache grows"}}) == []
