"""Projects of ``dg``: as ``create-dagster`` makes them, with its commands run in them; and folders of definitions."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dagster.components.testing import create_defs_folder_sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import dagster as dg

COMPONENTS = "dagster_plus_k8s_helpers.components"
TEMPLATES = f"{COMPONENTS}.template_vars"


def create_project(folder: Path) -> Path:
    """A new project, ``my_project``, that nobody installs."""
    run(folder, "create-dagster", "project", "my_project", "--no-uv-sync")
    return folder / "my_project"


def save(folder: Path, files: Mapping[str, str]) -> None:
    """Writes files, by their paths below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def run(folder: Path, name: str, *arguments: str, check: bool = True) -> str:
    """What a command prints in a folder; it asks nobody for a newer version, and reports to nobody."""
    settings = folder / ".dg-user.toml"
    settings.write_text("[cli.telemetry]\nenabled = false\n", "utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name(name), *arguments],
        cwd=folder,
        env={
            **os.environ,
            "COLUMNS": "200",
            "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0",
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DG_CLI_CONFIG": str(settings),
            "NO_COLOR": "1",
            "PYTHONPATH": str(folder / "src"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stdout
    assert check or done.returncode, f"{name} {' '.join(arguments)} found nothing\n{done.stdout}"
    return done.stdout


@contextmanager
def definitions_of(files: Mapping[str, str]) -> Iterator[dg.Definitions]:
    """What a folder of definitions with these files loads as, in this process."""
    with create_defs_folder_sandbox() as sandbox:
        save(sandbox.defs_folder_path, files)
        with sandbox.build_all_defs() as definitions:
            yield definitions


def cause(error: BaseException) -> str:
    """What the innermost error says: Dagster wraps one for each folder around the file."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)
