"""``dagster-plus-k8s init``: a new code location from the template."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click

from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.progress import progress
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, StartError
from dagster_plus_k8s_helpers.starting.answers import CLOUDS, SECRETS, Answers, name_for
from dagster_plus_k8s_helpers.terminal import echo, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["init"]

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(
    epilog=examples("init shop-orders --cloud eks --secrets aws --spot --yes", "init --existing"),
)
@click.argument("folder", metavar="[DIR]", type=_FOLDER, required=False)
@click.option("--name", metavar="NAME", help="Name of the project; that of DIR when left out.")
@click.option("--cloud", type=click.Choice(CLOUDS), help="Where the cluster runs.  [default: gke]")
@click.option("--secrets", type=click.Choice(SECRETS), help="Where secrets come from.  [default: kubernetes]")
@click.option("--gpu/--no-gpu", default=None, help="Whether there are nodes with GPUs.  [default: no-gpu]")
@click.option("--spot/--no-spot", default=None, help="Whether there are spot nodes.  [default: no-spot]")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: take the default of what is left out.")
@click.option(
    "--existing", is_flag=True, help="Say what to change first in the project that is in DIR; write nothing."
)
def init(*, folder: Path | None, yes: bool, existing: bool, **given: Any) -> None:
    """Make a new code location in DIR: a project for dg, with tests, the agent's values and a workflow.

    What is not given by an option is asked. The project passes its own tests, and `check`, as it is. DIR is
    new or empty; nothing is left of what could not be finished. Needs the extra init.

    With --existing nothing is made: what the project in DIR, or in the working folder, has of Dagster and
    Kubernetes is listed, with the three changes to make first.
    """
    if existing:
        refused = [option for name, option in _OPTIONS.items() if given[name] is not None] + ["--yes"] * yes
        if refused:
            raise click.UsageError(f"--existing makes nothing; leave out {', '.join(refused)}")
        _show_existing(folder or Path())
        return
    if folder is None:
        raise click.UsageError("give the DIR to make, or --existing for what is in the working folder")
    try:
        from dagster_plus_k8s_helpers.starting.new_project import check_ready, new_project

        check_ready(folder)
        answers = _answers(folder, given, is_asking=not yes)
        with progress(f"making {answers.name}"):
            new_project(folder, answers)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    echo(one_line(f"made {answers.name} in {folder}; next:"))
    enter = f"cd {shlex.quote(str(folder))} && " if folder.resolve() != Path.cwd() else ""
    echo(one_line(f"  {enter}pip install --editable . --group dev"))
    echo("  pytest")
    echo("  dg dev")


def _show_existing(folder: Path) -> None:
    """Prints what a project has, and what to change in it first."""
    from dagster_plus_k8s_helpers.starting.existing.look import look

    if not folder.is_dir():
        raise CannotAnswerError(f"there is no folder {folder}")
    try:
        found = look(folder)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    for name, value in found.rows():
        echo(f"{name:<16}{one_line(value)}")
    changes = found.first_changes()
    echo("\nchange first:" if changes else "\nnothing is to be changed first")
    for number, change in enumerate(changes, start=1):
        echo(f"{number}. {one_line(f'{change.place}: {change.reason}')}")
        echo(indent(change.write.rstrip("\n"), "     "))
    inside = "" if folder.resolve() == Path.cwd() else f", in {one_line(str(folder))}"
    echo(f"\nthen see what will run, and what is wrong with it{inside}:")
    echo(f"  {one_line(found.plan_command())}")
    echo(f"  {one_line(found.check_command())}")


def _answers(folder: Path, given: dict[str, Any], *, is_asking: bool) -> Answers:
    """What the options say, and for the others what is answered, or the defaults."""
    if given["name"] is not None:
        Answers(given["name"])  # is refused before anything is asked
    missing = [name for name in _OPTIONS if given[name] is None]
    if is_asking and missing and not sys.stdin.isatty():
        options = ", ".join(_OPTIONS[name] for name in missing)
        raise click.UsageError(f"there is no terminal to ask on; give {options}, or --yes for the defaults")
    answered: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in missing:
        if is_asking:
            answered[name] = _ASK[name](folder)
        elif name == "name":
            answered[name] = name_for(folder)
    return Answers(**answered)


_OPTIONS = {
    "name": "--name",
    "cloud": "--cloud",
    "secrets": "--secrets",
    "gpu": "--gpu or --no-gpu",
    "spot": "--spot or --no-spot",
}


def _ask_name(folder: Path) -> str:
    return str(click.prompt("Name of the project", default=name_for(folder), value_proc=_checked_name))


def _checked_name(text: str) -> str:
    try:
        return Answers(text.strip()).name
    except StartError as error:
        raise click.UsageError(str(error)) from None


_ASK: dict[str, Callable[[Path], Any]] = {
    "name": _ask_name,
    "cloud": lambda _: click.prompt("Where does the cluster run", default="gke", type=click.Choice(CLOUDS)),
    "secrets": lambda _: click.prompt(
        "Where do secrets come from", default="kubernetes", type=click.Choice(SECRETS)
    ),
    "gpu": lambda _: click.confirm("Are there nodes with GPUs", default=False),
    "spot": lambda _: click.confirm("Are there spot nodes", default=False),
}
