"""What a run costs by the prices of its nodes and by how long its steps took."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from measured_runs import GI, took

from dagster_plus_k8s_helpers import k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.capacity.nodes import read_nodes
from dagster_plus_k8s_helpers.plan import html_report, plan
from dagster_plus_k8s_helpers.plan.costs import costs_of
from dagster_plus_k8s_helpers.plan.show.costs import cost_lines

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan import RunPlan

NODES = read_nodes(b"pools: [{name: a, allocatable: {cpu: 8, memory: 32Gi}, price_per_hour: 0.80}]")


@pytest.fixture(scope="module")
def planned() -> RunPlan:
    @dg.asset(op_tags=k8s_tags(cpu="2", memory="16Gi"))
    def orders() -> None: ...

    @dg.asset(op_tags=k8s_tags(cpu="2", memory="4Gi"))
    def report() -> None: ...

    @dg.asset(op_tags=k8s_tags(cpu="16"))
    def huge() -> None: ...

    return plan(dg.Definitions(assets=[orders, report, huge], executor=k8s_executor()))


def test_a_step_costs_its_share_for_as_long_as_it_usually_takes(planned: RunPlan) -> None:
    usage = {"orders": [took(8 * GI, cores=1, seconds=seconds) for seconds in (1_800, 900, 3_600)]}
    costs = {cost.step: cost for cost in costs_of(planned, NODES, usage)}

    orders, report, huge = costs["orders"], costs["report"], costs["huge"]
    assert (orders.seconds, orders.amount, orders.idle) == (1_800, Decimal("0.2"), Decimal("0.1"))
    assert (report.hourly is None, report.seconds, report.amount, report.idle) == (False, None, None, None)
    assert (huge.hourly, huge.amount) == (None, None)


def test_it_says_what_is_not_known(planned: RunPlan) -> None:
    usage = {"orders": [took(8 * GI, cores=1, seconds=1_800)]}

    assert list(cost_lines(costs_of(planned, NODES, usage))) == [
        "a run costs 0.20, 0.10 of it for requests that nothing used; its own pod is not in this",
        "how long they take is not known: report",
        "no pool with a price takes them: huge",
    ]


def test_what_used_more_than_it_asks_for_is_not_idle(planned: RunPlan) -> None:
    [orders, *_] = sorted(
        costs_of(planned, NODES, {"orders": [took(20 * GI, cores=4)]}), key=lambda cost: cost.step != "orders"
    )

    assert orders.idle == 0


def test_the_page_shows_usage_beside_the_sizes_of_what_was_measured(planned: RunPlan) -> None:
    page = html_report(planned, usage={"orders": [took(15 * GI, cores=1, oom=True)]})

    assert "asks 16Gi, limit 16Gi, used 16Gi" in page
    assert "1 OOMKilled" in page
    assert 'class="used near"' in page
    assert "asks 4Gi" not in page
    assert 'class="usage"' not in html_report(planned)
