"""Whether this process is a step's, in a pod of its own, and is to be measured."""

from __future__ import annotations

import os
import sys
from functools import cache

from dagster_plus_k8s_helpers.measuring.message import MessageFile

__all__ = ["SWITCH", "measure_this_step"]

SWITCH = "DAGSTER_PLUS_K8S_USAGE"
"""Environment variable: ``off``, or the ``terminationMessagePath`` of a container that has another one."""

_DEFAULT = "/dev/termination-log"


def measure_this_step() -> None:
    """Measure this process from now on, if it is a step's own in a pod; else do nothing.

    May be called as often as one likes. It says nothing, raises nothing, and takes some microseconds where
    there is nothing to measure. A process that a step starts is not measured apart: it is in the same
    container, and the file is the step's by then.

    Source: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
    """
    said = os.environ.get(SWITCH, "")
    if said.lower() == "off" or not _is_step():
        return
    _measure(os.getpid(), said if said.startswith("/") else _DEFAULT)


def _is_step() -> bool:
    """As ``dagster_k8s`` starts one: by its command, and the variable that it gives the container."""
    return (
        "execute_step" in sys.argv
        and bool(os.environ.get("DAGSTER_RUN_STEP_KEY"))
        and bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
    )


@cache
def _measure(_pid: int, path: str) -> bool:
    """Begin, once in a process; whether it has begun."""
    try:
        if not os.access(path, os.R_OK | os.W_OK):
            return False
        # What it takes is loaded by steps alone.
        from dagster_plus_k8s_helpers.measuring.sampler import sampler_for  # noqa: PLC0415

        return sampler_for(MessageFile(path)).start()
    # Definitions must load whatever is wrong with where they load.
    except Exception:  # noqa: BLE001
        return False
