"""The files of a project that may say something of Dagster, without what is installed, built or hidden."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.project_folder import files_beneath

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ProjectFile", "files_in", "spot"]

_SUFFIXES = frozenset({".py", ".toml", ".yaml", ".yml"})
_MOST_BYTES = 1_000_000
_MOST_FILES = 20_000
_MOST_SEEN = 1_000_000
"""Of any folder; what is nearest to the top is looked at, wherever it comes by name."""


class ProjectFile(NamedTuple):
    """A file and its text.

    Attributes:
        name: Its path in the project, with slashes.
        text: What it says.
    """

    name: str
    text: str


def files_in(folder: Path) -> Iterator[ProjectFile]:
    """Files of Python, TOML and YAML, those nearest to the top first; what is no text is left out.

    Args:
        folder: Of the project. Links out of it are not followed.
    """
    paths = (path for path in files_beneath(folder) if path.suffix in _SUFFIXES)
    nearest = sorted(islice(paths, _MOST_SEEN), key=lambda path: (len(path.parts), path))
    for path in nearest[:_MOST_FILES]:
        try:
            if path.stat().st_size > _MOST_BYTES:
                continue
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        yield ProjectFile(path.relative_to(folder).as_posix(), text)


def spot(file: str, line: int) -> str:
    """How a place is written, as editors take it."""
    return f"{file}:{line}"
