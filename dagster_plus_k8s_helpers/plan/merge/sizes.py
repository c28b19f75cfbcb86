"""The sizes that a step may get at launch, as far as a plan can know them: for one partition, or for all.

The strategy itself is asked, with what is known of the step; what it can learn at launch only ends it with
`OnlyAtLaunch`, and the plan says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.partitions import dimensions_of, partition_keys, partitions_by_node
from dagster_plus_k8s_helpers._dagster.planning import PARTITION_NAME_TAG
from dagster_plus_k8s_helpers._dagster.step_facts import partitions_of
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError, PlanError
from dagster_plus_k8s_helpers.sizing.facts import StepFacts
from dagster_plus_k8s_helpers.sizing.lazy import LazyMapping, LazySequence, OnlyAtLaunch, only_at_launch
from dagster_plus_k8s_helpers.sizing.strategy import Sized, decided, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import dagster as dg

    from dagster_plus_k8s_helpers._dagster.planning import Step
    from dagster_plus_k8s_helpers.pod.config import K8sConfig
    from dagster_plus_k8s_helpers.sizing.strategy import Strategy

__all__ = ["MOST_PARTITIONS", "PartitionsOfJob", "StepSize", "size_of"]

MOST_PARTITIONS = 10_000
"""For so many of a step's partitions, the latest, its size is looked at."""


@answering
@dataclass(frozen=True)
class StepSize:
    """What a strategy gives a step, as far as a plan can know.

    Attributes:
        by: What decides: ``sized_by_partition``, or ``module:name``.
        sizes: The sizes that it may get, each once, with the reason given for it first; one without a config
            leaves the size as the other layers say it.
        partitions: For how many partitions it was asked; 0 for a run of one, or of none.
        at_launch: The fact that only a launch knows and the strategy asks for, such as ``usage``; empty when
            everything is known.
    """

    by: str
    sizes: tuple[Sized, ...] = field(default=(), repr=False)
    partitions: int = 0
    at_launch: str = ""

    def __str__(self) -> str:
        if self.at_launch:
            return f"{self.by} decides it at launch, from {self.at_launch}, which only a run knows"
        if len(self.sizes) > 1:
            over = f" over {self.partitions} partitions" if self.partitions else ""
            return f"{self.by}, {len(self.sizes)} sizes{over}; --partition KEY shows the one of a partition"
        why = "; ".join(item.why for item in self.sizes if item.why)
        return f"{self.by}, {why}" if why else self.by


class PartitionsOfJob:
    """The partitions of a job's steps.

    Args:
        job: The job.
        run_tags: Tags of the run; the partition that they name is the only one.
    """

    def __init__(self, job: dg.JobDefinition, run_tags: Mapping[str, str]) -> None:
        self._of_job = job.partitions_def
        self._by_node = partitions_by_node(job)
        self._of_run = partitions_of(run_tags)

    def keys_of(self, step: Step) -> Sequence[tuple[str | None, Mapping[str, str]]] | None:
        """The keys a run may have, each with its dimensions; ``None`` where only a launch knows them."""
        partitions = self._by_node.get(_node_of(step), self._of_job)
        if self._of_run.key is not None:
            return [(self._of_run.key, _dimensions(partitions, self._of_run.key))]
        if partitions is None or self._of_run.range is not None:
            return [(None, {})]
        return _keys(partitions)


@lru_cache(maxsize=64)
def _keys(partitions: dg.PartitionsDefinition) -> Sequence[tuple[str | None, Mapping[str, str]]] | None:
    keys = partition_keys(partitions)
    if keys is None:
        return None
    return [(str(key), dimensions_of(partitions, key)) for key in keys[-MOST_PARTITIONS:]] or [(None, {})]


def _dimensions(partitions: dg.PartitionsDefinition | None, key: str) -> Mapping[str, str]:
    try:
        return dimensions_of(partitions, key)
    # A tag may name what is no key of these partitions; the launch is refused for that, and not here.
    except Exception:  # noqa: BLE001 - Dagster raises what it has at hand
        return {}


def _node_of(step: Step) -> str:
    """The outermost node that a step is in: that of its asset."""
    return step.key.partition(".")[0].partition("[")[0]


def size_of(
    step: Step, strategy: Strategy, partitions: PartitionsOfJob, run_tags: Mapping[str, str]
) -> StepSize:
    """The sizes that a step may get.

    Args:
        step: The step.
        strategy: What decides.
        partitions: Those of its job.
        run_tags: Tags of the run.

    Raises:
        PlanError: The strategy fails, or returns no size.
    """
    by = name_of(strategy)
    keys = partitions.keys_of(step)
    try:
        if keys is None and (of_all := getattr(strategy, "all_sizes", None)) is not None:
            return StepSize(by, _each_once(Sized(config) for config in of_all))
        found = _each_once(_decisions(step, strategy, keys, run_tags))
    except OnlyAtLaunch as error:
        return StepSize(by, at_launch=error.fact)
    except K8sConfigError as error:
        raise PlanError(f"step {step.key!r}, size: {error.reason}") from None
    known = len(keys) if keys is not None and keys[0][0] is not None else 0
    return StepSize(by, found, 0 if known == 1 and PARTITION_NAME_TAG in run_tags else known)


def _decisions(
    step: Step,
    strategy: Strategy,
    keys: Sequence[tuple[str | None, Mapping[str, str]]] | None,
    run_tags: Mapping[str, str],
) -> Iterator[Sized]:
    unknown = {"run_id", "mapping_key"} if step.is_mapped else {"run_id"}
    if keys is None:
        unknown |= {"partition_key", "partition_dimensions"}
    for key, dimensions in keys or [(None, {})]:
        asked: list[str] = []
        facts = _PlannedFacts(
            step_key=step.key,
            op_name=step.op_name,
            asset_keys=step.asset_keys,
            partition_key=key,
            partition_range=partitions_of(run_tags).range,
            partition_dimensions=dimensions,
            run_tags={**run_tags, **_tags_of(key, dimensions)},
            usage=LazySequence(only_at_launch("usage", asked)),
            usage_of_other_partitions=LazySequence(only_at_launch("usage", asked)),
            upstream=LazyMapping(only_at_launch("upstream", asked)),
            inputs=LazyMapping(only_at_launch("inputs", asked)),
        )
        object.__setattr__(facts, "unknown", frozenset(unknown))
        object.__setattr__(facts, "asked", asked)
        try:
            decision = decided(strategy, facts)
        except K8sConfigError:
            if not asked:
                raise
        # A function may catch whatever comes up while it looks, and decide without.
        if asked:
            raise OnlyAtLaunch(asked[0])
        yield decision


def _tags_of(key: str | None, dimensions: Mapping[str, str]) -> Mapping[str, str]:
    """The tags that a run of a partition has."""
    if key is None:
        return {}
    of_dimensions = {f"{PARTITION_NAME_TAG}/{name}": value for name, value in dimensions.items()}
    return {PARTITION_NAME_TAG: key, **of_dimensions}


class _PlannedFacts(StepFacts):
    """What a plan knows of a step; asking for a plain fact that it does not know ends the strategy."""

    unknown: frozenset[str] = frozenset()
    asked: list[str]

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and name not in {"unknown", "asked"} and name in self.unknown:
            self.asked.append(name)
            raise OnlyAtLaunch(name)
        return super().__getattribute__(name)


def _each_once(decisions: Iterable[Sized]) -> tuple[Sized, ...]:
    """Every size once, with the reason that it was given first."""
    found: dict[K8sConfig | None, Sized] = {}
    for item in decisions:
        found.setdefault(item.config, item)
    return tuple(found.values())
