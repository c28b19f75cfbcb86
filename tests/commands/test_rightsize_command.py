"""The command rightsize, called as a user calls it, on the event log of a real instance."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from click.testing import CliRunner, Result
from measured_runs import BEGAN, DAY, GI, add_run, damage_a_row, damage_a_run, took
from pages import ROOT, blocks
from sqlalchemy.exc import OperationalError

from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.commands import progress
from dagster_plus_k8s_helpers.commands.usage import UsageSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MODULE = """\
import dagster as dg
from dagster_plus_k8s_helpers import k8s_executor, k8s_tags


@dg.asset(
    op_tags=k8s_tags(cpu="4", memory="16Gi"),
)
def orders(): ...


@dg.asset(op_tags=k8s_tags(cpu=("1", None), memory="4Gi"))
def churn(): ...


@dg.asset
def idle(): ...


defs = dg.Definitions(assets=[orders, churn, idle], executor=k8s_executor())
"""
NODES = """\
pools:
- {name: a, allocatable: {cpu: 4, memory: 32Gi}, price_per_hour: 0.40}
"""


@pytest.fixture(scope="module")
def measured_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with four measured runs, for tests to copy."""
    home = tmp_path_factory.mktemp("measured") / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for index in range(4):
            usages = {
                "orders": [took(2 * GI, cores=0.25)],
                "churn": [
                    took(4 * GI, limit=4 * GI, oom=True)
                    if index == 1
                    else took(3 * GI, limit=4 * GI, cores=0.8)
                ],
            }
            add_run(instance, "__ASSET_JOB", usages, at=BEGAN + index * DAY)
    return home


@pytest.fixture
def folder(tmp_path: Path, measured_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "rightsize_defs.py").write_text(MODULE)
    (tmp_path / "nodes.yaml").write_text(NODES)
    shutil.copytree(measured_home, tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    yield tmp_path
    for name in ("rightsize_defs", "rightsize_parts"):
        sys.modules.pop(name, None)


def call(*arguments: str, instance: str | None = "home") -> Result:
    of = [] if instance is None else ["--instance", instance]
    return CliRunner().invoke(main, ["rightsize", "-m", "rightsize_defs", *of, *arguments])


def rows_of(output: str) -> dict[str, list[str]]:
    split = [re.split(r"\s{2,}", line.strip()) for line in output.splitlines()]
    return {cells[0]: cells[1:] for cells in split}


@pytest.mark.usefixtures("folder")
def test_the_table_has_what_is_asked_used_and_to_be_written_and_the_risks_first() -> None:
    result = call()

    assert result.exit_code == 0, result.output
    rows = rows_of(result.output)
    assert rows["orders"] == [
        "4", "16Gi", "2Gi / 2Gi / 2Gi", "2.3Gi", "4", "0.25 / 0.25 / 0.25", "0.29", "-", "-", "saves 114 GiB hours in 4 runs",
    ]  # fmt: skip
    assert rows["churn"] == [
        "4", "4Gi", "3Gi / 4Gi / 4Gi", "5Gi", "1 / -", "0.8 / 0.8 / 0.8", "keep", "1", "-", "1 of 4 attempts were OOMKilled",
    ]  # fmt: skip
    assert list(rows).index("churn") < list(rows).index("orders")
    assert "not measured: idle\n" in result.output


def test_the_guide_shows_what_is_printed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = blocks(ROOT / "docs" / "how-to" / "rightsize.md")
    [definitions] = [block.text for block in shown if block.file == "till/definitions.py"]
    [table] = [block.text for block in shown if block.text.startswith(" Step ")]
    [written] = [block.text for block in shown if block.text.startswith("till/definitions.py:")]
    (folder / "till").mkdir()
    (folder / "till" / "definitions.py").write_text(definitions)
    monkeypatch.syspath_prepend(folder)

    printed, lines = (
        CliRunner().invoke(main, ["rightsize", "-m", "till.definitions", "--instance", "home", *more]).output
        for more in ((), ("--write",))
    )

    assert rows_of(table).items() <= rows_of(printed).items()
    assert lines == written


@pytest.mark.usefixtures("folder")
def test_with_prices_it_says_what_a_month_costs_and_would() -> None:
    result = call("--nodes", "nodes.yaml")

    assert "costs 12.00 a month, would 0.87" in result.output
    assert "a month of these costs " in result.output


@pytest.mark.usefixtures("folder")
def test_json_has_bytes_cores_and_the_line_of_code() -> None:
    churn, orders = json.loads(call("-o", "json").output)

    assert (churn["step"], churn["ooms"], churn["memory"]["new_limit"]) == ("churn", 1, 5 * GI)
    assert orders["memory"]["request"] == 16 * GI
    assert orders["source"] == "rightsize_defs.py:5"


@pytest.mark.usefixtures("folder")
def test_write_says_which_tag_at_which_line_becomes_what_and_edits_nothing(folder: Path) -> None:
    result = call("--write")

    assert result.output == (
        'rightsize_defs.py:11: churn: memory "4Gi" -> "5Gi"\n'
        'rightsize_defs.py:6: orders: memory "16Gi" -> "2356Mi"; cpu "4" -> ("290m", None)\n'
    )
    assert (folder / "rightsize_defs.py").read_text() == MODULE


def test_with_a_partition_only_its_attempts_count(folder: Path) -> None:
    (folder / "rightsize_parts.py").write_text(PARTITIONED)
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        for partition, used in {"eu": GI, "us": 8 * GI}.items():
            add_run(instance, "nightly", {"split": [took(used, partition=partition)] * 3})
    arguments = ["rightsize", "-m", "rightsize_parts", "--job", "nightly", "--instance", "home"]

    both, one = (
        json.loads(CliRunner().invoke(main, [*arguments, *more, "-o", "json"]).output)
        for more in ((), ("--partition", "eu"))
    )

    assert [row["partitions"] for row in both] == [["eu"], ["us"]]
    [row] = one
    assert (row["partitions"], row["memory"]["most"], row["attempts"]) == (None, GI, 3)


PARTITIONED = """
import dagster as dg
from dagster_plus_k8s_helpers import k8s_executor, k8s_tags


@dg.asset(op_tags=k8s_tags(memory="16Gi"), partitions_def=dg.StaticPartitionsDefinition(["eu", "us"]))
def split(): ...


nightly = dg.define_asset_job("nightly", [split])
defs = dg.Definitions(assets=[split], jobs=[nightly], executor=k8s_executor())
"""


@pytest.mark.usefixtures("folder")
def test_sarif_has_the_two_findings_at_their_lines() -> None:
    [run] = json.loads(call("-o", "sarif").output)["runs"]

    places = {
        (
            found["ruleId"],
            found["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            found["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for found in run["results"]
    }
    assert places == {("DPK591", "rightsize_defs.py", 11), ("DPK590", "rightsize_defs.py", 5)}


@pytest.mark.usefixtures("folder")
def test_the_page_has_a_bar_for_each_and_no_script() -> None:
    page = call("-o", "html").output

    assert page.startswith("<!doctype html>")
    assert "asks 16Gi, limit 16Gi, used 2Gi" in page
    assert "<script" not in page


@pytest.mark.usefixtures("folder")
def test_the_home_of_the_environment_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "home")

    assert "orders" in call(instance=None).output


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "Error: give --instance DAGSTER_HOME, or --url https://ORGANIZATION.dagster.cloud/DEPLOYMENT with --token-env NAME\n"),
        (("--instance", "."), "Error: . is no DAGSTER_HOME: it has neither dagster.yaml nor history\n"),
        (("--url", "http://127.0.0.1:9"), "Error: http://127.0.0.1:9/graphql does not answer: ConnectionError\n"),
        (("--instance", "home", "--url", "http://a"), "--instance and --url are two places to read from; give one"),
        (("--token-env", "TOKEN"), "--token-env goes with --url"),
        (("--url", "http://a", "--token-env", "NO_SUCH"), "Error: --token-env: there is no variable NO_SUCH\n"),
        (("--instance", "home", "--write", "-o", "json"), "--write prints lines of text; leave out --output"),
        (("--instance", "home", "--job", "nope"), "there is no job 'nope'"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_told_in_one_line(options: tuple[str, ...], told: str) -> None:
    result = call(*options, instance=None)

    assert result.exit_code == 2
    assert told in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("folder")
def test_without_a_measured_run_it_says_so() -> None:
    result = call("--instance", "empty", instance=None)
    assert result.exit_code == 2

    nothing = CliRunner().invoke(
        main,
        ["rightsize", "-m", "rightsize_defs", "--instance", "home", "--job", "__ASSET_JOB", "--runs", "1"],
    )
    assert nothing.exit_code == 0
    assert "what it used is known of 1 run, and 3 are needed" in nothing.output


def test_rows_that_hold_no_event_are_told_once_and_the_others_read(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        for _ in range(2):
            run_id = add_run(instance, "__ASSET_JOB", {"orders": [took(2 * GI)] * 2})
            damage_a_row(instance, run_id, '"usage_of_job"')

    result = call()

    assert result.exit_code == 0, result.output
    assert result.stderr == "rows of the event log that hold no event, and were passed by: 2\n"
    assert rows_of(result.stdout)["orders"][0] == "6"


def test_a_run_whose_database_is_none_is_told_in_one_line(folder: Path) -> None:
    with dg.DagsterInstance.from_config(str(folder / "home")) as instance:
        run_id = add_run(instance, "__ASSET_JOB", {"orders": [took(2 * GI)]})
    damage_a_run(folder / "home", run_id)

    result = call()

    assert result.exit_code == 2
    assert result.output == f"Error: the events of run {run_id} cannot be read: file is not a database\n"


def test_an_event_log_that_cannot_be_asked_is_told_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **_more: object) -> None:
        raise OperationalError("SELECT 1", {}, Exception("server closed\nthe connection"))

    monkeypatch.setattr(dg.DagsterInstance, "get_runs", away)

    result = call()

    assert result.exit_code == 2
    assert result.output.startswith("Error: the event log cannot be read: server closed")
    assert result.output.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_check_finds_the_same_at_the_same_lines() -> None:
    checked = CliRunner().invoke(
        main, ["check", "-m", "rightsize_defs", "--usage", "--instance", "home", "--format", "github"]
    )

    assert "file=rightsize_defs.py,line=5,title=DPK590" in checked.output
    assert "file=rightsize_defs.py,line=11,title=DPK591" in checked.output


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--usage", "nodes.yaml"), "--usage goes with -m MODULE"),
        (("-m", "rightsize_defs", "--instance", "home"), "--instance and --url go with --usage"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_usage_that_nothing_would_look_at_is_refused(options: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(main, ["check", *options])

    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.usefixtures("folder")
def test_plan_says_what_a_run_costs_by_the_time_it_took() -> None:
    arguments = ["plan", "-m", "rightsize_defs", "--nodes", "nodes.yaml", "--instance", "home"]

    planned = CliRunner().invoke(main, arguments)
    written = CliRunner().invoke(main, [*arguments, "-o", "json"])

    assert rows_of(planned.output)["orders"] == ["100.0% of a, by cpu", "0.40", "60 min", "0.40", "0.38"]
    assert "a run costs 0.50, 0.40 of it for requests that nothing used" in planned.output
    assert json.loads(written.output)["costs"]["orders"]["a_run"] == 0.4


class AtOnce:
    """A timer that does not wait."""

    def __init__(self, _seconds: float, start: Callable[[], None]) -> None:
        self.start, self.cancel, self.join = start, list, list


def test_on_a_terminal_it_shows_how_far_reading_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "PATIENCE", 0)
    # Not in a thread of its own, which may come when everything is read.
    monkeypatch.setattr(progress, "Timer", AtOnce)

    found = UsageSource(folder / "home", None, None, 2).read(["__ASSET_JOB"])

    assert len(found) == 4
    assert "reading runs (8 events)" in terminal.getvalue()
