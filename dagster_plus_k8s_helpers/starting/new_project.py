"""A new code location from the template: made whole beside its place, then moved there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import MissingExtraError, StartError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dagster_plus_k8s_helpers.starting.answers import Answers

__all__ = ["TEMPLATE", "check_ready", "new_project", "rendered", "write_snapshot"]

TEMPLATE = Path(__file__).with_name("template")
"""As copier reads it: its questions, and the folder ``project``."""

_PACKAGE = "dagster-plus-k8s-helpers"
_SHOWN = 5
_HARMLESS = frozenset({".git"})
"""What may be in a folder already: a repository that was just made."""

_WRITE_SNAPSHOT = """
import sys
from importlib import import_module
from pathlib import Path

sys.path[:0] = ["src", "."]
from dagster_plus_k8s_helpers import AgentValues, DagsterCloudConfig, Deployment
from dagster_plus_k8s_helpers.plan import plan
from dagster_plus_k8s_helpers.testing import assert_matches_snapshot

PROD = Deployment("full", "prod", in_cluster=True)
definitions = import_module(sys.argv[1] + ".definitions").definitions_for(PROD)
(location,) = DagsterCloudConfig.from_yaml(Path("dagster_cloud.yaml")).locations
agent = AgentValues.from_yaml(Path("deploy/values.yaml"))
nightly = plan(definitions, job="nightly", agent=agent, location=location, deployment=PROD)
assert_matches_snapshot(nightly, "tests/snapshots/nightly.yaml")
"""


def new_project(folder: Path, answers: Answers) -> None:
    """Makes a project, or nothing.

    Args:
        folder: Where it is to be: a new folder, or one that is empty or a new git repository.
        answers: What it is to be like.

    Raises:
        StartError: There is something in the folder already, or it cannot be written.
        MissingExtraError: copier is not installed.
    """
    check_ready(folder)
    place = folder.resolve()
    missing = [parent for parent in place.parents if not parent.exists()]
    try:
        is_new = not place.exists()
        place.parent.mkdir(parents=True, exist_ok=True)
        # On the same disk as the place, which may be one of its own when it is there already.
        beside = place.parent if is_new else place
        with tempfile.TemporaryDirectory(dir=beside, prefix=f".{place.name}-") as folder_beside:
            made = Path(folder_beside) / "project"
            rendered(made, {**answers.as_data(), "version": version(_PACKAGE)})
            write_snapshot(made, answers.package)
            if is_new:
                made.rename(place)
            else:
                _move_into(made, place)
    except OSError as error:
        raise StartError(f"cannot write {error.filename or folder}: {error.strerror or error}") from None
    finally:
        if not place.exists():
            for parent in missing:  # the innermost first
                with suppress(OSError):
                    parent.rmdir()


def check_ready(folder: Path) -> None:
    """Whether a project could be made in a folder.

    Raises:
        StartError: The folder has something in it, which the message names.
        MissingExtraError: copier is not installed.
    """
    if find_spec("copier") is None:
        raise MissingExtraError("copier", extra="init")
    if not folder.exists() and not folder.is_symlink():
        return
    if not folder.is_dir():
        raise StartError(f"{folder} is a file; name a folder that is new or empty")
    there = sorted(item.name for item in folder.iterdir() if item.name not in _HARMLESS)
    if there:
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        raise StartError(
            f"{folder} is not empty, it has {', '.join(there[:_SHOWN])}{more}; name a new folder"
        )


def rendered(folder: Path, data: Mapping[str, object]) -> None:
    """Writes what the template becomes with these answers.

    Args:
        folder: A new folder.
        data: The answers, by the names of the template's questions.
    """
    import copier  # noqa: PLC0415 - of the extra init

    # Nobody's own settings of copier: the answers are all there is.
    copier.run_copy(
        str(TEMPLATE), folder, data=dict(data), defaults=True, quiet=True, settings=copier.Settings()
    )


def write_snapshot(project: Path, package: str) -> None:
    """Writes the Jobs of the project's nightly run down, as the installed dagster makes them.

    In a process of its own: the definitions are loaded as prod loads them, and nothing of them stays.
    """
    unset = {"DAGSTER_CLOUD_DEPLOYMENT_NAME", "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT"}
    done = subprocess.run(  # noqa: S603 - our own program, and a package name that was looked at
        [sys.executable, "-W", "ignore", "-B", "-c", _WRITE_SNAPSHOT, package],
        cwd=project,
        env={
            **{name: value for name, value in os.environ.items() if name not in unset},
            "DAGSTER_PLUS_K8S_UPDATE_SNAPSHOTS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise StartError(f"the new project does not load: {last}")


def _move_into(made: Path, place: Path) -> None:
    """Moves what was made into a folder; all of it, or nothing."""
    moved: list[Path] = []
    try:
        for item in sorted(made.iterdir()):
            item.rename(place / item.name)
            moved.append(place / item.name)
    except BaseException:
        for item in moved:
            item.rename(made / item.name)
        raise
