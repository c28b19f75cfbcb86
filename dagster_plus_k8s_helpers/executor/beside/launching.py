"""How a step is launched in the run's pod: its environment, and the event that says so."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import dagster as dg

from dagster_plus_k8s_helpers._dagster.execution import DagsterEvent
from dagster_plus_k8s_helpers.executor.events.history import RUN_POD, RUNS_IN
from dagster_plus_k8s_helpers.measuring.step import SWITCH

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dagster_plus_k8s_helpers._dagster.execution import IStepContext

__all__ = ["command_of", "environment_of", "launch_event"]


def command_of(arguments: Sequence[str]) -> list[str]:
    """What a step's process runs: ``dagster`` of this interpreter, wherever that is on the PATH.

    Args:
        arguments: What its container would run.
    """
    if arguments[:1] == ["dagster"]:
        return [sys.executable, "-m", *arguments]
    return [*arguments]


def environment_of(arguments: Iterable[Mapping[str, str]], job_name: str, step_key: str) -> dict[str, str]:
    """The environment of a step's process: the run worker's, with what ``dagster_k8s`` gives a step's pod.

    Args:
        arguments: The variables that hold what the step is to do.
        job_name: Of its job.
        step_key: Of the step.
    """
    return {
        **os.environ,
        **{variable["name"]: variable["value"] for variable in arguments},
        "DAGSTER_RUN_JOB_NAME": job_name,
        "DAGSTER_RUN_STEP_KEY": step_key,
        # The termination message of this pod is not the step's to write.
        SWITCH: "off",
    }


def launch_event(context: IStepContext) -> DagsterEvent:
    """Write that a step is on its way; a run worker that takes over finds it by that."""
    key = context.step.key
    return DagsterEvent.step_worker_starting(
        context,
        message=f'Executing step "{key}" in the run\'s pod.',
        metadata={RUNS_IN: dg.MetadataValue.text(RUN_POD)},
    )
