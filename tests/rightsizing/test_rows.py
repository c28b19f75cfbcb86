"""A row a step: what it asks for, what it took, what to write instead, and what that is worth."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from measured_runs import BEGAN, DAY, GI, MI, took

from dagster_plus_k8s_helpers import (
    K8sConfig,
    Resources,
    k8s_executor,
    k8s_tags,
    sized_by,
    sized_by_partition,
    sized_by_usage,
)
from dagster_plus_k8s_helpers.capacity.nodes import read_nodes
from dagster_plus_k8s_helpers.rightsizing.asked import asked_of
from dagster_plus_k8s_helpers.rightsizing.findings import findings_of
from dagster_plus_k8s_helpers.rightsizing.history import Measured
from dagster_plus_k8s_helpers.rightsizing.rows import Row, rows_of
from dagster_plus_k8s_helpers.rightsizing.show.written import written_lines
from dagster_plus_k8s_helpers.sizing.by_partition import ByPartition
from dagster_plus_k8s_helpers.sizing.facts import StepFacts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.rightsizing.asked import Asks
    from dagster_plus_k8s_helpers.sizing.usage import Usage

JOB = "__ASSET_JOB"


def definitions() -> dg.Definitions:
    @dg.asset(op_tags=K8sConfig(resources=Resources(cpu="2", memory="16Gi")).tags)
    def wasteful() -> None: ...

    @dg.asset(op_tags=k8s_tags(cpu=("1", None), memory="4Gi"))
    def tight() -> None: ...

    @dg.asset
    def silent() -> None: ...

    return dg.Definitions(
        assets=[wasteful, tight, silent],
        jobs=[dg.define_asset_job("nightly", selection="wasteful")],
        executor=k8s_executor(),
    )


def history(step: str, usages: Sequence[Usage], *, job: str = JOB, apart: float = DAY) -> list[Measured]:
    return [
        Measured(job, step, f"run-{index}", BEGAN + index * apart, usage)
        for index, usage in enumerate(usages)
    ]


def rows(measured: Sequence[Measured], nodes: bytes = b"pools: []") -> list[Row]:
    return rows_of(asked_of(definitions()), measured, pools=read_nodes(nodes))


def test_what_steps_ask_for_is_that_of_the_plan_and_said_once_for_all_jobs() -> None:
    by_step = {asks.step: asks for asks in asked_of(definitions())}

    wasteful, tight, silent = by_step["wasteful"], by_step["tight"], by_step["silent"]
    assert wasteful.jobs == (JOB, "nightly")
    assert (wasteful.memory_request_bytes, wasteful.memory_limit_bytes) == (16 * GI, 16 * GI)
    assert (tight.cpu_request_cores, tight.cpu_limit_cores) == (1.0, None)
    assert tight.said_by == {"memory": ("op tags",), "cpu": ("op tags",)}
    assert (silent.memory_request_bytes, silent.cpu_limit_cores) == (None, None)


def test_a_row_has_the_figures_of_all_attempts() -> None:
    taken = [took(index * GI, cores=index / 10) for index in (1, 2, 3, 2)]
    [row] = rows([*history("wasteful", taken[:2]), *history("wasteful", taken[2:], job="nightly")])

    assert (row.memory.p50, row.memory.p95, row.memory.most) == (2 * GI, 3 * GI, 3 * GI)
    assert row.cpu.most == pytest.approx(0.3)
    assert row.memory.new_request == 3533 * MI  # 3 GiB and 15 %
    assert row.cpu.new_request == pytest.approx(0.35)
    assert row.cpu.new_limit is None
    assert row.ooms == 0


def test_the_steps_at_risk_stand_first() -> None:
    found = rows(
        [
            *history("wasteful", [took(GI)] * 3),
            *history("tight", [took(4 * GI, limit=4 * GI, oom=True), *[took(GI)] * 2]),
        ]
    )

    assert [row.step for row in found] == ["tight", "wasteful"]
    assert found[0].risk == "1 of 3 attempts were OOMKilled"


def test_over_nine_tenths_of_the_limit_is_a_risk() -> None:
    [near] = rows(history("tight", [took(3.7 * GI)] * 3))
    [far] = rows(history("tight", [took(3.5 * GI)] * 3))

    assert (near.risk, far.risk) == ("used 92% of its memory limit", "")


def test_an_oom_with_a_limit_that_was_raised_since_is_over() -> None:
    [row] = rows(history("wasteful", [took(4 * GI, limit=4 * GI, oom=True), *[took(5 * GI)] * 2]))

    assert (row.ooms, row.risk) == (1, "")
    assert row.memory.new_request == 5888 * MI  # 5 GiB and 15 %


def test_of_few_attempts_nothing_is_recommended() -> None:
    [row] = rows(history("wasteful", [took(GI)] * 2))

    assert row.memory.new_request is None
    assert not row.memory.changes
    assert row.advice.why == "what it used is known of 2 runs, and 3 are needed"
    assert row.saving == 0


def test_a_size_that_is_near_enough_is_kept() -> None:
    [row] = rows(history("tight", [took(3.4 * GI, cores=0.8)] * 3))

    assert (row.memory.changes, row.cpu.changes) == (False, False)


def test_of_a_step_that_is_sized_at_launch_what_it_was_given_counts() -> None:
    @dg.asset(op_tags={**k8s_tags(cpu=1, memory="16Gi"), **sized_by_usage()})
    def sized() -> None: ...

    asked = asked_of(dg.Definitions(assets=[sized], executor=k8s_executor()))
    [row] = rows_of(asked, history("sized", [took(3.5 * GI, limit=4 * GI)] * 3))

    assert row.asks.sized_by == "sized_by_usage"
    assert (row.memory.request, row.memory.limit) == (4 * GI, 4 * GI)
    assert list(written_lines([row])) == []


def sized_asks(sizing: Mapping[str, str]) -> list[Asks]:
    @dg.asset(op_tags={**k8s_tags(memory="2Gi"), **sizing})
    def sized() -> None: ...

    return asked_of(dg.Definitions(assets=[sized], executor=k8s_executor()))


def size_of_file(_facts: StepFacts) -> K8sConfig:
    return K8sConfig(resources=Resources(memory="40Gi"))


BY_PARTITION = sized_by_partition({"*-01": K8sConfig(resources=Resources(memory="64Gi"))})
BY_FUNCTION = sized_by(size_of_file)
OF_PARTITION = "change what sized_by_partition gives it, which stands above the op tags"


def killed(limit: float, *, attempt: int = 1, partition: str | None = None) -> Usage:
    return replace(took(limit, limit=limit, oom=True, partition=partition), attempt=attempt)


@pytest.mark.parametrize("sizing", [BY_PARTITION, BY_FUNCTION])
def test_of_a_step_that_is_sized_each_attempt_counts_beside_what_it_was_given(
    sizing: Mapping[str, str],
) -> None:
    """The newest is small, and another used more than its limit; one that is large used a quarter of it."""
    taken = [took(60 * GI, limit=100 * GI), took(1.5 * GI, limit=2 * GI), took(1.5 * GI, limit=2 * GI)]
    large_last = [took(GI, limit=2 * GI), took(GI, limit=2 * GI), took(12 * GI, limit=64 * GI)]

    for usages in (taken, large_last):
        # Of the CPU nothing is said: that is not what this is about.
        of_memory = [replace(usage, cpu_request_cores=None) for usage in usages]
        [row] = rows_of(sized_asks(sizing), history("sized", of_memory))
        assert (row.risk, findings_of([row]), list(written_lines([row]))) == ("", [], [])


@pytest.mark.parametrize(
    ("usages", "told"),
    [
        (
            [took(GI, limit=64 * GI), killed(2 * GI), took(GI, limit=2 * GI)],
            "1 of 3 attempts were OOMKilled",
        ),
        ([took(1.9 * GI, limit=2 * GI)] * 3, "used 95% of the memory limit that it was given"),
    ],
)
def test_what_is_near_the_limit_that_it_was_given_names_what_is_to_change(
    usages: Sequence[Usage], told: str
) -> None:
    [row] = rows_of(sized_asks(BY_PARTITION), history("sized", usages))

    [found] = findings_of([row])
    assert (found.code, found.message, found.fix) == ("DPK591", f"step 'sized': {told}", OF_PARTITION)
    [line] = written_lines([row])
    assert line.endswith(f": sized: {told}; change what sized_by_partition gives it")


def test_what_asks_for_too_much_at_each_launch_names_what_is_to_change() -> None:
    usages = [took(2 * GI, limit=64 * GI, cores=1), took(2 * GI, limit=16 * GI, cores=1)] * 2
    [row] = rows_of(sized_asks(BY_PARTITION), history("sized", usages))

    [found] = findings_of([row])
    assert (found.code, found.fix) == ("DPK590", OF_PARTITION)
    assert "16Gi of memory were requested, 8 times what was used, 2Gi, by the attempt of 4" in found.message
    assert list(written_lines([row])) == []


@pytest.mark.parametrize(
    ("later", "is_over"),
    [
        ([took(3 * GI, limit=4 * GI, partition="a")], True),
        ([took(3 * GI, limit=4 * GI, partition="b")], False),
        ([took(GI, limit=2 * GI, partition="a")], False),
        ([took(3.9 * GI, limit=4 * GI, partition="a")], False),
    ],
)
def test_an_oom_is_over_once_a_later_run_gave_that_partition_enough(
    later: Sequence[Usage], *, is_over: bool
) -> None:
    measured = history("sized", [killed(2 * GI, partition="a"), *later])

    [row] = rows_of(sized_asks(BY_PARTITION), measured)

    assert (row.risk == "") is is_over


def test_a_retry_with_more_is_no_end_of_ooms_for_the_next_run_begins_as_small() -> None:
    attempts = [killed(2 * GI), replace(took(3 * GI, limit=4 * GI), attempt=2)]
    measured = [
        Measured(JOB, "sized", f"run-{run}", BEGAN + run, item) for run in (1, 2) for item in attempts
    ]

    [row] = rows_of(sized_asks(BY_PARTITION), measured)

    assert row.risk == "1 of 4 attempts were OOMKilled"


def test_a_step_that_follows_its_usage_is_at_no_risk() -> None:
    usages = [killed(4 * GI), *[took(4 * GI, limit=4.2 * GI)] * 3]
    [row] = rows_of(sized_asks(sized_by_usage(headroom=1.05)), history("sized", usages))

    assert (row.risk, [found.code for found in findings_of([row])]) == ("", [])


def test_partitions_that_are_sized_apart_are_written_as_what_sizes_them() -> None:
    usages = {"us": 8 * GI, "de": GI}
    taken = [took(used, partition=key) for key, used in usages.items() for _ in range(3)]

    place, *_ = written_lines(rows_of(sized_asks(BY_PARTITION), history("sized", taken)))
    assert place.endswith(": sized: sized_by_partition -> sized_by_partition({")
    assert list(written_lines(rows_of(sized_asks(BY_FUNCTION), history("sized", taken)))) == []


def test_partitions_that_differ_get_rows_of_their_own() -> None:
    usages = {"us": 8 * GI, "eu": 6 * GI, "de": GI}
    taken = [took(used, partition=key) for key, used in usages.items() for _ in range(3)]
    found = rows(history("wasteful", [*taken, took(GI, partition="new")]))

    assert {str(row.group): len(row.measured) for row in found} == {"eu, us": 6, "de": 3, "others": 1}


@pytest.mark.parametrize(
    "keys",
    [("us",) * 6, ("2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04", "2026-01-05", "2026-01-06")],
)
def test_one_partition_and_those_that_come_once_stay_together(keys: tuple[str, ...]) -> None:
    taken = [took(GI * 3**index, partition=key) for index, key in enumerate(keys)]
    [row] = rows(history("wasteful", taken))

    assert row.group is None


PRICED = b"pools: [{name: a, allocatable: {cpu: 4, memory: 32Gi}, price_per_hour: 0.40}]"


def test_a_month_costs_the_share_of_the_node_for_the_time_it_runs() -> None:
    taken = [took(GI, cores=0.5, seconds=1_800)] * 31
    [row] = rows(history("wasteful", taken), PRICED)

    assert row.attempts_a_month == pytest.approx(30)
    assert row.monthly is not None
    now, then = row.monthly
    assert now == pytest.approx(0.40 / 2 * 0.5 * 30)  # half of the CPUs, and half of the memory
    assert then == pytest.approx(0.40 * 0.58 / 4 * 0.5 * 30)


def test_a_backfill_of_an_hour_says_nothing_of_a_month() -> None:
    [row] = rows(history("wasteful", [took(GI)] * 30, apart=100), PRICED)

    assert row.monthly is None
    assert row.saving > 0


def test_what_to_write_for_partitions_is_python() -> None:
    usages = {"us": 8 * GI, "eu": 6 * GI, "de": GI}
    taken = [took(used, cores=0.25, partition=key) for key, used in usages.items() for _ in range(3)]

    place, *sizes = written_lines(rows(history("wasteful", taken)))
    assert place.endswith(': wasteful: memory "16Gi" -> sized_by_partition({')
    assert sizes == [
        """    'de': K8sConfig(resources=Resources(memory="1178Mi", cpu=("290m", None))),""",
        """    'eu': K8sConfig(resources=Resources(memory="9421Mi", cpu=("290m", None))),""",
        """    'us': K8sConfig(resources=Resources(memory="9421Mi", cpu=("290m", None))),""",
        "})",
    ]


def test_a_key_that_would_be_a_pattern_is_written_to_fit_itself_alone() -> None:
    usages = {"*": 8 * GI, "a?": 4 * GI, "[ab]": GI}
    taken = [took(used, cores=0.25, partition=key) for key, used in usages.items() for _ in range(3)]

    _, *sizes, _ = written_lines(rows(history("wasteful", taken)))
    patterns = [ast.literal_eval(line.partition(": ")[0].strip()) for line in sizes]

    strategy = ByPartition(tuple((name, K8sConfig(resources=Resources(cpu=1))) for name in patterns))
    fitting = {key: strategy(StepFacts(step_key="a", partition_key=key)).config for key in usages}
    assert all(config is not None for config in fitting.values())
    others = ("us", "ab", "a")
    assert [strategy(StepFacts(step_key="a", partition_key=key)).config for key in others] == [None] * 3


def test_a_size_that_another_layer_says_is_named_by_it() -> None:
    @dg.asset
    def orders() -> None: ...

    small = K8sConfig(resources=Resources(cpu=(1, None), memory="16Gi"))
    asked = asked_of(dg.Definitions(assets=[orders], executor=k8s_executor(step_config=small)))
    [line] = written_lines(rows_of(asked, history("orders", [took(GI, cores=0.8)] * 3)))

    assert line.endswith(': orders: memory "16Gi" -> "1178Mi" (said by executor)')
