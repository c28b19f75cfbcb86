"""Which steps run in the run's pod: by their op tag, by the executor's selection, or since they are small."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.step_facts import nodes_selected
from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.executor.settings import RUN_POD, SMALL, runs_in_of_step
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import dagster as dg

    from dagster_plus_k8s_helpers.sizing.usage import Usage

__all__ = ["SMALL_CPU", "SMALL_MEMORY", "Placement"]

SMALL_CPU = Decimal("0.5")
"""Cores that a small step asks for, or took, at most."""
SMALL_MEMORY = Decimal(2**30)
"""Bytes of memory that a small step asks for, or took, at most."""

_FEWEST_MEASURED = 3


class Placement:
    """Says which steps of a job run in the run's pod.

    Args:
        setting: ``in_run_pod`` of the executor.
        job: Makes the job, whose assets a selection is of.
        step_config: What the executor says of every step's pod.
        per_step: What it says of those of single ops.
        sized: Whether something decides the sizes of steps at launch.
    """

    def __init__(
        self,
        setting: str | tuple[str, ...] | None,
        job: Callable[[], dg.JobDefinition],
        step_config: Mapping[str, Any],
        per_step: Mapping[str, Mapping[str, Any]],
        sized: Callable[[Mapping[str, str]], bool],
    ) -> None:
        self._setting, self._job = setting, job
        self._step_config, self._per_step, self._sized = step_config, per_step, sized

    def is_in_run_pod(
        self,
        op_name: str,
        tags: Mapping[str, str],
        node: str,
        usage: Callable[[], Iterable[Usage]] = tuple,
    ) -> bool:
        """Whether a step runs in the run's pod.

        Args:
            op_name: Name of its op.
            tags: Tags of its op.
            node: The op or graph at the top of the job that it is in, which an asset has as well.
            usage: What earlier attempts of it took; asked only where it matters.

        Raises:
            K8sConfigError: Its tag says neither.
            SelectionError: The executor's selection is not in Dagster's selection syntax.
        """
        said = runs_in_of_step(tags)
        if said is not None:
            return said == RUN_POD
        if self._setting is None:
            return False
        if self._setting == SMALL:
            return self._is_small(op_name, tags, usage)
        if isinstance(self._setting, str):
            return node in self._selected
        return op_name in self._setting or node in self._setting

    @cached_property
    def _selected(self) -> frozenset[str]:
        assert isinstance(self._setting, str)  # noqa: S101 - asked only then
        return nodes_selected(self._job(), self._setting)

    def _is_small(self, op_name: str, tags: Mapping[str, str], usage: Callable[[], Iterable[Usage]]) -> bool:
        own = [_config_in(tags), self._per_step.get(op_name, {})]
        if self._sized(tags) or not all(_is_plain(config) for config in own):
            return False
        taken = list(usage())
        if any(item.oom_killed for item in taken):
            return False
        measured = [item.memory_peak_bytes for item in taken if item.memory_peak_bytes]
        if len(measured) >= _FEWEST_MEASURED:
            cores = max((item.cpu_cores or 0.0 for item in taken), default=0.0)
            return max(measured) <= SMALL_MEMORY and Decimal(cores) <= SMALL_CPU
        return _asks_for_little([self._step_config, *own])


def _config_in(tags: Mapping[str, str]) -> Mapping[str, Any]:
    written: Any = tags.get(K8sConfig.TAG, {})
    try:
        found = json.loads(written) if isinstance(written, str) else written
    # The launch says what is wrong with it; here it is no small step's.
    except (ValueError, RecursionError):
        return {"": {}}
    return found if isinstance(found, Mapping) else {"": {}}


def _is_plain(config: Mapping[str, Any]) -> bool:
    """Whether a config says of CPU and memory alone: all else the run's pod would not have."""
    said = {key: value for key, value in config.items() if value and key != "merge_behavior"}
    container = said.pop("container_config", {})
    if said or not isinstance(container, Mapping):
        return False
    resources = container.get("resources") or {}
    if set(container) - {"resources"} or not isinstance(resources, Mapping):
        return False
    amounts = [name for side in ("limits", "requests") for name in resources.get(side) or {}]
    return set(resources) <= {"limits", "requests"} and set(amounts) <= {"cpu", "memory"}


def _asks_for_little(configs: Iterable[Mapping[str, Any]]) -> bool:
    """Whether configs, the last above the others, say how much memory, and that it is little."""
    asked: dict[str, dict[str, Any]] = {"limits": {}, "requests": {}}
    for config in configs:
        resources = (config.get("container_config") or {}).get("resources") or {}
        for side, amounts in asked.items():
            amounts.update(resources.get(side) or {})
    # What it may take counts, not what is set aside for it: the run's pod has to hold it.
    most = {**asked["requests"], **asked["limits"]}
    try:
        memory, cpu = Quantity(most["memory"]).value, Quantity(most.get("cpu", 0)).value
    except (KeyError, QuantityError):
        return False
    return memory <= SMALL_MEMORY and cpu <= SMALL_CPU
