"""The benchmark of sizes still runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.bench_sizing import main

if TYPE_CHECKING:
    import pytest


def test_every_strategy_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    main(steps=3, runs=3)

    printed = capsys.readouterr().out
    assert printed.count("3 got another size") == 2
    assert "0 got another size" in printed
