"""`Usage`: what an event holds of it is read back, and nothing else is taken for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF, Usage

AMOUNTS = st.none() | st.integers(0, 2**50)
SHARES = st.none() | st.floats(0, 1e9, allow_nan=False)


@given(
    st.builds(
        Usage,
        job=st.text(),
        attempt=st.integers(1, 9),
        partition=st.none() | st.text(),
        memory_peak_bytes=AMOUNTS,
        memory_limit_bytes=AMOUNTS,
        cpu_seconds=SHARES,
        wall_seconds=SHARES,
        oom_killed=st.booleans(),
    )
)
def test_what_an_event_holds_is_read_back(usage: Usage) -> None:
    assert Usage.from_metadata(usage.to_metadata()) == usage


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"memory_peak_bytes": 1},
        {USAGE_OF: 3},
        {USAGE_OF: "a", "memory_peak_bytes": "much"},
        {USAGE_OF: "a", "memory_peak_bytes": 1.5},
        {USAGE_OF: "a", "cpu_seconds": float("nan")},
        {USAGE_OF: "a", "wall_seconds": -1},
        {USAGE_OF: "a", "cpu_seconds": 10**400},
        {USAGE_OF: "a", "memory_peak_bytes": float("inf")},
        {USAGE_OF: "a", "oom_killed": 1},
        {USAGE_OF: "a", "attempt": True},
        {USAGE_OF: "a", "memory_peak_bytes": 2**50 + 1},
        {USAGE_OF: "a", "gpu_memory_peak_bytes": 2**63 - 1},
        {USAGE_OF: "a", "memory_peak_bytes": 1, "cpu_seconds": 1e18, "wall_seconds": 1.0},
        {USAGE_OF: "a", "cpu_throttled_share": 900},
        {USAGE_OF: "a", "memory_limit_bytes": 2**63},
    ],
)
def test_other_events_hold_none(metadata: dict[str, Any]) -> None:
    assert Usage.from_metadata(metadata) is None


def test_of_an_oom_its_limit_is_needed_at_least() -> None:
    killed = Usage(memory_peak_bytes=900, memory_limit_bytes=1000, oom_killed=True)

    assert killed.memory_needed_bytes == 1000
    assert Usage(memory_peak_bytes=900, memory_limit_bytes=1000).memory_needed_bytes == 900
    assert Usage(memory_limit_bytes=1000).memory_needed_bytes is None


def test_amounts_that_no_container_takes_are_not_known() -> None:
    assert Usage(memory_peak_bytes=0).memory_needed_bytes is None
    assert Usage(memory_peak_bytes=2**63 - 1).memory_needed_bytes is None
    assert Usage(memory_peak_bytes=5, memory_limit_bytes=2**62, oom_killed=True).memory_needed_bytes == 5
    assert Usage(cpu_seconds=1e18, wall_seconds=1.0).cpu_cores is None
    assert Usage(cpu_seconds=1e9, wall_seconds=1e-300).cpu_cores is None
    assert Usage(cpu_seconds=1e9, wall_seconds=5e-324).cpu_cores is None


def test_cores_are_of_the_time_it_ran() -> None:
    assert Usage(cpu_seconds=30.0, wall_seconds=60.0).cpu_cores == 0.5
    assert Usage(cpu_seconds=30.0, wall_seconds=0.0).cpu_cores is None
