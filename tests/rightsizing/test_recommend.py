"""What is recommended is what `sized_by_usage` decides: enough for what was seen, and for what was OOMKilled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from measured_runs import GI

from dagster_plus_k8s_helpers import sized_by_usage
from dagster_plus_k8s_helpers.rightsizing.recommend import recommended
from dagster_plus_k8s_helpers.sizing.facts import StepFacts
from dagster_plus_k8s_helpers.sizing.strategy import decided
from dagster_plus_k8s_helpers.sizing.usage import Usage

USAGES = st.lists(
    st.builds(
        Usage,
        memory_peak_bytes=st.integers(1, 64 * GI),
        memory_limit_bytes=st.none() | st.integers(1, 64 * GI),
        cpu_seconds=st.floats(0, 1e6),
        wall_seconds=st.floats(1, 1e4),
        oom_killed=st.booleans(),
    ),
    min_size=3,
    max_size=12,
)


@given(USAGES)
def test_it_is_never_below_what_was_used_or_killed(usages: list[Usage]) -> None:
    found = recommended(usages).memory_bytes or 0

    assert all(found >= (usage.memory_needed_bytes or 0) for usage in usages)
    killed = [usage.memory_limit_bytes for usage in usages if usage.oom_killed and usage.memory_limit_bytes]
    assert all(found > limit for limit in killed)


@given(USAGES)
def test_it_is_what_the_strategy_decides(usages: list[Usage]) -> None:
    strategy = sized_by_usage(runs=12, cpu=True).strategy
    sized = decided(strategy, StepFacts(step_key="a", usage=usages)).config

    assert sized is not None
    assert sized.resources is not None
    found = recommended(usages)
    assert found.memory_bytes == sized.resources.limits["memory"].value
    # More cores than any node has are none that were used.
    cpu = sized.resources.requests.get("cpu")
    assert found.cpu_cores == (None if cpu is None else float(cpu.value))


def test_of_too_few_it_says_so() -> None:
    found = recommended([Usage(memory_peak_bytes=GI)] * 2)

    assert (found.memory_bytes, found.cpu_cores) == (None, None)
    assert found.why == "what it used is known of 2 runs, and 3 are needed"


def test_all_attempts_count_however_many() -> None:
    """More than a launch would look through."""
    usages = [Usage(memory_peak_bytes=GI, attempt=1)] * 150 + [Usage(memory_peak_bytes=8 * GI, attempt=1)]

    found = recommended(usages)

    assert found.memory_bytes is not None
    assert found.memory_bytes > 8 * GI
