"""The HTML report in a real browser; skipped where there is no Chromium."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from chromium import BINARY, TOO_FAINT, Chromium
from kueue import queues_of_cluster
from measured_runs import GI, took
from step_runs import eventually

from dagster_plus_k8s_helpers import (
    K8sConfig,
    Resources,
    gpu,
    k8s_executor,
    k8s_tags,
    kueue,
    sized_by_partition,
)
from dagster_plus_k8s_helpers.capacity.nodes import read_nodes
from dagster_plus_k8s_helpers.capacity.queue_files import quotas_in
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, Where
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.plan.show.html import html_report

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(BINARY is None, reason="no Chromium on PATH")

LONG = "a_name_that_is_" + "very_" * 30 + "long"
HOSTILE = "</script><script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'>"
SIZES = sized_by_partition(
    {"us": K8sConfig(resources=Resources(cpu=2))}, otherwise=K8sConfig(resources=Resources(cpu=1))
)
OF_CLUSTER = queues_of_cluster(cpu="4", memory="8Gi")
QUOTAS = quotas_in([*OF_CLUSTER["clusterqueues"], *OF_CLUSTER["localqueues"]], "queues")
POOLS = b"pools: [{name: batch, count: 2, allocatable: {cpu: 4, memory: 16Gi}}]"


def report() -> str:
    @dg.asset(name=LONG, op_tags=k8s_tags(cpu=1, annotations={"note": HOSTILE, "x": "y" * 500}))
    def long() -> None: ...

    @dg.asset(op_tags=SIZES, deps=[LONG], partitions_def=dg.StaticPartitionsDefinition(["us", "jp"]))
    def second() -> None: ...

    @dg.asset(op_tags=(gpu(1) | kueue("team-a")).tags, deps=[second])
    def third() -> None: ...

    defs = dg.Definitions(assets=[long, second, third], executor=k8s_executor(queue="b" * 60))
    usage = {LONG: [took(GI)], "third": [took(GI, oom=True)]}
    return html_report(
        plan(defs, location={"image": HOSTILE}), pools=read_nodes(POOLS), usage=usage, quotas=QUOTAS
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    page: Path = tmp_path_factory.mktemp("report") / "report.html"
    page.write_text(report(), encoding="utf-8")
    return page.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    opened = Chromium(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


OPEN_ALL = "document.querySelectorAll('details').forEach(one => one.open = true)"


@pytest.mark.parametrize("width", [320, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_its_window_and_says_nothing_on_the_console(
    browser: Chromium, url: str, width: int, scheme: str
) -> None:
    browser.open(url, width=width, scheme=scheme)
    browser.evaluate(OPEN_ALL)

    assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert browser.evaluate("window.hurt") is None
    assert browser.console == []
    assert browser.requested == [url]


def test_dark_is_dark(browser: Chromium, url: str) -> None:
    grounds = []
    for scheme in ("light", "dark"):
        browser.open(url, width=800, scheme=scheme)
        grounds.append(
            browser.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
        )

    assert min(grounds[0]) > 200
    assert max(grounds[1]) < 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Chromium, url: str, scheme: str) -> None:
    browser.open(url, width=1600, scheme=scheme)
    browser.evaluate(OPEN_ALL)

    assert browser.evaluate(TOO_FAINT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_was_used_stands_out_from_its_ground(browser: Chromium, url: str, scheme: str) -> None:
    browser.open(url, width=1600, scheme=scheme)

    colors = "[...document.querySelectorAll('.used i')].map(one => getComputedStyle(one).backgroundColor)"
    assert browser.evaluate("document.querySelectorAll('.usage tbody tr').length") == 2
    # The text's own color, or that of what is bad, which is tested above.
    assert set(browser.evaluate(colors)) <= set(browser.evaluate(COLORS))


COLORS = """
["text", "bad"].map(name => {
  const probe = document.body.appendChild(document.createElement("i"));
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
})
"""


def test_the_keyboard_goes_from_the_graph_to_the_fields_of_a_step(browser: Chromium, url: str) -> None:
    browser.open(url, width=1000)
    browser.evaluate("document.querySelector('.node[aria-label^=third]').focus()")

    browser.press("Enter")

    focused = "document.activeElement"
    # A key is answered some frames later.
    eventually(lambda: browser.evaluate(f"{focused}.tagName") == "SUMMARY", "the fields have the focus")
    assert browser.evaluate(f"{focused}.parentElement.dataset.name") == "third"
    assert browser.evaluate(f"{focused}.parentElement.open")
    assert "nvidia.com/gpu" in browser.evaluate(f"{focused}.parentElement.innerText")


def test_the_first_tab_skips_to_the_plan(browser: Chromium, url: str) -> None:
    browser.open(url, width=1000)

    browser.press("Tab", "Enter")

    eventually(lambda: browser.evaluate("document.activeElement.id") == "main", "the plan has the focus")


def test_steps_can_be_filtered(browser: Chromium, url: str) -> None:
    browser.open(url, width=1000)

    browser.evaluate("filter.value = 'THI'; filter.dispatchEvent(new Event('input'))")

    shown = "[...document.querySelectorAll('.step[data-name]')].filter(one => !one.hidden).map(one => one.dataset.name)"
    assert browser.evaluate(shown) == ["third"]
    assert browser.evaluate("document.getElementById('shown').textContent") == "1 of 3"


def test_without_scripts_a_link_still_leads_to_the_fields(browser: Chromium, url: str) -> None:
    # Chromium opens a closed <details> when a link leads into it.
    browser.open(f"{url}#s3", width=1000, scripts=False)

    assert browser.evaluate("document.getElementById('s3').closest('details').open")
    assert browser.evaluate("document.querySelector('.filter').hidden")


def test_findings_never_push_the_graph_out_of_sight(browser: Chromium, tmp_path: Path) -> None:
    @dg.asset
    def orders() -> None: ...

    made = plan(dg.Definitions(assets=[orders], executor=k8s_executor()))
    rule = Rule("DPK999", Severity.ERROR, "", "write something else, " * 5)
    steps = tuple(f"orders_{index}" for index in range(40))
    found = [
        replace(rule.at(Where(path="job"), f"{index}: " + "wrong " * 40), steps=steps) for index in range(60)
    ]
    page = tmp_path / "many.html"
    page.write_text(html_report(made, findings=found), encoding="utf-8")

    browser.open(page.as_uri(), width=1280, height=900)

    assert browser.evaluate("document.querySelector('#graph svg').getBoundingClientRect().top") < 900
    assert browser.evaluate("document.querySelectorAll('.finding').length") == 60
    assert (
        browser.evaluate("document.querySelector('details.more > summary').innerText") == "58 more findings"
    )
