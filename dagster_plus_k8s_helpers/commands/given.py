"""Files that a command is given: by their paths, or as standard input, which is one file."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from dagster_plus_k8s_helpers.check.files.source import Source
from dagster_plus_k8s_helpers.commands.frame import CannotAnswerError

__all__ = ["FILE", "STDIN_NAME", "given"]

FILE = click.Path(allow_dash=True, readable=False)
"""A file or ``-``, for shells that complete it; whether it can be read `given` says."""

STDIN_NAME = "standard input"
_STDIN = "-"
_TAKEN = f"{__name__}.taken"


def given(file: str) -> Source:
    """What a file holds, or standard input where the file is ``-``.

    Raises:
        UsageError: Standard input has been read for another file.
        CannotAnswerError: The file cannot be read.
    """
    if file != _STDIN:
        name = click.format_filename(file)
        try:
            return Source(name, Path(file).read_bytes())
        except OSError as error:
            why = "it is a folder; give the files in it" if Path(file).is_dir() else error.strerror or error
            raise CannotAnswerError(f"cannot read {name}: {why}") from None
    meta = click.get_current_context().meta
    if meta.get(_TAKEN):
        raise click.UsageError("only one file can be -, which is standard input")
    meta[_TAKEN] = True
    return Source(STDIN_NAME, sys.stdin.buffer.read())
