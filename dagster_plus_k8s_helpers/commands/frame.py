"""What every command has in common: how it ends, what it says when it cannot go on, and its examples.

Exit codes: 0, done and nothing found; 1, something was found; 2, no answer: used wrongly, something could not
be read, or a fault of this package; 130, interrupted; 141, whoever read the output has closed it.
"""

from __future__ import annotations

import io
import os
import select
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

import click

from dagster_plus_k8s_helpers.findings.pages import HOMEPAGE
from dagster_plus_k8s_helpers.terminal import echo, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PROGRAM", "CannotAnswerError", "Commands", "examples", "examples_of", "framed", "walk"]

PROGRAM = "dagster-plus-k8s"

_INTERRUPTED = 130
_CLOSED_PIPE = 141
_DEBUG = f"{__name__}.debug"
_BEFORE_EXAMPLES = "\b\nExamples:\n"


class CannotAnswerError(click.ClickException):
    """Something that keeps a command from answering, with the exit code for that."""

    exit_code = 2


class Commands(click.Group):
    """The program: whatever happens in a command ends in one of the exit codes, and in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, with the message of an error as text, and no traceback unless it is asked for."""
        # A table with a letter that the output has no bytes for is shown with what Python writes for that.
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if sys.stderr.isatty():
                echo("", err=True)  # the terminal shows ^C
            sys.exit(_INTERRUPTED)
        except click.exceptions.Exit:
            raise
        except click.ClickException as error:
            _show_traceback(ctx, error.__cause__ or error.__context__)
            # click has no other way to say it otherwise, and every kind of error shows this one.
            error.message = printable(error.message)  # type: ignore[misc]
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told in one line
            if isinstance(error, BrokenPipeError) and hasattr(select, "poll") and _is_output_closed():
                _end_quietly()
            _show_traceback(ctx, error)
            raise _internal(error) from None


def examples(*lines: str) -> str:
    """The epilog of a command: calls of it that work, one a line.

    Args:
        *lines: Calls without the name of the program; a line that begins with ``#`` says what for.
    """
    shown = (line if line.startswith("#") else f"$ {PROGRAM} {line}" for line in lines)
    return _BEFORE_EXAMPLES + "\n".join(f"  {line}" for line in shown)


def examples_of(command: click.Command) -> list[str]:
    """The calls that the help of a command shows, without the name of the program."""
    begin = f"  $ {PROGRAM} "
    lines = (command.epilog or "").splitlines()
    return [line.removeprefix(begin) for line in lines if line.startswith(begin)]


def walk(command: click.Command, *names: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and everything below it, each with the words that call it."""
    yield names, command
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from walk(below, *names, name)


def framed(program: click.Group) -> None:
    """Gives a program and every command of it what is the same everywhere: ``--debug``, ``--version``."""
    for _, command in walk(program):
        click.option(
            "--debug",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_remember_debug,
            help="Show the traceback of an error.",
        )(command)
        click.version_option(package_name="dagster-plus-k8s-helpers", prog_name=PROGRAM)(command)


def _remember_debug(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if value:
        ctx.meta[_DEBUG] = True


def _show_traceback(ctx: click.Context, error: BaseException | None) -> None:
    """Prints where an error comes from, if ``--debug`` is given, without what looks like a credential."""
    if error is not None and ctx.meta.get(_DEBUG):
        text = "".join(traceback.format_exception(error))
        echo(_masked(text), err=True, end="")


def _internal(error: Exception) -> CannotAnswerError:
    return CannotAnswerError(
        f"internal error: {type(error).__name__}: {one_line(_masked(str(error)))}; run it with --debug, "
        f"and report what that shows at {HOMEPAGE}"
    )


def _masked(text: str) -> str:
    """A text without what looks like a credential."""
    from dagster_plus_k8s_helpers.credentials.forms import literal_credentials, mask_credentials

    return mask_credentials(text, literal_credentials(os.environ))


def _is_output_closed() -> bool:
    """Whether nobody reads the output any more; a cluster's connection can break too."""
    looked = select.poll()
    with suppress(OSError):  # what is no file, in tests
        looked.register(sys.stdout.fileno(), select.POLLERR)
    return bool(looked.poll(0))


def _end_quietly() -> NoReturn:
    """Ends as a program does that is killed for writing where nobody reads."""
    # What is in the buffer would fail once more when Python ends.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(_CLOSED_PIPE)
