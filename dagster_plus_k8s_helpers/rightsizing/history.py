"""`read_history`: what steps took in earlier runs, from the event log of a Dagster instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dagster_plus_k8s_helpers._dagster.event_pages import engine_event_pages, newest_runs
from dagster_plus_k8s_helpers.sizing.usage import USAGE_OF, Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import dagster as dg

__all__ = ["Measured", "Progress", "any_mapping", "measured", "read_history"]

_PAGE = 1_000

Progress: TypeAlias = Callable[[int, int, int], None]
"""Is told how many runs were read, of how many, and how many events they had."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One attempt of a step that was measured.

    Attributes:
        job: Name of the Dagster job.
        step: Key of the step, with ``[?]`` for the mapping key of a dynamic one.
        run_id: Id of the run.
        at: When it was written down, in seconds since 1970.
        usage: What it took.
    """

    job: str
    step: str
    run_id: str
    at: float
    usage: Usage


def read_history(
    instance: dg.DagsterInstance,
    jobs: Sequence[str],
    *,
    runs: int = 30,
    progress: Progress | None = None,
    page: int = _PAGE,
    passed: Callable[[int], object] | None = None,
) -> list[Measured]:
    """What steps took in the newest runs of some jobs, the newest run of each job first.

    Only the events that executors write are read, a page at a time.

    Args:
        instance: Whose event log is read.
        jobs: Names of the jobs.
        runs: How many runs of each.
        progress: Is told how far it is.
        page: Events that are read at once.
        passed: Is told how many rows hold no event, half-written or foreign, if any do.

    Raises:
        DagsterPlusK8sError: The database of a run is none. That of a server that does not answer raises what
            its client does.
    """
    wanted = [(job, run_id) for job in jobs for run_id in newest_runs(instance, job, runs)]
    found: list[Measured] = []
    events, unread = 0, 0

    def pass_by() -> None:
        nonlocal unread
        unread += 1

    for done, (job, run_id) in enumerate(wanted, 1):
        for count, of_steps in engine_event_pages(instance, run_id, page, (USAGE_OF,), pass_by):
            events += count
            for event in of_steps:
                found += measured(job, run_id, event.step_key, event.at, event.metadata)
        if progress is not None:
            progress(done, len(wanted), events)
    if unread and passed is not None:
        passed(unread)
    return found


def measured(
    job: str, run_id: str, step_key: str, at: float, metadata: Mapping[str, object]
) -> Iterator[Measured]:
    """What an event says of an attempt; nothing for an event of another kind."""
    usage = Usage.from_metadata(metadata)
    if usage is not None:
        yield Measured(job, any_mapping(step_key), run_id, at, usage)


def any_mapping(step_key: str) -> str:
    """The key that a plan has for all steps of a mapped op."""
    return f"{step_key.partition('[')[0]}[?]" if step_key.endswith("]") else step_key
