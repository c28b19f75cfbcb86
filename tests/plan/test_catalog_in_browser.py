"""The pod of an asset in Dagster's own catalog, as a browser shows it; skipped where there is no Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from chromium import BINARY, Chromium

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium on PATH")

PATIENCE = 120.0
MODULE = """
import dagster as dg
from dagster_plus_k8s_helpers import k8s_executor, k8s_tags, with_pod_metadata

@dg.asset(op_tags=k8s_tags(cpu=("2", "4"), memory="16Gi"))
def churn_model(): ...

defs = with_pod_metadata(
    dg.Definitions(assets=[churn_model], executor=k8s_executor(max_concurrent=4)),
    report_url="https://reports.example.com/plan.html",
)
"""


@pytest.fixture
def webserver(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "shop.py").write_text(MODULE)
    (tmp_path / "home").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster_webserver", "-m", "shop", "-p", str(port), "--read-only"],
        cwd=tmp_path,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), "DAGSTER_DISABLE_TELEMETRY": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: process.poll() is not None or answers(f"{url}/server_info"))
        yield url
    finally:
        process.terminate()
        process.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as response:  # noqa: S310 - a server of this test
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.2)


def test_the_catalog_shows_the_pod_of_an_asset(webserver: str, tmp_path: Path) -> None:
    browser = Chromium(tmp_path / "profile")
    try:
        browser.open(f"{webserver}/assets/churn_model?view=overview", width=1500)
        until(lambda: browser.evaluate("document.body.innerText.includes('dagster-plus-k8s/report')"))
        rows = browser.evaluate("[...document.querySelectorAll('tr')].map(row => row.innerText.trim())")
    finally:
        browser.close()

    shown = {tuple(row.split()) for row in rows}
    assert ("cpu", "request", "2", "op", "tags") in shown
    assert ("cpu", "limit", "4", "op", "tags") in shown
    assert ("memory", "limit", "16Gi", "op", "tags") in shown
