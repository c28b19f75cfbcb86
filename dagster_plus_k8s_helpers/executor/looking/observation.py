"""What a look at the Jobs of a run found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.cluster.nodes import Nodes
from dagster_plus_k8s_helpers.sizing.memory_ladder import Memory

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.diagnosis.kinds import Diagnosis
    from dagster_plus_k8s_helpers.executor.looking.remains import Remains
    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["Look", "Observation"]


@dataclass(frozen=True)
class Observation:
    """What a look found out about one Job.

    Args:
        diagnosis: What is wrong; ``None`` when nothing is.
        over: Whether no process of the step runs any more.
        lingers: Whether its Job goes on all the same: a container beside the step's keeps its pod alive, or
            its queue is to give it another one.
        succeeded: Whether the Job says that it is complete, or the step's process ended well.
        started: Whether the step's container runs or has run.
        pod: Name of its pod.
        memory: What the step's container had.
        log: The last lines it wrote, for a failure.
        disruption: What takes or took the pod away, even if the step's process ended well.
        created: When the Job was created, as the API writes it.
    """

    diagnosis: Diagnosis | None
    over: bool = False
    lingers: bool = False
    succeeded: bool = False
    started: bool = False
    pod: str = ""
    memory: Memory = field(default_factory=Memory)
    log: str = ""
    disruption: Diagnosis | None = None
    created: str = ""


@dataclass(frozen=True)
class Look:
    """One look at all steps: by Job name; and what could not be looked at.

    Args:
        observations: Of steps that have not ended.
        remains: Of those that have.
        nodes: What the nodes have, if it matters.
        refused: What the API said when something may not be asked.
        usage: What steps took whose containers have ended, as far as that is known.
        running: Of the Jobs whose steps have ended, those whose containers are seen to run on.
    """

    observations: dict[str, Observation] = field(default_factory=dict)
    remains: dict[str, Remains | None] = field(default_factory=dict)
    nodes: Nodes = field(default_factory=Nodes)
    refused: dict[str, str] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
