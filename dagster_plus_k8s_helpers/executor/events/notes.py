"""What goes wrong in looking after the steps: it is told once, and ends no run whose steps are well."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from dagster_plus_k8s_helpers.executor.events.reports import Reports

__all__ = ["LIMITATIONS", "Notes"]

LIMITATIONS = {
    "jobs": "The run's service account may not list jobs, so they are read one by one, a few a look, and "
    "what becomes of a step is noticed later: {said}",
    "pods": "The run's service account may not list pods, so only what their Jobs say is known of steps: "
    "{said}",
    "watch": "The run has no watch of its jobs and pods, so what becomes of a step is noticed when they are "
    "listed next: {said}",
    "events": "The run's service account may not list events, so some causes remain unknown: {said}",
    "workloads": "The run's service account may not list workloads.kueue.x-k8s.io, so why a Job waits in its "
    "queue remains unknown: {said}",
    "logs": "The run's service account may not read pods/log, so failures come without last lines: {said}",
}
"""What the executor goes on without, by what a look may not ask for."""

_A_STEP = "A step could not be looked after"
_Found = TypeVar("_Found")


class Notes:
    """Tells what the executor cannot do here.

    Args:
        reports: Where events go.
    """

    def __init__(self, reports: Reports) -> None:
        self._reports = reports
        self._waiting: list[str] = []
        self._said: set[str] = set()

    def add(self, text: str) -> None:
        """Have something told with the next round; from any thread."""
        self._waiting.append(text)

    def failed(self, error: Exception, what: str = _A_STEP) -> None:
        """Have told what something went wrong with.

        Args:
            error: What it raised.
            what: What could not be done.
        """
        self.add(f"{what}: {type(error).__name__}: {error}")

    def safely(self, do: Callable[[], _Found], what: str = _A_STEP) -> _Found | None:
        """Do something; should it raise, that is told, and leaves everything else alone.

        Args:
            do: What to do.
            what: What then could not be done.

        Returns:
            What it returned; ``None`` when it raised.
        """
        try:
            return do()
        # Whatever it is: of thousands of steps, it is about one.
        except Exception as error:  # noqa: BLE001
            self.failed(error, what)
            return None

    def refused(self, what: str, said: str) -> None:
        """Tell that a look may not ask for something.

        Args:
            what: One of `LIMITATIONS`.
            said: What the API server said.
        """
        self._say_once(what, LIMITATIONS[what].format(said=said))

    def tell(self) -> None:
        """Tell what was added."""
        while self._waiting:
            text = self._waiting.pop()
            self._say_once(text, text)

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._reports.limitation(text)
