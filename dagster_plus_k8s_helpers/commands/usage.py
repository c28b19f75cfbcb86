"""Where the commands read what steps took: an instance's event log, or a web server's."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import click

from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError
from dagster_plus_k8s_helpers.commands.progress import progress
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError
from dagster_plus_k8s_helpers.terminal import echo, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers.rightsizing.history import Measured, Progress
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["UsageSource", "by_step", "refuse_lone_runs", "usage_options"]

P = ParamSpec("P")
R = TypeVar("R")

_NOWHERE = (
    "give --instance DAGSTER_HOME, or --url https://ORGANIZATION.dagster.cloud/DEPLOYMENT with "
    "--token-env NAME"
)


class UsageSource(NamedTuple):
    """Where to read.

    Attributes:
        instance: A ``DAGSTER_HOME``; the environment's when left out.
        url: Of a web server, instead of that.
        token_env: The variable that holds the token for it.
        runs: How many runs of each job.
    """

    instance: Path | None
    url: str | None
    token_env: str | None
    runs: int

    @property
    def is_given(self) -> bool:
        """Whether the command line says where."""
        return self.instance is not None or self.url is not None

    def read(self, jobs: Sequence[str]) -> list[Measured]:
        """What the steps of some jobs took.

        Raises:
            CannotAnswerError: It cannot be read.
        """
        from dagster import DagsterError
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        try:
            with progress("reading runs") as told:

                def progressed(done: int, of: int, events: int) -> None:
                    told(done, of, f"{events:,} events")

                return self._from_url(jobs, progressed) if self.url else self._from_instance(jobs, progressed)
        except (DagsterPlusK8sError, DagsterError) as error:
            raise CannotAnswerError(str(error)) from None
        except SQLAlchemyError as error:
            # Its own text goes on with the query, over many lines.
            said = one_line(str(error.orig if isinstance(error, DBAPIError) else error).strip())
            raise CannotAnswerError(f"the event log cannot be read: {said}") from None

    def _from_url(self, jobs: Sequence[str], progress: Progress) -> list[Measured]:
        from dagster_plus_k8s_helpers.rightsizing.remote import read_remote_history

        if self.token_env and not os.environ.get(self.token_env):
            raise CannotAnswerError(f"--token-env: there is no variable {self.token_env}")
        # Not in a local: a traceback that shows them shows this frame.
        return read_remote_history(
            str(self.url),
            jobs,
            token=os.environ.get(self.token_env or ""),
            runs=self.runs,
            progress=progress,
        )

    def _from_instance(self, jobs: Sequence[str], progress: Progress) -> list[Measured]:
        from dagster_plus_k8s_helpers.rightsizing.history import read_history

        with _opened(self.instance) as instance:
            return read_history(instance, jobs, runs=self.runs, progress=progress, passed=_tell_passed)


def by_step(measured: Sequence[Measured], partition: str | None) -> dict[str, list[Usage]]:
    """What attempts took, of one partition or of all, by the key of their step."""
    found: dict[str, list[Usage]] = {}
    for item in measured:
        if partition in {None, item.usage.partition}:
            found.setdefault(item.step, []).append(item.usage)
    return found


def usage_options(command: Callable[..., R]) -> Callable[..., R]:
    """Gives a command the options that say where to read, as the argument ``source``."""

    @click.option(
        "--instance",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="DAGSTER_HOME",
        help="Read what steps took from the event log of this instance; rightsize and check --usage take "
        "that of $DAGSTER_HOME when left out.",
    )
    @click.option(
        "--url",
        metavar="URL",
        help="Read it from a Dagster web server, such as https://ORGANIZATION.dagster.cloud/DEPLOYMENT.",
    )
    @click.option(
        "--token-env", metavar="NAME", help="The variable that holds a user token of Dagster+, for --url."
    )
    @click.option(
        "--runs",
        type=click.IntRange(min=1),
        default=30,
        show_default=True,
        help="How many of the newest runs of each job to read.",
    )
    @wraps(command)
    def with_options(
        *arguments: Any,
        instance: Path | None,
        url: str | None,
        token_env: str | None,
        runs: int,
        **options: Any,
    ) -> R:
        if instance is not None and url is not None:
            raise click.UsageError("--instance and --url are two places to read from; give one")
        if token_env is not None and url is None:
            raise click.UsageError("--token-env goes with --url")
        return command(*arguments, source=UsageSource(instance, url, token_env, runs), **options)

    return with_options


def refuse_lone_runs(beside: str, *, is_there: bool) -> None:
    """Refuses ``--runs`` where no run is read."""
    given = click.get_current_context().get_parameter_source("runs") is click.core.ParameterSource.COMMANDLINE
    if given and not is_there:
        raise click.UsageError(f"--runs goes with {beside}")


def _tell_passed(rows: int) -> None:
    echo(f"rows of the event log that hold no event, and were passed by: {rows}", err=True)


@contextmanager
def _opened(folder: Path | None) -> Iterator[dg.DagsterInstance]:
    """The instance of a folder, or of ``DAGSTER_HOME``."""
    import dagster as dg

    home = folder or (Path(os.environ["DAGSTER_HOME"]) if os.environ.get("DAGSTER_HOME") else None)
    if home is None:
        raise CannotAnswerError(_NOWHERE)
    # Dagster would make an instance of any folder.
    if not any((home / name).exists() for name in ("dagster.yaml", "history")):
        raise CannotAnswerError(f"{home} is no DAGSTER_HOME: it has neither dagster.yaml nor history")
    try:
        instance = dg.DagsterInstance.from_config(str(home.resolve()))
    # A storage raises what its database's client does.
    except Exception as error:  # noqa: BLE001
        raise CannotAnswerError(f"cannot open {home}: {type(error).__name__}: {error}") from None
    with instance:
        yield instance
