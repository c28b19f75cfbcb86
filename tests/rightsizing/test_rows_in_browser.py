"""The page of rows in a real browser; skipped where there is no Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
from chromium import BINARY, TOO_FAINT, Chromium
from measured_runs import BEGAN, GI, took

from dagster_plus_k8s_helpers import k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.rightsizing.asked import asked_of
from dagster_plus_k8s_helpers.rightsizing.history import Measured
from dagster_plus_k8s_helpers.rightsizing.rows import rows_of
from dagster_plus_k8s_helpers.rightsizing.show.as_html import rows_html

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium on PATH")

LONG = "a_name_that_is_" + "very_" * 30 + "long"
HOSTILE = "<img src=x onerror='window.hurt = 1'>"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    @dg.asset(name=LONG, op_tags=k8s_tags(cpu=("1", "2"), memory=("4Gi", "8Gi")))
    def long() -> None: ...

    @dg.asset
    def silent() -> None: ...

    asked = asked_of(dg.Definitions(assets=[long, silent], executor=k8s_executor()))
    taken = [took(used * GI, partition=key) for key, used in {HOSTILE: 8, "eu": 1}.items() for _ in range(3)]
    measured = [Measured("__ASSET_JOB", LONG, "run", BEGAN, usage) for usage in taken]
    page: Path = tmp_path_factory.mktemp("rows") / "rows.html"
    page.write_text(rows_html(rows_of(asked, measured), asked), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    opened = Chromium(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("width", [320, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_window_and_can_be_read(browser: Chromium, url: str, width: int, scheme: str) -> None:
    browser.open(url, width=width, scheme=scheme)

    assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.evaluate("window.hurt") is None
    assert browser.evaluate(TOO_FAINT) == []
    assert (browser.console, browser.requested) == ([], [url])


def test_the_bars_are_as_long_as_what_they_show(browser: Chromium, url: str) -> None:
    browser.open(url, width=1600)

    widths = "[...document.querySelectorAll('tbody tr:nth-child(2) .taken:first-child i')].map(one => one.style.width)"
    assert browser.evaluate("document.querySelectorAll('tbody tr').length") == 2
    assert browser.evaluate(widths)[:3] == ["100%", "50%", "12.5%"]
