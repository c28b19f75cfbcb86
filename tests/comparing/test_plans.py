"""A plan beside an earlier one that was saved: pods that came and went, fields with their layer, peak and costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import MemoryLadder, k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.comparing.forms import report_text
from dagster_plus_k8s_helpers.comparing.plans import compare_plans
from dagster_plus_k8s_helpers.comparing.saved import read_plan
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.plan import plan, read_nodes
from dagster_plus_k8s_helpers.plan.show.as_json import plan_json
from dagster_plus_k8s_helpers.plan.show.as_yaml import plan_yaml

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan

NODES = read_nodes("pools: [{name: a, count: 2, allocatable: {cpu: 4, memory: 16Gi}, price_per_hour: 1}]")


def planned(
    *names: str, memory: str = "2Gi", retries: int = 0, agent_memory: str = "1Gi", **executor: object
) -> RunPlan:
    policy = dg.RetryPolicy(max_retries=retries) if retries else None
    assets = [
        dg.asset(name=name, op_tags=k8s_tags(cpu=1, memory=memory), retry_policy=policy)(lambda: None)
        for name in names
    ]
    limits = {"limits": {"memory": agent_memory}}
    return plan(
        dg.Definitions(assets, executor=k8s_executor(max_concurrent=4, **executor)),  # type: ignore[arg-type]
        agent={"workspace": {"runK8sConfig": {"containerConfig": {"resources": limits}}}},
    )


def saved(found: RunPlan, *, prices: bool = False) -> bytes:
    return plan_json(found, NODES if prices else None).encode()


def told(old: bytes, new: bytes) -> list[str]:
    report = compare_plans(read_plan(old, "old.json"), read_plan(new, "new.json"))
    return [line.strip() for line in report_text(report).splitlines()]


def test_what_many_steps_have_in_common_is_one_line() -> None:
    names = [f"a{index:02}" for index in range(16)]

    lines = told(saved(planned(*names)), saved(planned(*names, memory="4Gi")))

    assert lines == [
        "plan of __ASSET_JOB: 1 difference",
        "~ step a00, step a01, step a02 + 13 more: memory limit: 2Gi -> 4Gi (op tags)",
        "executor: k8s",
        "steps at once: 4",
        "requested at one time: 4 CPU, 9Gi memory -> 4 CPU, 17Gi memory",
    ]


def test_pods_come_and_go_and_layers_are_named() -> None:
    lines = told(saved(planned("a", "b")), saved(planned("b", "c", retries=2, agent_memory="3Gi")))

    assert lines[1:5] == [
        "+ step c: cpu 1, memory 2Gi",
        "- step a: cpu 1, memory 2Gi",
        "~ run: memory limit: 1Gi -> 3Gi (agent)",
        "~ step b: retries: 0 -> 2",
    ]


def test_costs_are_told_before_and_after_where_both_have_prices() -> None:
    before, after = saved(planned("a"), prices=True), saved(planned("a", memory="8Gi"), prices=True)

    assert "an hour of every step costs: 0.25 -> 0.50" in told(before, after)
    assert "fits no node: nothing" in told(before, after)
    assert not any("costs" in line for line in told(saved(planned("a")), after))


def test_a_ladder_is_told_with_the_peak_of_its_last_rung() -> None:
    new = planned("a", memory_ladder=MemoryLadder(factor=2, maximum="8Gi"))

    lines = told(saved(planned("a")), saved(new))

    assert "~ step a: memory of the last attempt: - -> 8Gi" in lines
    assert "with each memory ladder at its last rung: 1 CPU, 3Gi memory -> 1 CPU, 9Gi memory" in lines


def test_of_an_earlier_plan_in_yaml_the_jobs_are_compared() -> None:
    lines = told(plan_yaml(planned("a")).encode(), saved(planned("a", "b", memory="4Gi", retries=1)))

    assert lines[:3] == [
        "plan of __ASSET_JOB: 2 differences",
        "+ step b: cpu 1, memory 4Gi",
        "~ step a: memory limit: 2Gi -> 4Gi (op tags)",
    ]
    assert lines[3].startswith("the earlier plan is YAML, which holds the Jobs alone")


@pytest.mark.parametrize("write", [saved, lambda found: plan_yaml(found).encode()])
def test_a_plan_beside_itself_is_no_difference(write: object) -> None:
    content = write(planned("a", "b"))  # type: ignore[operator]
    report = compare_plans(read_plan(content, "a"), read_plan(saved(planned("a", "b")), "b"))

    assert report.is_empty
    assert report_text(report).startswith("plan of __ASSET_JOB: no difference\n")


def test_a_step_that_moves_into_the_run_pod_says_so() -> None:
    lines = told(saved(planned("a")), saved(planned("a", in_run_pod=["a"])))

    assert "~ step a: runs in: own pod -> run pod" in lines


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"kind: Job\n",
        b"# step a, in the namespace b\n- 1\n",
        b"# step a, in the namespace b\nkind: Pod\n",
        b"a: b: c\n",
        b'{"job": ' + b"[" * 100_000,
        b"\xff\xfe",
        json.dumps({"job": "a", "run": 1, "steps": {}, "settings": []}).encode(),
    ],
)
def test_what_is_no_plan_is_refused(content: bytes) -> None:
    with pytest.raises(
        PlanError, match=r"^old: this is no plan \(.*write one with .*plan -o json"
    ) as refused:
        read_plan(content, "old")

    assert str(refused.value).count("no plan") == 1
