"""What is recommended is enough for what was seen, and for what was OOMKilled."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from measured_runs import GI

from dagster_plus_k8s_helpers.rightsizing.recommend import recommended
from dagster_plus_k8s_helpers.sizing.usage import Usage

USAGES = st.lists(
    st.builds(
        Usage,
        memory_peak_bytes=st.none() | st.integers(0, 64 * GI),
        memory_limit_bytes=st.none() | st.integers(1, 64 * GI),
        oom_killed=st.booleans(),
    ),
    min_size=3,
    max_size=20,
)


@given(USAGES)
def test_it_is_never_below_what_was_used_or_killed(usages: list[Usage]) -> None:
    found = recommended(usages).memory_bytes or 0

    assert all(found >= (usage.memory_needed_bytes or 0) for usage in usages)
    killed = [usage.memory_limit_bytes for usage in usages if usage.oom_killed and usage.memory_limit_bytes]
    assert all(found > limit for limit in killed)


@given(USAGES, st.floats(1, 4), st.floats(1, 4))
def test_more_headroom_is_never_less(usages: list[Usage], one: float, other: float) -> None:
    low, high = sorted((one, other))

    assert (recommended(usages, headroom=low).memory_bytes or 0) <= (
        recommended(usages, headroom=high).memory_bytes or 0
    )


@given(USAGES)
def test_another_attempt_that_needs_no_more_changes_nothing(usages: list[Usage]) -> None:
    found = recommended(usages)
    again = Usage(memory_peak_bytes=min(usage.memory_peak_bytes or 0 for usage in usages))

    assert recommended([*usages, again]).memory_bytes == found.memory_bytes
