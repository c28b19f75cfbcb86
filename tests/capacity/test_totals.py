"""The bounds of what a run requests at one time."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.capacity.totals import Amounts, Peak, Task, amounts_of, peak_of


def task(key: str, cpu: int, *depends_on: str) -> Task:
    return Task(key, Amounts(cpu=Decimal(cpu)), frozenset(depends_on), is_mapped=False)


def exact(tasks: list[Task], limit: int | None) -> Decimal:
    """By trying every set of steps: too slow for more than a few."""
    ancestors: dict[str, set[str]] = {}
    for one in tasks:
        ancestors[one.key] = set(one.depends_on).union(*(ancestors[key] for key in one.depends_on))
    best = Decimal(0)
    for size in range(1, (limit or len(tasks)) + 1):
        for some in itertools.combinations(tasks, size):
            if not any(
                a.key in ancestors[b.key] or b.key in ancestors[a.key]
                for a, b in itertools.combinations(some, 2)
            ):
                best = max(best, sum((one.amounts.cpu for one in some), Decimal(0)))
    return best


@pytest.mark.parametrize(
    ("tasks", "limit", "cpu"),
    [
        ([], None, 0),
        ([task("a", 1), task("b", 2, "a"), task("c", 4, "b")], None, 4),
        ([task("a", 1), task("b", 2), task("c", 4)], None, 7),
        ([task("a", 1), task("b", 2), task("c", 4)], 2, 6),
        ([task("a", 1), task("b", 2, "a"), task("c", 4, "a"), task("d", 1, "b", "c")], None, 6),
        ([task("a", 1), task("b", 2, "a"), task("c", 4, "a"), task("d", 1, "b", "c")], 1, 4),
    ],
)
def test_chains_fans_and_independent_steps_are_exact(tasks: list[Task], limit: int | None, cpu: int) -> None:
    peak = peak_of(tasks, limit)

    assert peak.is_exact
    assert peak.at_least.cpu == cpu


@st.composite
def graphs(draw: st.DrawFn) -> list[Task]:
    count = draw(st.integers(1, 7))
    return [
        task(
            str(place),
            draw(st.integers(0, 5)),
            *draw(st.sets(st.sampled_from([str(p) for p in range(place)]))),
        )
        if place
        else task("0", draw(st.integers(0, 5)))
        for place in range(count)
    ]


@given(tasks=graphs())
def test_without_a_limit_the_peak_is_exact(tasks: list[Task]) -> None:
    peak = peak_of(tasks, None)

    assert peak.is_exact
    assert peak.at_least.cpu == exact(tasks, None)


def test_a_limit_that_the_heaviest_steps_do_not_reach_changes_nothing() -> None:
    zigzag = [
        task("a", 1),
        task("b", 5),
        task("c", 3, "a"),
        task("d", 1, "c"),
        task("e", 2, "b", "c"),
        task("f", 4, "a"),
    ]

    assert exact(zigzag, None) == exact(zigzag, 3) == 12
    assert peak_of(zigzag, 3) == peak_of(zigzag, None)
    assert peak_of(zigzag, 3).is_exact


@given(tasks=graphs(), limit=st.none() | st.integers(1, 4))
def test_the_truth_lies_between_the_bounds(tasks: list[Task], limit: int | None) -> None:
    peak = peak_of(tasks, limit)

    assert peak.at_most is not None
    assert peak.at_least.cpu <= exact(tasks, limit) <= peak.at_most.cpu


def container(cpu: str, **more: str) -> dict[str, object]:
    return {"resources": {"limits": {"cpu": cpu}}, **more}


@pytest.mark.parametrize(
    ("spec", "cpu"),
    [
        ({"containers": [container("1"), container("500m")]}, "1.5"),
        ({"containers": [{"resources": {"limits": {"cpu": "4"}, "requests": {"cpu": "1"}}}]}, "1"),
        ({"containers": [container("1")], "initContainers": [container("3"), container("2")]}, "3"),
        ({"containers": [container("1")], "initContainers": [container("1", restartPolicy="Always"), container("3")]}, "4"),
        ({"containers": [container("1")], "initContainers": [container("1", restartPolicy="Always")]}, "2"),
        ({"containers": [container("1")], "resources": {"requests": {"cpu": "7"}}}, "7"),
        ({}, "0"),
    ],
)  # fmt: skip
def test_what_the_scheduler_counts_for_a_pod(spec: dict[str, object], cpu: str) -> None:
    assert amounts_of(spec, "run").cpu == Decimal(cpu)


@pytest.mark.parametrize(
    ("resource", "gpus"),
    [
        ("nvidia.com/gpu", 2),
        ("nvidia.com/gpu.shared", 2),
        ("nvidia.com/mig-1g.5gb", 2),
        ("amd.com/gpu", 2),
        ("gpu.intel.com/xe", 2),
        ("google.com/tpu", 2),
        ("aws.amazon.com/neuron", 2),
        ("example.com/gpu-licence", 0),
        ("vpc.amazonaws.com/efa", 0),
    ],
)
def test_what_counts_as_a_gpu(resource: str, gpus: int) -> None:
    spec = {"containers": [{"resources": {"limits": {resource: "2"}}}]}

    assert amounts_of(spec, "run").gpu == Amounts.of({resource: "2"}, {}, "op").gpu == gpus


def test_a_constant_is_part_of_both_bounds() -> None:
    one = Amounts(cpu=Decimal(1))

    assert Peak(one, None).plus(one) == Peak(one + one, None)
    assert Peak(one, one).plus(one) == Peak(one + one, one + one)
