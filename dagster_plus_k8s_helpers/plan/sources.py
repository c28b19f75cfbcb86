"""The line of code, or of a ``defs.yaml``, that a step comes from, for what shows findings among files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.planning import function_of, references_of
from dagster_plus_k8s_helpers.findings.finding import Where

if TYPE_CHECKING:
    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.planning import Step

__all__ = ["source_of", "source_of_file"]

_CONFIG = re.compile(r"\{\{[^}]*\b(?:k8s|tags|gpu|spot|shm|kueue|kai|volcano)\(|dagster-k8s/config")
"""What a config for the pod of a step looks like in a ``defs.yaml``."""


def source_of(job: dg.JobDefinition, step: Step) -> Where | None:
    """Where the function of a step is decorated, else where ``defs.yaml`` says what its pod needs.

    ``None`` when neither is the project's own. A component brings its functions along; the project's own is
    then the file that declares it.

    Args:
        job: The job.
        step: One of its steps.
    """
    function = function_of(job, step)
    if function is not None:
        own = source_of_file(function.__code__.co_filename, function.__code__.co_firstlineno)
        if own is not None:
            return own
    declared = [(file, *_line_of_config(file, line)) for file, line in references_of(job, step)]
    declared.sort(key=lambda found: not found[2])
    return next((where for file, line, _ in declared if (where := source_of_file(file, line))), None)


def _line_of_config(file: str, line: int) -> tuple[int, bool]:
    """The line of a document that configures a pod, and whether it has one; else the line it begins at."""
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return line, False
    for number, text in enumerate(lines[line - 1 :], start=line):
        if number > line and text.startswith("---"):
            break
        if _CONFIG.search(text):
            return number, True
    return line, False


def source_of_file(file: str, line: int = 1) -> Where | None:
    """A line of a file below the current folder; ``None`` for any other, such as one of an installed package.

    Args:
        file: Its path.
        line: The line, from 1.
    """
    path, here = Path(file).resolve(), Path.cwd()
    if not path.is_relative_to(here) or "site-packages" in path.parts:
        return None
    return Where(path.relative_to(here).as_posix(), line)
