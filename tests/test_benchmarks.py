"""What `make bench` measured is kept, and the plot of the documentation is what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from benchmarks import plot
from benchmarks.results import Comparison, compared, read

if TYPE_CHECKING:
    from pathlib import Path

WARM = Comparison("a warm read", "secrets", 2e-6, 1e-3, "hvac")
CALLS = Comparison("40 secrets", "secrets", 2, 80, "dagster_aws", "calls")


def test_a_comparison_replaces_its_former_self_and_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    for row in (WARM, CALLS, WARM._replace(ours=0.00012345)):
        compared(row, file)

    assert read(file) == [CALLS, WARM._replace(ours=0.000123)]


def test_the_plot_is_what_was_measured() -> None:
    assert plot.PLOT.read_text("utf-8") == plot.drawn(read()), "python -m benchmarks.plot"


def test_a_bar_is_as_long_as_the_ratio_has_digits() -> None:
    rows = [WARM, CALLS._replace(ours=80), CALLS._replace(ours=800)]
    drawing = ET.fromstring(plot.drawn(rows))  # noqa: S314 - drawn here
    widths = [float(bar.attrib["width"]) for bar in drawing.iter("{http://www.w3.org/2000/svg}rect")]
    said = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]

    assert widths == [pytest.approx(330 * 2.699 / 3, abs=0.1), 0, 0]
    assert [text for text in said if text and text.startswith(("500 ", "1.0 ", "0.10 "))] == [
        "500 \u00d7 hvac",
        "1.0 \u00d7 dagster_aws",
        "0.10 \u00d7 dagster_aws",
    ]
    assert {"2 µs beside 1 ms", "80 calls beside 80 calls"} <= set(said)


def test_what_was_measured_names_a_benchmark_that_there_is() -> None:
    parts = {row.part for row in read()}

    assert parts
    assert all((plot.PLOT.parents[2] / "benchmarks" / f"bench_{part}.py").exists() for part in parts)
