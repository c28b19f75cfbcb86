"""What attempts of steps took, as the events of one run say it."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.diagnosis.kinds import DiagnosisKind
from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.executor.events.reports import RETRY_OF_JOB
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.sizing.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["MOST_SIBLINGS", "UsageLog", "op_of"]

MOST_SIBLINGS = 50
"""Of a run with thousands of mapped steps, each of which asks about all others, so many say how they are."""


class UsageLog:
    """Usage by step, folded event by event.

    An attempt that was OOMKilled counts even where nothing measured it: its retry says so.

    Args:
        run_id: Of the run.
    """

    def __init__(self, run_id: str = "") -> None:
        self._run_id = run_id
        self._by_step: defaultdict[str, dict[str, Usage]] = defaultdict(dict)
        self._steps_of_op: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def note(self, step_key: str, metadata: Mapping[str, object]) -> None:
        """Take in an event of the executor.

        Args:
            step_key: Whose.
            metadata: The values of its metadata by name.
        """
        known = self._by_step[step_key]
        usage = Usage.from_metadata(metadata) or _killed(metadata, len(known) + 1)
        if usage is None or (usage.job in known and RETRY_OF_JOB in metadata):
            return
        # What was measured takes the place of what was only said, where that came first.
        known[usage.job] = replace(usage, run=self._run_id)
        self._steps_of_op[op_of(step_key)][step_key] = None

    def of(self, step_key: str) -> list[Usage]:
        """What the attempts of a step took, the newest first."""
        return list(reversed(self._by_step.get(step_key, {}).values()))

    def of_siblings(self, step_key: str) -> Iterator[Usage]:
        """What the other steps of a mapped step's op took: the newest of them."""
        others = (key for key in reversed(self._steps_of_op.get(op_of(step_key), {})) if key != step_key)
        for other in islice(others, MOST_SIBLINGS):
            yield from self.of(other)


def op_of(step_key: str) -> str:
    """The part of a step's key that all steps of a mapped op share."""
    return step_key.partition("[")[0]


def _killed(metadata: Mapping[str, object], attempt: int) -> Usage | None:
    """The attempt that a retry says was OOMKilled: the step's own container, and not one beside it."""
    job = metadata.get(RETRY_OF_JOB)
    is_own = metadata.get("kind") == DiagnosisKind.OOM_KILLED.value and "beside" not in metadata
    if not isinstance(job, str) or not is_own:
        return None
    try:
        limit = math.ceil(Quantity(str(metadata["limit"])).value)
    except (KeyError, QuantityError):
        return None
    return Usage(job=job, attempt=attempt, memory_limit_bytes=limit, oom_killed=True)
