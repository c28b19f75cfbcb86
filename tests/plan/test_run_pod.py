"""Plans of steps that the k8s executor has in the run's own pod, and which steps those are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from rich.console import Console

from dagster_plus_k8s_helpers import K8sConfig, MemoryLadder, k8s_executor, k8s_tags, sized_by_partition, spot
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.executor.beside.placement import Placement
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.show.table import plan_table, summary_lines
from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

TAG = "dagster-plus-k8s/runs-in"


def definitions(executor: Mapping[str, Any], **tags: Mapping[str, Any]) -> dg.Definitions:
    """Assets that do not wait for one another, in a group each."""

    def asset(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, op_tags=tags[name], group_name=f"of_{name}")
        def made() -> None: ...

        return made

    jobs = [dg.define_asset_job("nightly", tags=k8s_tags(cpu=2, memory="4Gi"))]
    return dg.Definitions([asset(name) for name in tags], jobs=jobs, executor=k8s_executor(**executor))


def inside(executor: Mapping[str, Any], **tags: Mapping[str, Any]) -> list[str]:
    steps = plan(definitions(executor, **tags), job="nightly").steps
    return [key for key, step in steps.items() if step.runs_in == "run pod"]


SMALL = k8s_tags(cpu="500m", memory="1Gi")


@pytest.mark.parametrize(
    "selected",
    ["group:of_a", 'key:"a"', ["a"], [dg.AssetKey("a")], dg.AssetSelection.groups("of_a")],
    ids=["group", "key", "op", "asset key", "selection"],
)
def test_steps_that_are_selected(selected: Any) -> None:
    assert inside({"in_run_pod": selected}, a=SMALL, b=SMALL) == ["a"]


def test_an_op_tag_is_above_the_executor() -> None:
    assert inside({"in_run_pod": ["a"]}, a={TAG: "own-pod"}, b={TAG: "run-pod"}, c={}) == ["b"]


def test_an_asset_with_a_prefix_and_a_graph_of_one_are_selected_whole() -> None:
    @dg.op
    def load() -> int:
        return 1

    @dg.op
    def fit(value: int) -> int:
        return value

    @dg.graph_asset(key_prefix="ml")
    def model() -> int:
        return fit(load())

    for selected in ("key:ml/model", ["ml/model"]):
        defs = dg.Definitions([model], executor=k8s_executor(in_run_pod=selected))
        assert {step.runs_in for step in plan(defs).steps.values()} == {"run pod"}, selected


@pytest.mark.parametrize(
    ("tags", "is_small"),
    [
        (SMALL, True),
        (k8s_tags(memory="1Gi"), True),
        (k8s_tags(memory=("256Mi", "2Gi")), False),
        (k8s_tags(cpu="501m", memory="1Gi"), False),
        (k8s_tags(cpu="500m"), False),
        ({}, False),
        (k8s_tags(cpu="100m", memory="1Gi", gpu=1), False),
        ((K8sConfig.from_tags(SMALL) | spot("gke")).tags, False),
        ((K8sConfig.from_tags(SMALL) | K8sConfig(env={"A": "b"})).tags, False),
    ],
)  # fmt: skip
def test_steps_that_are_small(tags: Mapping[str, Any], *, is_small: bool) -> None:
    assert inside({"in_run_pod": "small"}, a=tags) == (["a"] if is_small else [])


def test_small_counts_what_the_executor_says_as_well() -> None:
    step_config = K8sConfig.from_tags(k8s_tags(memory="512Mi"))
    large = K8sConfig.from_tags(k8s_tags(memory="8Gi"))

    settings = {"in_run_pod": "small", "step_config": step_config, "per_step_config": {"b": large}}

    assert inside(settings, a={}, b={}) == ["a"]


def test_a_tag_that_says_neither_is_refused() -> None:
    with pytest.raises(PlanError) as refusal:
        inside({}, a={TAG: "pod"})

    assert str(refusal.value) == f"step 'a': tag {TAG}: 'pod' must be 'run-pod' or 'own-pod'"


def test_the_plan_adds_up_what_runs_in_the_run_pod() -> None:
    found = plan(
        definitions(
            {"in_run_pod": ["a", "b", "c"], "run_pod_concurrency": 2},
            a=k8s_tags(memory="1Gi"),
            b=k8s_tags(memory="2Gi"),
            c=k8s_tags(memory="3Gi"),
            d=k8s_tags(cpu=1, memory="8Gi"),
        ),
        job="nightly",
    )

    share = found.in_run_pod
    assert share is not None
    assert share.at_once.memory == 5 * 2**30
    assert found.peak.at_least.memory == 12 * 2**30
    assert (
        "in the run's pod (cpu 2, memory 4Gi), 2 at once: a, b, c; they ask for 5Gi memory at one time"
        in list(summary_lines(found))
    )
    console = Console(width=120)
    with console.capture() as capture:
        console.print(plan_table(found))
    (row,) = [line for line in capture.get().splitlines() if line.strip().startswith("a ")]
    assert row.strip().split(None, 4)[1:] == ["-", "1Gi", "-", "in the run's pod"]
    with pytest.raises(PlanError) as refusal:
        _ = found.steps["a"].manifest
    assert str(refusal.value) == (
        "the step 'a' has no pod of its own: it runs in the run's pod, by in_run_pod of the executor"
    )


def test_a_launch_can_say_otherwise() -> None:
    defs = definitions({"in_run_pod": ["a"]}, a=SMALL, b=SMALL)
    config = {"execution": {"config": {"in_run_pod": "group:of_b"}}}

    steps = plan(defs, job="nightly", run_config=config).steps

    assert [key for key, step in steps.items() if step.runs_in == "run pod"] == ["b"]


def no_job() -> dg.JobDefinition:
    raise AssertionError("no selection asks for it")


def took(mebi: int, cores: float = 0.1, *, oom_killed: bool = False) -> Usage:
    return Usage(
        memory_peak_bytes=mebi * 2**20, cpu_seconds=cores * 100, wall_seconds=100.0, oom_killed=oom_killed
    )


@pytest.mark.parametrize(
    ("usage", "says_it", "is_small"),
    [
        ([took(900)] * 3, False, True),
        ([took(900)] * 2, False, False),
        ([took(900), took(1100), took(900)], True, False),
        ([took(900, cores=0.6)] * 3, True, False),
        ([took(1100)], True, True),
        ([took(900), took(900), took(900, oom_killed=True)], True, False),
    ],
)
def test_what_a_step_took_counts_for_whether_it_is_small(
    usage: list[Usage], *, says_it: bool, is_small: bool
) -> None:
    placement = Placement("small", no_job, {}, {}, lambda _tags: False)

    assert placement.is_in_run_pod("a", SMALL if says_it else {}, "a", lambda: usage) is is_small


def test_a_step_whose_size_is_decided_at_launch_is_not_small() -> None:
    assert inside({"in_run_pod": "small", "size": sized_by_partition({"*": K8sConfig()})}, a=SMALL) == []


def test_who_explains_a_step_says_which_of_its_tags_nothing_reads() -> None:
    tags = {TAG: "run-pod", **MemoryLadder().tags, **sized_by_partition({"us": K8sConfig()})}

    step = plan(definitions({}, a=tags), job="nightly").steps["a"]

    with pytest.raises(PlanError) as refusal:
        _ = step.own_pod
    assert str(refusal.value) == (
        f"the step 'a' has no pod of its own: it runs in the run's pod, by the op tag {TAG}; nothing reads its op tag "
        "dagster-plus-k8s/memory-ladder and dagster-plus-k8s/size there"
    )


@pytest.mark.parametrize(
    ("tags", "unread"),
    [
        ({TAG: "run-pod", "dagster-plus-k8s/memory-ladder": "off", "dagster-plus-k8s/size": "off"}, ()),
        ({TAG: "run-pod", "dagster-plus-k8s/memory-ladder": "on"}, ("dagster-plus-k8s/memory-ladder",)),
        ({TAG: "own-pod", **MemoryLadder().tags}, ()),
    ],
)
def test_tags_that_switch_sizes_off_need_no_reader(tags: dict[str, str], unread: tuple[str, ...]) -> None:
    executor = {"memory_ladder": MemoryLadder(), "size": sized_by_partition({"us": K8sConfig()})}

    assert plan(definitions(executor, a=tags), job="nightly").steps["a"].unread == unread
