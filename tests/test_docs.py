"""The README and the guides tell the truth: what they have their reader do works, their links lead somewhere."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import dagster as dg
import demo
import pytest
from configs import EVERY_FIELD
from page_reader import PageReader
from pages import PAGES, PROJECT, ROOT, Block, blocks, commands, is_printed, options
from rich.console import Console

import dagster_plus_k8s_helpers as package
from dagster_plus_k8s_helpers import manifests, plan, testing
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.pod.platforms import GPU_NODES, SPOT_NODES

if TYPE_CHECKING:
    from collections.abc import Iterator

LINKED = [*PAGES, ROOT / "CONTRIBUTING.md"]
RUN_PAGE = Path(__file__).parent / "support" / "run_page.py"


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="session")
def reader() -> Iterator[PageReader]:
    started = PageReader()
    yield started
    started.close()


def has_its_reader_do_something(page: Path) -> bool:
    return any(block.language != "text" for block in blocks(page))


@pytest.mark.parametrize("page", [*filter(has_its_reader_do_something, PAGES)], ids=name)
def test_what_a_page_says_works_from_top_to_bottom(page: Path, tmp_path: Path, reader: PageReader) -> None:
    if page.is_relative_to(PROJECT):
        shutil.copytree(PROJECT, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))

    assert reader.read(page, tmp_path) == ""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_takes_only_what_is_public(page: Path) -> None:
    public = {"", ".plan", ".testing", ".executor.diagnosis", ".manifests"}
    taken = re.findall(r"(?:from|import) dagster_plus_k8s_helpers([\w.]*)", page.read_text("utf-8"))

    assert set(taken) <= public


@pytest.mark.parametrize("page", LINKED, ids=name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", LINKED, ids=name)
def test_the_options_that_a_page_names_are_there(page: Path) -> None:
    assert [(command, option) for command, option in options(page) if not has_option(command, option)] == []


def has_option(words: str, option: str) -> bool:
    """Whether a command, such as ``agent set``, takes an option."""
    command: click.Command = main
    for word in words.split():
        command = command.commands.get(word, command) if isinstance(command, click.Group) else command
    return any(option in parameter.opts for parameter in command.params)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_calls_that_a_page_names_have_such_arguments(page: Path) -> None:
    slips = (ROOT / "docs" / "reference" / "slips.md").read_text("utf-8")
    prose = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    calls = [
        code for code in re.findall(r"`([A-Z_a-z]\w*[\w.]*\([^`\n]*=[^`\n]*\))`", prose) if code not in slips
    ]

    assert {code: answer for code in calls if NO_SUCH.search(answer := answered(code))} == {}


NO_SUCH = re.compile(r"there is no setting|has no (argument|field|attribute)")
PUBLIC = {
    name: getattr(module, name) for module in (package, manifests, plan, testing) for name in module.__all__
}


def answered(call: str) -> str:
    """What a call is refused for, if it is."""
    try:
        eval(call, {"dg": dg, **PUBLIC})
    except Exception as error:  # noqa: BLE001 - of a call with ... for its values only the names can be right
        return str(error)
    return ""


def test_a_block_in_no_known_language_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nls\n```\n", "utf-8")

    done = subprocess.run(
        [sys.executable, RUN_PAGE, page], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "nobody knows what to do with a block of 'bash'" in done.stderr
    assert "page.md:2" in done.stderr


def test_every_fence_of_a_page_is_a_block() -> None:
    fences = {page: page.read_text("utf-8").count("```") for page in PAGES}

    assert {page: 2 * len(blocks(page)) for page in PAGES} == fences


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        (("a", "b"), ["a", "b"], True),
        (("a", "b"), ["a", "b", "c"], False),
        (("a", "..."), ["a", "b", "c"], True),
        (("...", "c"), ["a", "b", "c"], True),
        (("...", "b"), ["a", "b", "c"], False),
        (("a", "...", "c"), ["a", "c"], True),
        ((), [], True),
        ((), ["a"], False),
    ],
)
def test_what_is_shown_is_what_is_printed(shown: tuple[str, ...], printed: list[str], *, fits: bool) -> None:
    assert is_printed(shown, printed) is fits


def test_commands_have_what_they_print() -> None:
    (first, second) = commands(Block("console", "$ a \\\n    b\nc\n\n$ d\n", 1))

    assert (first.text.split(), first.output) == (["a", "b"], ("c", ""))
    assert (second.text, second.output) == ("d", ())


def test_the_table_of_the_demo_is_the_one_that_is_shown() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(demo.table_of_pods())
    printed = console.export_text().splitlines()
    (of_project,) = [block for block in blocks(PROJECT / "README.md") if block.text.startswith("Pod of")]

    assert is_printed((*of_project.text.splitlines(), "..."), printed)


QUOTING = [
    ROOT / "README.md",
    ROOT / "docs" / "tutorial" / "first-plan.md",
    *(ROOT / "docs" / "how-to").glob("*.md"),
]


def test_events_are_quoted_as_the_reference_has_them() -> None:
    said = [
        line
        for page in QUOTING
        for block in blocks(page)
        if block.language == "text"
        for line in block.text.splitlines()
        if line.startswith(("Step ", "The Kubernetes API"))
    ]
    guides = {
        line
        for page in (ROOT / "docs" / "reference").glob("*.md")
        for line in page.read_text("utf-8").splitlines()
    }

    assert said
    assert [line for line in said if line not in guides] == []


def test_the_readme_is_one_screen() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 90


def test_every_field_is_in_the_guide() -> None:
    guide = (ROOT / "docs" / "reference" / "pod-config.md").read_text("utf-8")

    assert [field for field in EVERY_FIELD if f"`{field}`" not in guide] == []


def test_the_platforms_are_named_in_the_docstrings() -> None:
    assert all(f"``{name}``" in str(package.gpu.__doc__) for name in GPU_NODES)
    assert all(f"``{name}``" in str(package.spot.__doc__) for name in SPOT_NODES)
