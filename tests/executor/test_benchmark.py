"""The benchmark of the executor still runs: its figures are in the README."""

from __future__ import annotations

import pytest

from benchmarks.bench_executor import launches, stand_in, swept


@pytest.mark.parametrize("whose", ["stock", "ours"])
def test_a_look_is_measured(whose: str) -> None:
    with stand_in(3) as server:
        found = swept(whose, server, 3)

    assert found["calls"] == (3 if whose == "stock" else 2)
    assert found["megabytes"] > 0


def test_launches_are_measured() -> None:
    seconds, megabytes = launches({}, 3, settled=0.0)

    assert seconds > 0
    assert megabytes > 0
