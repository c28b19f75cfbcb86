"""The line of code that a step comes from, for what shows findings among files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers._dagster.planning import function_of
from dagster_plus_k8s_helpers.findings.finding import Where

if TYPE_CHECKING:
    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.planning import Step

__all__ = ["source_of", "source_of_file"]


def source_of(job: dg.JobDefinition, step: Step) -> Where | None:
    """Where the function of a step is decorated; ``None`` when it is not the project's own.

    Args:
        job: The job.
        step: One of its steps.
    """
    function = function_of(job, step)
    if function is None:
        return None
    return source_of_file(function.__code__.co_filename, function.__code__.co_firstlineno)


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
