"""The pages of docs/ make a site: links lead somewhere, every page is in the menu, nothing comes from another host."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from chromium import BINARY, Chromium
from pages import ROOT
from step_runs import eventually

import dagster_plus_k8s_helpers as package
from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.cli import main
from scripts import draw

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOCS = ROOT / "docs"


class Assets(HTMLParser):
    """What a browser loads with a page, unasked."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        loaded = of.get("src") or (of.get("href") if tag == "link" and of.get("rel") != "canonical" else None)
        self.found += [loaded] if loaded else []


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", built],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return built


def test_every_page_is_in_the_site_and_in_its_menu(site: Path) -> None:
    pages = {str(page.relative_to(DOCS).with_suffix(".html")) for page in DOCS.rglob("*.md")}
    menu = set(re.findall(r'href="([\w/.-]+\.html)"', (site / "index.html").read_text("utf-8")))

    assert pages <= menu
    assert [page for page in sorted(pages) if not (site / page).exists()] == []


def test_every_finding_has_a_place_on_its_page(site: Path) -> None:
    page = (site / "reference" / "findings.html").read_text("utf-8")

    assert [rule.code for rule in ALL_RULES if f'id="{rule.code.lower()}"' not in page] == []


def test_every_public_name_is_written_out(site: Path) -> None:
    page = (site / "reference" / "api.html").read_text("utf-8")

    assert [name for name in package.__all__ if f'id="dagster_plus_k8s_helpers.{name}"' not in page] == []


def test_every_command_is_written_out(site: Path) -> None:
    page = (site / "reference" / "cli.html").read_text("utf-8")

    assert [name for name in main.commands if f">{name}<" not in page] == []


def test_a_drawing_is_as_its_text_says_and_part_of_a_page(site: Path) -> None:
    texts = {source: source.read_text("utf-8") for source in (DOCS / "diagrams").glob("*.txt")}
    pages = "".join(page.read_text("utf-8") for page in (site / "explanation").glob("*.html"))

    assert texts
    for source, text in texts.items():
        drawing = source.with_suffix(".svg").read_text("utf-8")
        assert drawing == draw.drawn(text), "python scripts/draw.py"
        assert drawing in pages


def test_a_browser_loads_nothing_from_another_host(site: Path) -> None:
    found = {page.name: assets_of(page) for page in site.rglob("*.html")}

    assert all(found.values())
    assert {name: away for name, assets in found.items() if (away := [a for a in assets if "//" in a])} == {}


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None: ...


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    started = Chromium(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


def open_anew(browser: Chromium, address: str, page: str, width: int, scheme: str) -> None:
    """Open a page as whoever comes for the first time: the colours that somebody has had are remembered."""
    browser.open(f"{address}/robots.txt", width=width, scheme=scheme)
    browser.evaluate("localStorage.clear()")
    browser.open(f"{address}/{page}.html", width=width, scheme=scheme)

    wanted = {"light": "default", "dark": "slate"}[scheme]
    assert browser.evaluate("document.body.dataset.mdColorScheme") == wanted


in_browser = pytest.mark.skipif(BINARY is None, reason="no Chromium on PATH")


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [380, 1280])
@pytest.mark.parametrize("page", ["index", "explanation/levels", "reference/cli", "how-to/rightsize"])
def test_a_page_is_whole_on_every_screen_and_loads_nothing_from_elsewhere(
    address: str, browser: Chromium, page: str, width: int, scheme: str
) -> None:
    open_anew(browser, address, page, width, scheme)

    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.console == []
    assert [url for url in browser.requested if not url.startswith((address, "data:", "blob:"))] == []


@in_browser
def test_a_drawing_is_as_dark_as_its_page(address: str, browser: Chromium) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        open_anew(browser, address, "explanation/levels", 1280, scheme)
        colours[scheme] = browser.evaluate(
            "['.diagram text', '.md-content p'].map(of => getComputedStyle(document.querySelector(of)).color)"
        )

    assert {len(set(pair)) for pair in colours.values()} == {1}
    assert colours["light"] != colours["dark"]


@in_browser
def test_what_is_searched_is_found(address: str, browser: Chromium) -> None:
    browser.open(f"{address}/index.html?q=OOMKilled", width=1280)

    found = "[...document.querySelectorAll('.md-search-result__link')].map(link => link.pathname)"
    eventually(lambda: "/how-to/memory.html" in browser.evaluate(found), "the search finds it")


def assets_of(page: Path) -> list[str]:
    parser = Assets()
    parser.feed(page.read_text("utf-8"))
    return parser.found
