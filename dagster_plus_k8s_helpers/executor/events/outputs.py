"""Outputs of steps that were written and are not read: a step without them would be skipped, without a word.

A cursor over ids passes an event whose transaction began before that of another one and committed after it.
Where that is the output of a step, and its success is read, Dagster's loop takes the output for one that the
step did not make: it skips what waits for it, and the run ends as a success.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dagster_plus_k8s_helpers._dagster.execution import DagsterEvent, ExecutionStep

__all__ = ["OutputsRead"]


class OutputsRead:
    """Knows which outputs of steps that run have been read.

    Args:
        step_of: The step of a key.
        missed: Outputs of a step that are in the event log and were not read, by its key.
        is_cheap: Whether that may be asked for each step that may have made fewer outputs than it could.
    """

    def __init__(
        self,
        step_of: Callable[[str], ExecutionStep | None],
        missed: Callable[[str], Sequence[DagsterEvent]],
        *,
        is_cheap: bool,
    ) -> None:
        self._step_of, self._missed, self._is_cheap = step_of, missed, is_cheap
        self._read: defaultdict[str, set[str]] = defaultdict(set)

    def complete(self, events: Iterable[DagsterEvent]) -> Iterator[DagsterEvent]:
        """Events as they were read, and before the success of a step the outputs that were missed."""
        for event in events:
            key = event.step_key
            if key is not None and event.is_successful_output:
                self._read[key].add(event.step_output_data.output_name)
            elif key is not None and event.is_step_success and self._may_lack_some(key):
                yield from self._missed(key)
            yield event

    def _may_lack_some(self, key: str) -> bool:
        read, step = self._read.pop(key, set()), self._step_of(key)
        return step is not None and any(
            # How many keys a dynamic output has is not known.
            output.name not in read or (output.is_dynamic and self._is_cheap)
            for output in step.step_outputs
            if output.is_required or self._is_cheap
        )
