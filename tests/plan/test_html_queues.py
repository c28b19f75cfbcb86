"""What the HTML report says of queues, and of sizes that are decided at launch."""

from __future__ import annotations

import re

import dagster as dg
from kueue import queues_of_cluster

from dagster_plus_k8s_helpers import (
    K8sConfig,
    MemoryLadder,
    Resources,
    gpu,
    k8s_executor,
    kueue,
    sized_by,
    sized_by_partition,
)
from dagster_plus_k8s_helpers.capacity.queue_files import quotas_in
from dagster_plus_k8s_helpers.plan import Quotas, RunPlan, plan
from dagster_plus_k8s_helpers.plan.show.html import html_report

BIG = K8sConfig(resources=Resources(cpu=4, memory="16Gi"))
SMALL = K8sConfig(resources=Resources(cpu="500m", memory="1Gi"))
PARTITIONS = dg.StaticPartitionsDefinition(["us", "jp"])


def quotas(**quota: str) -> Quotas:
    found = queues_of_cluster(**quota)
    return quotas_in([*found["clusterqueues"], *found["localqueues"]], "queues")


def planned(**executor: object) -> RunPlan:
    @dg.asset(op_tags=sized_by_partition({"us": BIG}, otherwise=SMALL), partitions_def=PARTITIONS)
    def orders() -> None: ...

    @dg.asset(op_tags=(SMALL | gpu(1) | kueue("team-gpu")).tags, deps=[orders], partitions_def=PARTITIONS)
    def model() -> None: ...

    jobs = [dg.define_asset_job("nightly", tags=kueue("runs").tags)]
    settings = {"queue": "team-a", "max_concurrent": 4, **executor}
    defs = dg.Definitions([orders, model], jobs=jobs, executor=k8s_executor(**settings))  # type: ignore[arg-type]
    return plan(defs, job="nightly")


def words(html: str) -> str:
    """The text of a page, without what is not shown."""
    body = re.sub(r"<(style|script|title)\b.*?</\1>", "", html.partition("<body>")[2], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_each_step_says_its_queue_and_the_graph_too() -> None:
    html = html_report(planned())

    assert "orders queue team-a 500m to 4 CPU, 1Gi to 16Gi memory" in words(html)
    assert "model queue team-gpu" in words(html)
    assert "own pod requests nothing Queue runs" in words(html)
    assert 'aria-label="orders: 500m to 4 CPU, 1Gi to 16Gi memory; in the queue team-a"' in html
    assert "ClusterQueue" not in html


def test_the_peak_stands_beside_the_quota_and_what_is_left_of_it() -> None:
    html = html_report(planned(), quotas=quotas(cpu="8", memory="8Gi"))

    assert "shared 4 of 8 16Gi of 8Gi more than its quota 7 CPU, 7Gi memory left; 2 workloads wait" in words(
        html
    )
    assert re.search(r'<span class="bar cpu".*?width:50.0%', html, re.DOTALL)
    assert "the queues that were given" in html
    assert "none of none" not in html


def test_a_step_that_is_never_admitted_needs_attention() -> None:
    html = html_report(planned(), quotas=quotas(cpu="8", memory="32Gi"))

    assert "model needs attention queue team-gpu" in words(html)
    assert "team-gpu never admitted there is no LocalQueue &#39;team-gpu&#39;" in words(html)
    assert "orders needs attention" not in words(html)


def test_a_size_that_is_decided_at_launch_is_a_range() -> None:
    html = html_report(planned())

    assert "Size decided at launch: sized_by_partition, 2 sizes over 2 partitions" in words(html)
    assert "CPU peak 4; 500m with each step at the smallest size that it may get" in words(html)
    assert '<i class="least" style="left:12.5%"></i>' in html
    assert "a line stands where the smallest size ends" in html


def test_one_size_has_no_range() -> None:
    @dg.asset(op_tags=SMALL.tags)
    def orders() -> None: ...

    html = html_report(plan(dg.Definitions([orders], executor=k8s_executor())))

    assert 'class="least"' not in html
    assert "a line stands" not in html
    assert "smallest size" not in words(html)
    assert "decided at launch" not in words(html)


def by_usage(facts: object) -> K8sConfig | None:
    return SMALL if list(facts.usage) else None  # type: ignore[attr-defined]


def test_a_size_that_only_a_launch_knows_says_so() -> None:
    @dg.asset(op_tags={**SMALL.tags, **sized_by(by_usage)})
    def orders() -> None: ...

    html = html_report(plan(dg.Definitions([orders], executor=k8s_executor())))

    assert "by_usage decides it at launch, from usage, which only a run knows" in words(html)


def test_a_step_in_the_runs_pod_says_which_of_its_tags_nothing_reads() -> None:
    @dg.asset(op_tags={"dagster-plus-k8s/runs-in": "run-pod", **MemoryLadder().tags})
    def checks() -> None: ...

    html = html_report(plan(dg.Definitions([checks], executor=k8s_executor())))

    assert "nothing reads its op tag dagster-plus-k8s/memory-ladder there" in words(html)
