"""Where a finding points to is there wherever the check is: dagster-plus-k8s explain-code."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from email.message import Message
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.findings import pages
from dagster_plus_k8s_helpers.findings.finding import Severity, Where
from dagster_plus_k8s_helpers.findings.forms import as_sarif, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.findings.finding import Rule

ROOT = Path(__file__).parent.parent
BY_CODE = {rule.code: rule for rule in ALL_RULES}


def call(command: str) -> Result:
    return CliRunner().invoke(main, command.removeprefix("dagster-plus-k8s ").split())


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.code)
def test_the_command_that_a_finding_names_says_what_its_rule_says(rule: Rule) -> None:
    result = call(rule.docs)

    assert result.exit_code == 0
    assert all(
        text in result.stdout for text in (rule.severity, rule.reason, rule.fix, f"ignore[{rule.code}]")
    )


def test_a_rule_is_explained_with_what_waives_it() -> None:
    assert call("explain-code dpk582").stdout == (
        "DPK582, a warning\n"
        "  All configs have the same tag: of two in one dictionary the last takes the place of the first as a whole,"
        " and what the first says is lost without a word.\n"
        "  What to do: merge the configs and not their tags: (a | b).tags.\n"
        "  Where it is meant to be so: write # dagster-plus-k8s: ignore[DPK582] the reason\n"
        "    at the line of the file it is found in, or at the decorator of the asset, check or op;\n"
        "    or at an asset, a job or the Definitions\n"
        '    metadata={"dagster-plus-k8s/ignore": {"DPK582": "the reason"}}\n'
        "  Read on: docs/reference/findings.md#dpk582\n"
    )


def test_what_stands_in_a_file_is_waived_at_its_line() -> None:
    assert (
        "end its line with # dagster-plus-k8s: ignore[DPK307] the reason"
        in call("explain-code DPK307").stdout
    )


def test_several_codes_are_explained_and_without_one_all_are_listed() -> None:
    assert call("explain-code DPK101 DPK102").stdout.count("What to do:") == 2
    assert len(call("explain-code").stdout.splitlines()) == len(ALL_RULES)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("DPK5333", "there is no finding 'DPK5333'; did you mean 'DPK533'?"),
        ("DPK", "there is no finding 'DPK'; without a code all are listed"),
        ("E501", "there is no finding 'E501'; without a code all are listed"),
    ],
)
def test_a_code_that_there_is_not_is_said(code: str, said: str) -> None:
    result = call(f"explain-code {code}")

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_report_ends_with_how_to_read_on() -> None:
    findings = [BY_CODE[code].at(Where("values.yaml", 1), "wrong") for code in ("DPK201", "DPK101")]

    assert as_text(findings).splitlines()[-2:] == [
        "2 errors",
        "why, and how to waive it: dagster-plus-k8s explain-code CODE",
    ]


def test_sarif_links_to_the_page_of_the_project() -> None:
    finding = next(rule for rule in ALL_RULES if rule.severity is Severity.WARNING).at(Where("a"), "odd")
    (rule,) = json.loads(as_sarif([finding]))["runs"][0]["tool"]["driver"]["rules"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert rule["helpUri"] == pages.HOMEPAGE == project["urls"]["Homepage"]
    assert f"dagster-plus-k8s explain-code {finding.code}" in rule["help"]["text"]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address that pyproject.toml gives as Documentation, once there is one."""
    about = Message()
    about["Project-URL"] = f"Homepage, {pages.HOMEPAGE}"
    about["Project-URL"] = "Documentation, https://docs.example.com/latest/"
    monkeypatch.setattr(pages, "metadata", lambda name: about)
    pages.site.cache_clear()
    yield "https://docs.example.com/latest"
    pages.site.cache_clear()


def test_the_site_is_where_to_read_on_once_there_is_one(site: str) -> None:
    finding = BY_CODE["DPK101"].at(Where("values.yaml", 1), "wrong")
    (rule,) = json.loads(as_sarif([finding]))["runs"][0]["tool"]["driver"]["rules"]

    assert rule["helpUri"] == f"{site}/reference/findings.html#dpk101"
    assert as_text([finding]).endswith(f"explain-code CODE, or {site}/reference/findings.html\n")
    assert f"  Read on: {site}/reference/findings.html#dpk101\n" in call("explain-code DPK101").stdout


def test_a_folder_that_nobody_has_installed_has_no_site(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(name: str) -> Message:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(pages, "metadata", not_there)
    pages.site.cache_clear()

    assert pages.site() == ""
    pages.site.cache_clear()


def test_nobody_waits_for_dagster_who_asks_what_a_code_means() -> None:
    program = (
        "import sys\n"
        "from dagster_plus_k8s_helpers.cli import main\n"
        "main(['explain-code', 'DPK533'], standalone_mode=False)\n"
        "print({'dagster', 'kubernetes'} & sys.modules.keys())"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.startswith("DPK533, a warning")
    assert done.stdout.endswith("set()\n")
