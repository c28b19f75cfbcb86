"""The files of a project's folder, without what is installed, built or hidden."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["files_beneath"]

_PASSED_BY = frozenset({"__pycache__", "build", "dist", "node_modules", "site-packages", "venv"})


def files_beneath(folder: Path) -> Iterator[Path]:
    """The files in a folder and in those beneath it, by name.

    Folders with a dot before their name, environments, builds and links to folders are passed by.

    Args:
        folder: Of the project.
    """
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _PASSED_BY
            and not name.startswith(".")
            and not name.endswith(".egg-info")
            and not Path(root, name, "pyvenv.cfg").exists()
        )
        yield from (Path(root, name) for name in sorted(files))
