"""The files of a project that may say something of Dagster, without what is installed, built or hidden."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ProjectFile", "files_in", "spot"]

_SUFFIXES = frozenset({".py", ".toml", ".yaml", ".yml"})
_NOT_IN = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})
_MOST_BYTES = 1_000_000
_MOST_FILES = 20_000


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
    for path in sorted(_paths(folder), key=lambda path: (len(path.parts), path)):
        try:
            if path.stat().st_size > _MOST_BYTES:
                continue
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            continue
        yield ProjectFile(path.relative_to(folder).as_posix(), text)


def _paths(folder: Path) -> list[Path]:
    found: list[Path] = []
    for at, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _NOT_IN
            and not name.startswith(".")
            and not name.endswith(".egg-info")
            and not Path(at, name, "pyvenv.cfg").exists()
        )
        found += [Path(at, name) for name in names if Path(name).suffix in _SUFFIXES]
        if len(found) > _MOST_FILES:
            break
    return found


def spot(file: str, line: int) -> str:
    """How a place is written, as editors take it."""
    return f"{file}:{line}"
