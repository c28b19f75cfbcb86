"""``dagster-plus-k8s migrate``: dictionaries of ``dagster-k8s/config`` as typed configs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError, examples
from dagster_plus_k8s_helpers.commands.given import FILE, given
from dagster_plus_k8s_helpers.commands.planning import env_option, folder_option, pairs, refuse_lone
from dagster_plus_k8s_helpers.commands.progress import progress
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, MissingExtraError
from dagster_plus_k8s_helpers.terminal import echo, one_line, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.migrating.project import Changed

__all__ = ["migrate"]

_PLANS = "dagster_plus_k8s_helpers.commands.migrated_plans"
_SHOWN = 20
_YAML = {".yaml", ".yml"}


@click.command(
    epilog=examples(
        "migrate",
        "migrate shop -m shop.definitions --write",
        "migrate values.yaml > deploy/agent_values.py",
    )
)
@click.argument("paths", nargs=-1, metavar="[PATHS]...", type=FILE)
@click.option(
    "--write", "writes", is_flag=True, help="Change the files, instead of showing what would change."
)
@click.option(
    "-m",
    "--module",
    metavar="MODULE[:NAME]",
    help="Compare the plans of these definitions before and after; nothing changes unless they are the same.",
)
@folder_option
@env_option
@click.option(
    "--deployment", metavar="NAME", default="prod", show_default=True, help="The deployment to plan for."
)
def migrate(
    paths: tuple[str, ...],
    *,
    writes: bool,
    module: str | None,
    folder: Path | None,
    env: tuple[str, ...],
    deployment: str,
) -> None:
    """Rewrite dictionaries of dagster-k8s/config in Python as typed configs; show it as git diff does.

    PATHS are files and folders; the working folder when left out. Each typed config is proved to say what
    the dictionary says, to dagster_k8s too. What cannot be rewritten stays, and is told with its place and
    the reason.

    A values.yaml or dagster_cloud.yaml, or standard input for -, is printed as Python instead.

    Exit code 0: everything is rewritten, or nothing was to do. 1: something stays as it is, or the plans
    differ. 2: the command cannot answer.
    """
    _refuse_missing_extra()
    files = [path for path in paths if path == "-" or Path(path).suffix.lower() in _YAML]
    if files and (len(paths) > 1 or writes or module):
        raise click.UsageError("a file of YAML is printed as Python: give it alone, without an option")
    source = click.get_current_context().get_parameter_source("deployment")
    has_deployment = source is click.core.ParameterSource.COMMANDLINE
    refuse_lone(
        {"-d": folder, "--env": env, "--deployment": has_deployment}, "-m", is_there=module is not None
    )
    if files:
        _print_python(files[0])
        return
    request: dict[str, Any] | None = None
    if module is not None:
        request = {"module": module, "folder": None if folder is None else str(folder)}
        request |= {"env": pairs("--env", env), "deployment": deployment}
    changed = _changed(paths)
    for item in changed:
        for left in item.result.left:
            echo(one_line(f"{item.path}:{left.line or 1}: left as it is: {left.reason}"), err=True)
    done = [item for item in changed if item.result.done]
    stays = _apply(done, request, writes=writes)
    if stays or any(item.result.left for item in changed):
        raise click.exceptions.Exit(1)


def _apply(done: Sequence[Changed], request: Mapping[str, Any] | None, *, writes: bool) -> bool:
    """Shows or writes what changes, and what is proved of it; whether a file stays all the same."""
    if not done:
        echo("nothing to rewrite", err=True)
        return False
    proved = [_proved(done)]
    if request is not None:
        proved += _compare_plans(done, request)
    stays = _write(done) if writes else _show(done)
    for line in proved:
        echo(one_line(line), err=True)
    if not writes:
        echo("nothing is written; --write changes the files", err=True)
    return stays


def _refuse_missing_extra() -> None:
    from importlib.util import find_spec

    if find_spec("libcst") is None:
        raise CannotAnswerError(str(MissingExtraError("libcst", extra="migrate")))


def _changed(paths: Sequence[str]) -> list[Changed]:
    from dagster_plus_k8s_helpers.migrating.project import Project

    for path in paths:
        if not Path(path).exists():
            raise CannotAnswerError(f"cannot read {click.format_filename(path)}: there is no such file")
    with progress("reading modules"):
        return Project([Path(path) for path in paths] or [Path()], Path()).rewritten()


def _proved(done: Sequence[Changed]) -> str:
    """What is proved of each place, without running anything of the project's."""
    count = sum(len(item.result.done) for item in done)
    open_ = sum(item.result.open for item in done)
    places = f"{_count(count, 'config')} in {_count(len(done), 'file')}"
    said = f"{places}: what dagster_k8s reads of each is the same"
    if open_:
        said += (
            f", whatever the {_count(open_, 'expression')} in them that only the program knows will be; "
            "-m MODULE compares the plans"
        )
    return said


def _compare_plans(done: Sequence[Changed], request: Mapping[str, Any]) -> list[str]:
    """What is the same in the plans before and after; ends the command when something is not."""
    from dagster_plus_k8s_helpers.migrating.plans import Same, compared, plans_of

    files = [item.path for item in done]
    contents = {item.path: item.source.encoded(item.result.text) for item in done if item.source is not None}
    try:
        with progress("planning before"):
            before = plans_of(_PLANS, request, files, {})
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(f"there is no plan to compare with: {error}") from None
    try:
        with progress("planning after"):
            after = plans_of(_PLANS, request, files, contents)
    except DagsterPlusK8sError as error:
        echo(one_line(f"nothing is changed: with typed configs there is no plan: {error}"), err=True)
        raise click.exceptions.Exit(1) from None
    found = compared(before, after)
    if not isinstance(found, Same):
        echo(f"nothing is changed: the plan would be another one in {_count(len(found), 'place')}", err=True)
        for line in found[:_SHOWN]:
            echo(one_line(f"  {line}"), err=True)
        if len(found) > _SHOWN:
            echo(f"  and {len(found) - _SHOWN} more", err=True)
        raise click.exceptions.Exit(1)
    said = [f"the plan of {_count(found.pods, 'pod')} in {_count(found.jobs, 'job')} is the same"]
    if found.refused:
        said.append(f"{_count(found.refused, 'job')} without a plan, before as after")
    unseen = [item.path for item in done if str(item.path.resolve()) not in after.loaded]
    return said + [f"{path}: {request['module']} does not import it, so no plan shows it" for path in unseen]


def _show(done: Sequence[Changed]) -> bool:
    from dagster_plus_k8s_helpers.migrating.files import diff

    for item in done:
        if item.source is not None:
            write(diff(item.path, item.source.content, item.source.encoded(item.result.text)))
    return False


def _write(done: Sequence[Changed]) -> bool:
    """Writes what changes; whether a file stays all the same."""
    from dagster_plus_k8s_helpers.migrating.files import UnreadableError, write_source

    stays = False
    for item in done:
        if item.source is None:
            continue
        try:
            write_source(item.source, item.source.encoded(item.result.text))
        except UnreadableError as error:
            echo(one_line(f"{item.path}: left as it is: {error}"), err=True)
            stays = True
        else:
            echo(one_line(f"{item.path}: {_count(len(item.result.done), 'config')} rewritten"), err=True)
    return stays


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _print_python(file: str) -> None:
    from dagster_plus_k8s_helpers.migrating.yaml_files import python_of

    source = given(file)
    try:
        text, notes = python_of(source.content, source.name)
    except DagsterPlusK8sError as error:
        raise CannotAnswerError(str(error)) from None
    write(text)
    for note in notes:
        echo(one_line(f"{source.name}:{note.line}: {note.text}"), err=True)
