"""What every command has in common: help, examples, exit codes, errors without a traceback, colours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from command_folder import forget_modules, run_line, write_files

from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.commands import explain_code, given
from dagster_plus_k8s_helpers.commands.frame import PROGRAM, examples_of, walk

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY = dict(walk(main))
LEAVES = {words: command for words, command in EVERY.items() if not isinstance(command, click.Group)}
INSTALLED = Path(sys.executable).with_name(PROGRAM)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    write_files(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    forget_modules()


def call(*arguments: str, **given: Any) -> Result:
    return CliRunner().invoke(main, arguments, **given)


def started(*arguments: str, **given: Any) -> subprocess.Popen[str]:
    return subprocess.Popen([INSTALLED, *arguments], text=True, **given)


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help(words: tuple[str, ...], option: str) -> None:
    result = call(*words, option)

    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: ")
    assert "\\" not in result.stdout  # the mark of click for lines that stay as they are
    assert result.stderr == ""


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_command_says_its_version(words: tuple[str, ...]) -> None:
    result = call(*words, "--version")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{PROGRAM}, version ")


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_the_help_of_every_command_has_an_example_of_it(words: tuple[str, ...]) -> None:
    found = examples_of(EVERY[words])

    assert found
    assert [line for line in found if line.split()[: len(words)] != list(words)] == []
    shown = [line.strip() for line in call(*words, "--help").stdout.splitlines()]
    assert [line for line in found if f"$ {PROGRAM} {line}" not in shown] == []


@pytest.mark.parametrize("line", {line: None for command in EVERY.values() for line in examples_of(command)})
def test_an_example_works(folder: Path, line: str) -> None:
    for before in PREPARED.get(line, ()):
        assert run_line(before, folder).exit_code == 0

    result = run_line(line, folder)

    assert result.exit_code == 0, result.output


PREPARED: dict[str, tuple[str, ...]] = {
    "plan -m shop.definitions --agent values.yaml --diff before.json": (
        "plan -m shop.definitions --agent values.yaml -o json > before.json",
    )
}
"""What an example's reader has done before."""

NO_SUCH = "no-such-file.yaml"
BROKEN_CONFIG = "dagsterClod: {}\n"
CODES = [
    ("check values.yaml", 0),
    ("check broken.yaml", 1),
    (f"check {NO_SUCH}", 2),
    ("check", 2),
    ("check values.yaml -o xml", 2),
    (f"check -m shop.definitions --location {NO_SUCH}", 2),
    ("check -m shop.definitions --location listless.yaml", 1),
    ("check values.yaml -d shop", 2),
    ("check values.yaml --branch", 2),
    ("check values.yaml --env A=1", 2),
    ("check -m shop.definitions --runs 5", 2),
    ("plan -m shop.definitions", 0),
    ("plan -m shop.definitions --runs 5", 2),
    ("plan -m shop.definitions --nodes small.yaml", 1),
    ("plan -m shop.definitions --job no_such_job", 2),
    ("plan -m no_such_module", 2),
    ("plan -m shop.definitions --diff values.yaml", 2),
    ("plan -m shop.definitions --diff plan.json -o html", 2),
    ("plan -m shop.definitions -o markdown", 2),
    (f"plan -m shop.definitions --agent {NO_SUCH}", 2),
    (f"plan -m shop.definitions --nodes {NO_SUCH}", 2),
    ("plan -m shop.definitions --agent - --nodes - < values.yaml", 2),
    ("plan", 2),
    ("explain -m shop.definitions __ASSET_JOB orders memory", 0),
    ("explain -m shop.definitions __ASSET_JOB no_such_step", 2),
    ("explain-code DPK101", 0),
    ("explain-code DPK999", 2),
    ("render shop.pods:TRAIN", 0),
    ("render shop.pods:NONE", 2),
    ("render shop.pods", 2),
    ("rightsize -m shop.definitions --instance dagster_home", 0),
    ("rightsize -m shop.definitions --instance shop", 2),
    ("agent values --module deploy.agent:VALUES", 0),
    ("agent values --module deploy.agent:NONE", 2),
    ("agent set dagsterCloudAgent.replicas 2 values.yaml", 0),
    ("agent set dagsterCloudAgent.replicas many values.yaml", 2),
    (f"agent set dagsterCloudAgent.replicas 2 {NO_SUCH}", 2),
    ("agent set --no-such-option values.yaml", 2),
    ("agent commands --values values.yaml", 0),
    ("agent commands --values - < values.yaml", 0),
    ("agent commands --values broken.yaml", 2),
    ("agent commands --values dagster_cloud.yaml", 2),
    (f"agent commands --values {NO_SUCH}", 2),
    ("agent diff values.yaml new-values.yaml", 0),
    ("agent diff values.yaml broken.yaml", 1),
    ("agent diff broken.yaml values.yaml", 0),
    (f"agent diff values.yaml {NO_SUCH}", 2),
    ("agent diff values.yaml dagster_cloud.yaml", 2),
    ("agent diff values.yaml", 2),
    ("agent diff - - < values.yaml", 2),
    ("location diff dagster_cloud.yaml new-dagster_cloud.yaml", 0),
    ("location diff dagster_cloud.yaml nameless.yaml", 1),
    ("location diff dagster_cloud.yaml values.yaml", 2),
    ("init --existing", 0),
    ("init --existing --gpu", 2),
    ("init shop --yes", 2),
    ("init", 2),
    ("location render --module deploy.locations:LOCATIONS", 0),
    ("location render --module deploy.locations:NONE", 2),
    ("migrate shop", 0),
    ("migrate values.yaml", 0),
    ("migrate - < values.yaml", 0),
    ("migrate broken.yaml", 2),
    ("migrate untyped.py", 1),
    ("migrate no_such.py", 2),
    ("migrate values.yaml shop", 2),
    ("migrate --env A=1", 2),
    ("migrate --deployment prod", 2),
    ("migrate values.yaml --env A=1", 2),
    ("completion bash", 0),
    ("completion tcsh", 2),
    ("no-such-command", 2),
    ("--no-such-option", 2),
]


@pytest.mark.parametrize(("line", "code"), CODES)
def test_the_exit_code_is_one_of_three(folder: Path, line: str, code: int) -> None:
    (folder / "broken.yaml").write_text(BROKEN_CONFIG)
    (folder / "listless.yaml").write_text("locations: 3\n")
    (folder / "nameless.yaml").write_text("locations: [{image: a}]\n")
    (folder / "untyped.py").write_text('TAGS = {"dagster-k8s/config": made()}\n')
    (folder / "small.yaml").write_text("pools: [{name: small, allocatable: {cpu: 1, memory: 1Gi}}]\n")

    result = run_line(line, folder)

    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    if code == 2:
        assert result.stdout == ""
        assert "Error: " in result.stderr


def test_the_exit_codes_of_every_command_are_told_apart() -> None:
    """A command that is new is put into the table."""
    seen = {words for words in LEAVES for line, _ in CODES if line.split()[: len(words)] == list(words)}

    assert seen == set(LEAVES)


@pytest.mark.parametrize("line", ["location diff dagster_cloud.yaml named.yaml", "migrate named.yaml"])
def test_what_is_written_into_a_file_is_utf_8_on_windows_too(folder: Path, line: str) -> None:
    """There Python writes into a pipe as the old programs of that country do, which have not every letter."""
    (folder / "named.yaml").write_text("locations: [{location_name: Größe 大きさ, image: a:1}]\n", "utf-8")

    done = subprocess.run(
        [INSTALLED, *line.split()],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert "Größe 大きさ" in done.stdout.decode("utf-8")


def test_a_letter_that_the_output_has_not_is_no_fault(folder: Path) -> None:
    (folder / "shop" / "pods.py").write_text(
        "import dagster as dg\nfrom dagster_plus_k8s_helpers import k8s_executor, k8s_tags\n\n\n"
        '@dg.asset(op_tags=k8s_tags(env={"SIZE": "大きさ"}))\ndef orders(): ...\n\n\n'
        "defs = dg.Definitions(assets=[orders], executor=k8s_executor())\n",
        "utf-8",
    )

    done = subprocess.run(
        [INSTALLED, "explain", "-m", "shop.pods", "__ASSET_JOB", "orders", "env"],
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u5927" in done.stdout


def refuse(*_arguments: object) -> None:
    raise RuntimeError("password=hunter2hunter2\nis wrong")


@pytest.mark.usefixtures("folder")
def test_a_fault_of_this_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_code, "_listed", refuse)

    result = call("explain-code")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: internal error: RuntimeError: password=")
    assert "run it with --debug, and report what that shows at https://" in result.stderr
    assert result.stderr.count("\n") == 1
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize("arguments", [("--debug", "explain-code"), ("explain-code", "--debug")])
def test_debug_shows_where_an_error_comes_from(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr(explain_code, "_listed", refuse)

    result = call(*arguments)

    assert result.exit_code == 2
    assert "Traceback (most recent call last)" in result.stderr
    assert "in refuse" in result.stderr
    assert "hunter2" not in result.stderr


def test_debug_shows_the_error_of_the_users_own_module(folder: Path) -> None:
    (folder / "shop" / "definitions.py").write_text("def read():\n    return 1 / 0\n\n\nread()\n")

    short = run_line("plan -m shop.definitions", folder)
    full = run_line("plan -m shop.definitions --debug", folder)

    assert short.stderr == (
        "Error: cannot import 'shop.definitions': ZeroDivisionError: division by zero (definitions.py, line 2)\n"
    )
    assert "in read" in full.stderr
    assert full.stderr.endswith(short.stderr)


@pytest.mark.usefixtures("folder")
def test_standard_input_is_one_file() -> None:
    arguments = ["-m", "shop.definitions", "--agent", "-", "--run-config", "-"]
    result = call("plan", *arguments, input=b"{}")

    assert result.exit_code == 2
    assert "only one file can be -, which is standard input" in result.stderr


def test_every_option_for_a_file_takes_standard_input() -> None:
    """All but those that are written, or that are no one file."""
    kinds = {
        (words, parameter.name)
        for words, command in LEAVES.items()
        for parameter in command.params
        if isinstance(parameter.type, click.Path) and parameter.type.file_okay
        if parameter.type is not given.FILE
    }

    assert kinds == set()


FORMS = {"text", "yaml", "json", "html", "markdown", "github", "sarif"}


def test_forms_have_the_same_names_everywhere() -> None:
    choices = {
        words: set(parameter.type.choices)
        for words, command in LEAVES.items()
        for parameter in command.params
        if "-o" in parameter.opts and isinstance(parameter.type, click.Choice)
    }

    assert {words: found - FORMS for words, found in choices.items() if found - FORMS} == {}
    assert len(choices) >= 7


@pytest.mark.parametrize("command", ["plan", "rightsize"])
def test_the_older_name_of_text_is_known(folder: Path, command: str) -> None:
    arguments = f"{command} -m shop.definitions" + " --instance dagster_home" * (command == "rightsize")

    assert run_line(f"{arguments} -o table", folder).output == run_line(arguments, folder).output


@pytest.mark.parametrize(
    "line",
    [
        "render shop.pods:TRAIN -o json",
        "agent values --module deploy.agent:VALUES -o json",
        "location render --module deploy.locations:LOCATIONS -o json",
        "explain-code DPK101 -o json",
        "explain-code -o json",
        "explain -m shop.definitions __ASSET_JOB orders -o json",
    ],
)
def test_json_is_json(folder: Path, line: str) -> None:
    assert json.loads(run_line(line, folder).stdout)


def test_an_edit_of_standard_input_is_printed(folder: Path) -> None:
    result = run_line("agent set dagsterCloudAgent.replicas 2 - < values.yaml", folder)

    assert result.stdout == (folder / "values.yaml").read_text() + "dagsterCloudAgent:\n  replicas: 2\n"


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_a_pipe_has_colours_only_when_they_are_asked_for(
    folder: Path, environment: dict[str, str], *, is_coloured: bool
) -> None:
    (folder / "broken.yaml").write_text(BROKEN_CONFIG)
    done = subprocess.run(
        [INSTALLED, "check", "broken.yaml"],
        env={**without_colour_variables(), **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )

    assert done.stdout
    assert ("\x1b[" in done.stdout) == is_coloured


@pytest.mark.parametrize(
    ("environment", "is_coloured"), [({}, False), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False)]
)
def test_a_table_has_colours_as_findings_have(
    folder: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, is_coloured: bool
) -> None:
    for name in os.environ.keys() - without_colour_variables().keys():
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    shown = run_line("plan -m shop.definitions", folder).stdout

    assert ("\x1b[" in shown) == is_coloured
    assert "orders" in shown


def without_colour_variables() -> dict[str, str]:
    names = {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    return {name: value for name, value in os.environ.items() if name not in names}


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_has_colours_unless_they_are_not_wanted(
    folder: Path, environment: dict[str, str], *, is_coloured: bool
) -> None:
    (folder / "broken.yaml").write_text(BROKEN_CONFIG)

    shown = on_a_terminal(
        "check", "broken.yaml", cwd=folder, env={**without_colour_variables(), **environment}
    )

    assert "DPK101" in shown
    assert ("\x1b[" in shown) == is_coloured


def on_a_terminal(*arguments: str, **given: Any) -> str:
    """What the program prints on a terminal."""
    ours, theirs = os.openpty()
    with started(*arguments, stdout=theirs, stderr=theirs, **given) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: read(ours), b""))
        process.wait()
    os.close(ours)
    return shown.decode()


def read(terminal: int) -> bytes:
    """What comes next; nothing where the other end is closed, which Linux calls an error."""
    try:
        return os.read(terminal, 65_536)
    except OSError:
        return b""


WAITS = """\
import pathlib
pathlib.Path("begun").write_text("")
pathlib.Path("pipe").read_text()
"""


def test_what_takes_long_says_so_on_a_terminal_until_it_is_done(folder: Path) -> None:
    """The module waits until the test has seen the words, and prints them gone."""
    (folder / "shop" / "definitions.py").write_text(WAITS)
    os.mkfifo(folder / "pipe")
    ours, theirs = os.openpty()
    environment = {**without_colour_variables(), "TERM": "xterm"}
    with started(
        "plan", "-m", "shop.definitions", stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown = b""
        while b"loading shop.definitions" not in shown:
            piece = read(ours)
            assert piece, shown.decode()
            shown += piece
        (folder / "pipe").write_text("")
        after = b"".join(iter(lambda: read(ours), b""))
        assert process.stdout is not None
        assert process.stdout.read() == ""
    os.close(ours)

    assert after.decode().rstrip().endswith("Error: shop.definitions has no Definitions")


def test_an_interrupt_ends_it_without_a_traceback(folder: Path) -> None:
    (folder / "shop" / "definitions.py").write_text(WAITS)
    os.mkfifo(folder / "pipe")
    process = started(
        "plan",
        "-m",
        "shop.definitions",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Whoever starts the tests in the background has them, and what they start, ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # Opened once the module reads it, and left open.
    with process, (folder / "pipe").open("w"):
        process.send_signal(signal.SIGINT)
        output, said = process.communicate()

    assert (process.returncode, output, said) == (130, "", "")


@pytest.mark.parametrize("line", ["explain-code", "plan -m shop.definitions"])
def test_whoever_stops_reading_ends_it_without_a_word(folder: Path, line: str) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with started(*line.split(), stdout=theirs, stderr=subprocess.PIPE, cwd=folder) as process:
        os.close(theirs)
        assert process.stderr is not None
        said = process.stderr.read()

    assert (process.returncode, said) == (141, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_what_the_shell_reads(shell: str) -> None:
    shown = call("completion", shell).stdout

    assert f"_DAGSTER_PLUS_K8S_COMPLETE={shell}_complete" in shown
    assert shown.endswith("\n")


def completed(*words: str) -> list[str]:
    *before, begun = words
    found = ShellComplete(main, {}, PROGRAM, "_DAGSTER_PLUS_K8S_COMPLETE").get_completions(before, begun)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


def test_a_shell_completes_commands_options_forms_codes_and_files() -> None:
    assert completed("expl") == ["explain", "explain-code"]
    assert completed("agent", "val") == ["values"]
    assert completed("check", "--nod") == ["--nodes"]
    assert completed("check", "-o", "s") == ["sarif"]
    assert completed("explain-code", "dpk10") == completed("explain-code", "DPK10")
    assert "DPK101" in completed("explain-code", "dpk10")
    assert completed("check", "val") == ["<file>"]
    assert completed("check", "--agent", "") == ["<file>"]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_shell_completes_what_the_files_name(command: str) -> None:
    assert completed(command, "--location", "dagster_cloud.yaml", "--location-name", "") == ["shop"]
    assert completed(command, "--agent", "values.yaml", "--deployment", "") == ["prod", "local"]
    assert completed(command, "--agent", "values.yaml", "--deployment", "p") == ["prod"]
    assert completed(command, "--agent", NO_SUCH, "--deployment", "") == ["local"]
    assert completed(command, "--location-name", "") == []
