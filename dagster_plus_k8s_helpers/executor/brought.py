"""What the API has brought since the event log was last read to its end.

A step's own ending, in the next page, must come before any diagnosis of it: so what was brought waits.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.executor.launching.launches import Launched
    from dagster_plus_k8s_helpers.executor.looking.observation import Look
    from dagster_plus_k8s_helpers.executor.supervisor import Supervisor

__all__ = ["Brought"]


@dataclass
class Brought:
    """What is to be acted upon when the log has been read.

    Args:
        launched: Launches that have been decided.
        look: A look.
        has_ended: Whether processes in the run's pod have ended.
        since: When the first of it came, by `time.monotonic`.
    """

    launched: list[Launched] = field(default_factory=list)
    look: Look | None = None
    has_ended: bool = False
    since: float = 0.0

    @property
    def anything(self) -> bool:
        """Whether there is something to act upon."""
        return bool(self.launched) or self.look is not None or self.has_ended

    def collect(self, supervisor: Supervisor) -> None:
        """Take what there is by now."""
        if not self.anything:
            self.since = time.monotonic()
        launched, look = supervisor.collect()
        self.launched.extend(launched)
        self.look = look or self.look
        self.has_ended = supervisor.run_pod.collect() or self.has_ended

    def take(self) -> tuple[list[Launched], Look | None]:
        """What the supervisor acts upon."""
        launched, look = self.launched, self.look
        self.launched, self.look, self.has_ended = [], None, False
        return launched, look
