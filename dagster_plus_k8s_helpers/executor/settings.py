"""What `k8s_executor` does beyond the stock executor, as one value, and as config a launch can override."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder
from dagster_plus_k8s_helpers.sizing.reading import size_of_step

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "OWN_POD",
    "RUNS_IN_TAG",
    "RUN_POD",
    "SMALL",
    "START_TIMEOUT_TAG",
    "ExecutorSettings",
    "runs_in_of_step",
    "start_timeout_of_step",
]

START_TIMEOUT_TAG = "dagster-plus-k8s/start-timeout"
"""Op tag with the ``start_timeout`` of one step in seconds, or ``"none"`` for no limit."""

RUNS_IN_TAG = "dagster-plus-k8s/runs-in"
"""Op tag that says where one step runs: ``"run-pod"`` or ``"own-pod"``."""
RUN_POD, OWN_POD = "run-pod", "own-pod"
SMALL = "small"
"""``in_run_pod`` for the steps that ask for little."""


@dataclass(frozen=True)
class ExecutorSettings:
    """The settings of `k8s_executor` that the stock executor does not have; see there."""

    watch: bool = True
    health_check_interval: float = 10.0
    start_timeout: float | None = 600.0
    image_pull_grace: float = 300.0
    api_outage_tolerance: float = 600.0
    call_timeout: float = 20.0
    fail_at_once: bool = True
    autoscaler: bool = True
    disruption_retries: int = 2
    memory_ladder: MemoryLadder | None = None
    launch_qps: float = 50.0
    launch_burst: int = 100
    log_lines: int = 50
    record_usage: bool | Literal["asset"] = True
    size: str | None = None
    in_run_pod: str | tuple[str, ...] | None = None
    run_pod_concurrency: int = 4

    def __post_init__(self) -> None:
        for name in ("health_check_interval", "call_timeout", "launch_qps"):
            _check_number(name, getattr(self, name), above_zero=True)
        for name in ("image_pull_grace", "api_outage_tolerance"):
            _check_number(name, getattr(self, name), above_zero=False)
        if self.start_timeout is not None:
            _check_number("start_timeout", self.start_timeout, above_zero=True)
        _check_whole("disruption_retries", self.disruption_retries, 0)
        _check_whole("launch_burst", self.launch_burst, 1)
        _check_whole("log_lines", self.log_lines, 0)
        for name in ("watch", "fail_at_once", "autoscaler"):
            if not isinstance(getattr(self, name), bool):
                raise K8sConfigError(f"must be True or False, not {getattr(self, name)!r}", where=name)
        if not isinstance(self.record_usage, bool) and self.record_usage != "asset":
            raise K8sConfigError(
                f"must be True, False or 'asset', not {self.record_usage!r}", where="record_usage"
            )
        if self.memory_ladder is not None and not isinstance(self.memory_ladder, MemoryLadder):
            raise K8sConfigError(_ladder_wanted(self.memory_ladder), where="memory_ladder")
        _check_whole("run_pod_concurrency", self.run_pod_concurrency, 1)
        if not isinstance(self.in_run_pod, str | tuple | None) or self.in_run_pod == "":
            raise K8sConfigError(_SELECTION_WANTED.format(self.in_run_pod), where="in_run_pod")
        # What is no strategy is refused here; what a function is shows when it is called.
        size_of_step({}, self.size)

    def config_fields(self) -> dict[str, dg.Field]:
        """Fields of the executor's config, with these settings as their defaults."""
        ladder = self.memory_ladder.to_dict() if self.memory_ladder else None
        types: dict[str, tuple[object, str]] = {
            "watch": (bool, "Whether the API server tells what becomes of step pods as it happens."),
            "health_check_interval": (float, "Seconds between two looks at the step pods."),
            "start_timeout": (dg.Noneable(float), "Seconds a step pod may take to start; null for ever."),
            "image_pull_grace": (float, "Seconds an image may fail to be pulled."),
            "api_outage_tolerance": (float, "Seconds a launch is tried again while the API fails."),
            "call_timeout": (float, "Seconds one call to the Kubernetes API may take."),
            "fail_at_once": (bool, "Whether a pod that can never start fails without waiting."),
            "autoscaler": (bool, "Whether nodes may come that have what no node has now."),
            "disruption_retries": (int, "How often a step starts again that the cluster took down."),
            "launch_qps": (float, "Jobs created a second in the long run."),
            "launch_burst": (int, "Jobs created at once."),
            "log_lines": (int, "Last lines of a failed step's log that its failure shows; 0 for none."),
            "run_pod_concurrency": (int, "Steps that run in the run's pod at once."),
            "record_usage": (dg.Any, "Whether an event says what a step used; asset for observations too."),
        }
        fields = {
            name: dg.Field(
                kind, default_value=getattr(self, name), is_required=False, description=description
            )
            for name, (kind, description) in types.items()
        }
        fields["memory_ladder"] = dg.Field(
            dg.Noneable(dg.Permissive()),
            default_value=ladder,
            is_required=False,
            description="The fields of a MemoryLadder; null for none.",
        )
        fields["size"] = dg.Field(
            dg.Noneable(str),
            default_value=self.size,
            is_required=False,
            description="What decides the sizes of steps: 'module:name', or what the tag "
            "dagster-plus-k8s/size holds; null for nothing.",
        )
        fields["in_run_pod"] = dg.Field(
            # Dagster's config has no union of a text and a list.
            dg.Any,
            default_value=list(self.in_run_pod) if isinstance(self.in_run_pod, tuple) else self.in_run_pod,
            is_required=False,
            description="Steps that run in the run's pod: 'small', an asset selection, or a list of ops.",
        )
        return fields

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ExecutorSettings:
        """The settings of a run, from the executor's resolved config.

        Raises:
            K8sConfigError: A value that makes no sense.
        """
        given = {name: config[name] for name in cls.__dataclass_fields__ if name in config}
        ladder = given.get("memory_ladder")
        if isinstance(ladder, dict):
            try:
                given["memory_ladder"] = MemoryLadder.from_dict(ladder)
            except K8sConfigError as error:
                raise error.within("memory_ladder") from None
        ops = given.get("in_run_pod")
        if isinstance(ops, list):
            for op in ops:
                if not isinstance(op, str):
                    raise K8sConfigError(f"{op!r} must be the name of an op", where="in_run_pod")
            given["in_run_pod"] = tuple(op.replace("/", "__") for op in ops)
        return cls(**given)


def start_timeout_of_step(tags: Mapping[str, str], default: float | None) -> float | None:
    """How many seconds a step's pod may take to start: by its tag, else the executor's.

    Args:
        tags: Tags of the op.
        default: The executor's.

    Raises:
        K8sConfigError: The tag holds no number of seconds.
    """
    written = tags.get(START_TIMEOUT_TAG)
    if written is None:
        return default
    if str(written).lower() == "none":
        return None
    try:
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise K8sConfigError(
            f"{written!r} must be a number of seconds, or 'none'", where=f"tag {START_TIMEOUT_TAG}"
        )
    return seconds


def runs_in_of_step(tags: Mapping[str, str]) -> str | None:
    """Where a step runs by its tag; ``None`` when that says nothing.

    Args:
        tags: Tags of the op.

    Raises:
        K8sConfigError: The tag says neither ``run-pod`` nor ``own-pod``.
    """
    written = tags.get(RUNS_IN_TAG)
    if written is not None and written not in {RUN_POD, OWN_POD}:
        raise K8sConfigError(f"{written!r} must be {RUN_POD!r} or {OWN_POD!r}", where=f"tag {RUNS_IN_TAG}")
    return written


_SELECTION_WANTED = "must be 'small', an asset selection, or a list of ops and asset keys, not {!r}"


def _ladder_wanted(written: object) -> str:
    is_number = isinstance(written, int | float) and not isinstance(written, bool)
    name = "maximum" if isinstance(written, str | Quantity) else "factor" if is_number else ""
    write = f"MemoryLadder({name}={written!r})" if name else "MemoryLadder(...)"
    what = f"the class {written.__name__}" if isinstance(written, type) else type(written).__name__
    return f"must be a MemoryLadder, not {what}; write {write}"


_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def _seconds_meant(written: object) -> str:
    """What ``"10m"`` and ``"600"`` come to."""
    match = re.fullmatch(r"([0-9]+) ?(s|m|min|h|)", written) if isinstance(written, str) else None
    return f"; write {int(match[1]) * _SECONDS.get(match[2], 1)}" if match else ""


def _check_number(where: str, number: object, *, above_zero: bool) -> None:
    if isinstance(number, bool) or not isinstance(number, int | float) or math.isnan(number):
        raise K8sConfigError(
            f"must be a number of seconds, not {number!r}{_seconds_meant(number)}", where=where
        )
    if number < 0 or (above_zero and number == 0) or math.isinf(number):
        raise K8sConfigError(f"{number!r} must be above 0 and finite", where=where)


def _check_whole(where: str, number: object, least: int) -> None:
    if isinstance(number, bool) or not isinstance(number, int):
        raise K8sConfigError(f"must be a whole number, not {number!r}", where=where)
    if number < least:
        raise K8sConfigError(f"{number} is below {least}", where=where)
