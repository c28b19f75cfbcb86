"""Whatever a file, a tag or an error holds, a terminal shows it as text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from rich.table import Table

import dagster_plus_k8s_helpers as package
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.commands.completing import deployments
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, Where
from dagster_plus_k8s_helpers.findings.forms import print_text
from dagster_plus_k8s_helpers.terminal import console, json_text, one_line, printable, write

HALF = "\ud800"
ESCAPE, LINK = "\x1b]0;owned\x07", "[link=https://evil.example]click[/link]"
NASTY = f"a{ESCAPE}b\u202ec\u2028d\x9be\rf"
SHOWN = r"a\x1b]0;owned\x07b\u202ec\u2028d\x9be\rf"
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

DEFINITIONS = """
import dagster as dg
from dagster_plus_k8s_helpers import k8s_executor

CONFIG = {{
    "pod_spec_config": {{
        "node_selector": {{"[/nope]": "{link}", "[bold]:smile:": {nasty!r}}},
        "tolerations": [{{"key": {nasty!r}, "operator": "Exists"}}, {{"key": "x\\nrun of forged", "operator": "Exists"}}],
    }},
}}

@dg.asset(op_tags={{"dagster-k8s/config": CONFIG}})
def train(): ...

defs = dg.Definitions([train], executor=k8s_executor(image="project:1"))
"""


def run(*arguments: str) -> str:
    """What a command prints, and what it says when it cannot."""
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.output


@pytest.fixture
def module(tmp_path: Path) -> tuple[str, ...]:
    name = f"nasty_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(DEFINITIONS.format(link=LINK, nasty=NASTY))
    return ("-m", name, "-d", str(tmp_path))


def test_a_plan_shows_selectors_and_tolerations_as_text(module: tuple[str, ...]) -> None:
    shown = run("plan", *module)

    assert not OBEYED.search(shown)
    assert "".join(shown.split()).count("[/nope]=" + LINK.replace(" ", "")) == 1
    assert SHOWN in shown.replace("\n", "") or r"\x1b]0;owned\x07" in shown
    assert not re.search("^ *run of forged", shown, re.MULTILINE)


def test_an_explanation_shows_fields_and_values_as_text(module: tuple[str, ...]) -> None:
    shown = run("explain", *module, "__ASSET_JOB", "train")

    assert not OBEYED.search(shown)
    assert LINK in shown
    assert "[bold]:smile:" in shown


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_plan_that_is_piped_holds_no_escape_sequence(module: tuple[str, ...], form: str) -> None:
    assert "\x1b" not in run("plan", *module, "-o", form)


def test_an_error_quotes_a_file_as_text(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text('dagsterCloud: {"\\e]0;owned\\a\\u202E": 1, "x\\nnothing found": 2}\n', encoding="utf-8")
    name = f"evil\u202e{file.name}"
    (tmp_path / name).write_text(file.read_text())

    for shown in (
        run("check", str(tmp_path / name)),
        run("agent", "set", "dagsterCloud.nope", "1", str(tmp_path / name)),
        run("plan", "-m", f"no_such{ESCAPE}"),
        run("explain", "-m", f"no_such{ESCAPE}", "job", "step"),
        run("location", "render", "--module", f"no_such{ESCAPE}:X"),
        run("render", f"no_such{ESCAPE}:X"),
    ):
        assert not OBEYED.search(shown), repr(shown)
        assert not re.search("^nothing found", shown, re.MULTILINE), shown


def test_a_finding_is_one_line_of_text() -> None:
    finding = Rule("DPK999", Severity.ERROR, "why", "mend it").at(Where("f"), f"{NASTY}\nf:1:1: error")

    assert str(finding) == rf"f: error DPK999: {SHOWN}\nf:1:1: error; mend it"


def test_findings_on_a_terminal_are_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_text([Rule("DPK999", Severity.ERROR, "why", LINK).at(Where("[/nope]"), NASTY)])

    shown = capsys.readouterr().out
    assert not OBEYED.search(shown)
    assert (LINK in shown, "[/nope]" in shown) == (True, True)


def test_whatever_is_put_into_a_table_comes_out_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("Name", box=None)
    table.add_row(f"{LINK} {NASTY}\nforged :smile:")

    console(least=100).print(f"{LINK} {NASTY} :smile:")
    console(least=100).print(table)

    of_line, _heading, of_row = capsys.readouterr().out.splitlines()
    assert of_line == f"{LINK} {SHOWN} :smile:"
    assert of_row.strip() == rf"{LINK} {SHOWN}\nforged :smile:"


NASTY_NAME = '"x\\e]0;owned\\a\\nforged: nothing found"'


@pytest.mark.parametrize("command", ["plan", "check"])
def test_what_a_file_calls_deployments_and_pools_is_text(
    module: tuple[str, ...], tmp_path: Path, command: str
) -> None:
    values, nodes = tmp_path / "values.yaml", tmp_path / "nodes.yaml"
    values.write_text(f"dagsterCloud: {{deployments: [{NASTY_NAME}]}}\n")
    pool = "allocatable: {cpu: 8, memory: 32Gi}, price_per_hour: 1"
    nodes.write_text(f"pools: [{{name: {NASTY_NAME}, {pool}}}]\n")

    shown = run(command, *module, "--agent", str(values), "--deployment", "other", "--nodes", str(nodes))

    assert "serves x" in shown
    assert not OBEYED.search(shown)
    assert not re.search("^ *forged", shown, re.MULTILINE)


def test_a_shell_completes_no_name_that_it_would_obey(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(f"dagsterCloud: {{deployments: [prod, {NASTY_NAME}]}}\n")
    context = click.Context(click.Command("plan"))
    context.params["agent"] = str(values)

    found = deployments(context, click.Option(["--deployment"]), "")

    assert [item.value for item in found] == ["prod", "local"]


PACKAGE = Path(package.__file__).parent
PRINTING = re.compile(
    r"click\.s?echo\w*\(|(?<![.\w])print\(|sys\.(?:stdout|stderr|__std\w+)\.\w*write|\bConsole\("
)
ELSEWHERE = {"commands/progress.py"}
"""What draws how far a command is, with each text made a line."""


def test_nothing_is_printed_but_through_one_place() -> None:
    files = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
    of_package = [file for file in files if not file.startswith("starting/template/")]
    printing = {file for file in of_package if PRINTING.search((PACKAGE / file).read_text("utf-8"))}

    assert printing == {"terminal.py", *ELSEWHERE}


@pytest.mark.parametrize(("is_terminal", "shown"), [(True, r"a: \u202eb"), (False, "a: \u202eb")])
def test_a_document_is_exact_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shown: str, *, is_terminal: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)

    write("a: \u202eb\n")

    assert capsys.readouterr().out == f"{shown}\n"


def test_text_of_any_language_stays_as_it_is() -> None:
    text = "Größe 大きさ गति 👩‍🔬 ∑"
    assert (one_line(text), printable(f"{text}\n\t{text}\n")) == (text, f"{text}\n\t{text}\n")
    assert one_line("a\tb\nc") == r"a\tb\nc"
    assert one_line("\ud800\U000e0041") == r"\ud800\U000e0041"


def test_half_of_a_pair_is_written_where_no_encoding_has_it(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    write(json_text({"why": f"a{HALF}b"}))

    written = capfdbinary.readouterr().out
    assert written == b'{\n  "why": "a\\ud800b"\n}\n'
    assert json.loads(written) == {"why": f"a{HALF}b"}
