"""What takes longer than a second says so while it does: on a terminal, and nowhere else."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Timer
from typing import TYPE_CHECKING, Protocol

from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Told", "progress"]

PATIENCE = 1.0
"""Seconds that nobody wonders about."""


class Told(Protocol):
    """Takes how far something is."""

    def __call__(self, done: int, of: int, detail: str = "") -> None:
        """Takes it.

        Args:
            done: So many.
            of: Of so many.
            detail: What else there is to say.
        """
        ...


_shown: ContextVar[Callable[[str, int | None, int | None], None] | None] = ContextVar("_shown", default=None)


@contextmanager
def progress(what: str) -> Iterator[Told]:
    """Shows what is being done, and how far it is, if it takes longer than `PATIENCE`.

    What is done as a part of something that is shown already is shown in its place.

    Args:
        what: What, such as ``reading runs``.
    """
    outer = _shown.get()
    if outer is not None:
        outer(what, None, None)
        yield lambda done, of, detail="": outer(_said(what, detail), done, of)
        return
    if not sys.stderr.isatty() or os.environ.get("TERM") in {"dumb", "unknown"}:
        yield lambda done, of, detail="": None  # noqa: ARG005 - the names are those of Told
        return
    # Before the clock runs: what is imported in two threads waits for itself.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True, markup=False, no_color=bool(os.environ.get("NO_COLOR")) or None),
        transient=True,
        # What a user's module prints stays where it goes.
        redirect_stdout=False,
        redirect_stderr=False,
    )
    task = bar.add_task(one_line(what), total=None)

    def show(said: str, done: int | None, of: int | None) -> None:
        bar.update(task, completed=done, total=of, description=one_line(said))

    clock = Timer(PATIENCE, bar.start)
    clock.daemon = True
    before = _shown.set(show)
    clock.start()
    try:
        yield lambda done, of, detail="": show(_said(what, detail), done, of)
    finally:
        _shown.reset(before)
        clock.cancel()
        clock.join()
        bar.stop()


def _said(what: str, detail: str) -> str:
    return f"{what} ({detail})" if detail else what
