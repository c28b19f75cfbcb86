"""`sized_by_partition`: a size for each partition, or for those that a pattern names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts import Resources
from dagster_plus_k8s_helpers.sizing.strategy import Sized, SizeTags

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.sizing.facts import StepFacts

__all__ = ["ByPartition", "sized_by_partition"]


@dataclass(frozen=True)
class ByPartition:
    """Decides by the partition of the run.

    Args:
        sizes: Partition keys, or patterns of them, with what each gets, in the order in which they count.
        otherwise: What every other partition gets, and a run without one.
    """

    sizes: tuple[tuple[str, K8sConfig], ...]
    otherwise: K8sConfig | None = None

    @property
    def written(self) -> str:
        """What messages call it."""
        return "sized_by_partition"

    def __call__(self, facts: StepFacts) -> Sized:
        """The size for the partition of a run; for a range the largest that any partition gets."""
        if facts.partition_key is not None:
            return self.of(facts.partition_key, tuple(facts.partition_dimensions.values()))
        if facts.partition_range is None:
            return Sized(self.otherwise, "the run has no partition" if self.otherwise else "")
        start, end = facts.partition_range.start, facts.partition_range.end
        if start == end:
            return self.of(start)
        largest = max((size for size in self.all_sizes if size), key=_amounts, default=None)
        return Sized(largest, f"the largest, for the partitions {start!r} to {end!r}")

    def of(self, partition: str, dimensions: Sequence[str] | None = None) -> Sized:
        """The size for one partition.

        Args:
            partition: Its key.
            dimensions: Its key in each dimension, when it has several; ``None`` when that is not known: then
                a bar in the key is taken for what stands between them.
        """
        if dimensions is None:
            dimensions = partition.split("|") if "|" in partition else ()
        keys = (partition, *dimensions)
        for key in keys:
            for name, size in self.sizes:
                if name == key:
                    return Sized(size, f"partition {partition!r}")
        for name, size in self.sizes:
            if any(fnmatchcase(key, name) for key in keys):
                return Sized(size, f"partition {partition!r}, as {name!r}")
        return Sized(self.otherwise, f"partition {partition!r}, as none of those named")

    @property
    def all_sizes(self) -> tuple[K8sConfig | None, ...]:
        """Every size that there is, the one of other partitions last."""
        return (*(size for _, size in self.sizes), self.otherwise)

    def to_text(self) -> str:
        """What the tag holds."""
        sizes = {name: config.to_dict() for name, config in self.sizes}
        otherwise = {"otherwise": self.otherwise.to_dict()} if self.otherwise is not None else {}
        return json.dumps({"by": "partition", "sizes": sizes, **otherwise})

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> ByPartition:
        """From what the tag holds.

        Raises:
            K8sConfigError: It is not what `to_text` writes.
        """
        for name in fields:
            if name not in cls.__dataclass_fields__:
                raise UnknownFieldError(name, cls.__dataclass_fields__, of="a size by partition")
        sizes, otherwise = fields.get("sizes"), fields.get("otherwise")
        if not isinstance(sizes, Mapping):
            raise K8sConfigError("must be a mapping from partitions to configs", where="sizes")
        read = {name: _read(f"sizes[{name!r}]", config) for name, config in sizes.items()}
        return _checked(read, None if otherwise is None else _read("otherwise", otherwise))


@answering(
    advice={
        "default": "write otherwise=...",
        "partitions": "write sizes=..., or give it without a name",
    },
    otherwise="the sizes are one mapping; write {{'{name}': K8sConfig(...)}}",
)
def sized_by_partition(sizes: Mapping[str, K8sConfig], *, otherwise: K8sConfig | None = None) -> SizeTags:
    """Op tags that size a step by the partition of its run, decided when it is launched.

    A key that names the partition itself comes first; then the first pattern that fits, in the order in which
    they are written. A pattern is one of ``fnmatch``: ``*``, ``?`` and ``[a-z]``, upper and lower case
    differ. Of a partition with several dimensions the whole key counts, ``"2026-01-01|us"``, and then the
    key in each dimension, ``"us"``. A run of a range of partitions gets the largest size of all, by
    memory, CPU and GPUs, for which of them are in the range is not known; a function can say it better
    (`sized_by`).

    Args:
        sizes: What partitions get, by their key or a pattern.
        otherwise: What all others get, and runs without a partition; their size is left alone when it is
            left out.

    Raises:
        K8sConfigError: No partition, a key that is no text, or a size that is no ``K8sConfig`` or one that
            Dagster would refuse.
    """
    if not isinstance(sizes, Mapping):
        raise K8sConfigError(
            f"must map partitions to sizes, such as {{'eu-*': BIG}}, not {type(sizes).__name__}",
            where="sizes",
        )
    strategy = _checked(sizes, otherwise)
    return SizeTags(strategy.to_text(), strategy)


def _checked(sizes: Mapping[str, K8sConfig], otherwise: K8sConfig | None) -> ByPartition:
    if not sizes:
        raise K8sConfigError("names no partition; write {'KEY': K8sConfig(...)}", where="sizes")
    for name, config in sizes.items():
        if not isinstance(name, str) or not name:
            raise K8sConfigError(f"a partition must be text, not {name!r}", where="sizes")
        _check(f"sizes[{name!r}]", config)
    if otherwise is not None:
        _check("otherwise", otherwise)
    return ByPartition(tuple(sizes.items()), otherwise)


def _check(where: str, config: object) -> None:
    if isinstance(config, Resources):
        raise K8sConfigError(
            "must be a K8sConfig, not Resources; write K8sConfig(resources=...)", where=where
        )
    if not isinstance(config, K8sConfig):
        what = f"the class {config.__name__}" if isinstance(config, type) else type(config).__name__
        raise K8sConfigError(f"must be a K8sConfig, not {what}", where=where)
    try:
        # What no tag of a pod that runs Dagster may have.
        _ = config.tags
    except K8sConfigError as error:
        raise error.within(where) from None


def _read(where: str, config: object) -> K8sConfig:
    if not isinstance(config, Mapping):
        raise K8sConfigError(f"must be a mapping, not {type(config).__name__}", where=where)
    try:
        return K8sConfig.from_dict(config)
    except K8sConfigError as error:
        raise error.within(where) from None


def _amounts(config: K8sConfig) -> tuple[Quantity, ...]:
    """What sizes are compared by: memory, CPU, then GPUs."""
    resources = config.resources or Resources()
    pairs = (resources.memory, resources.cpu, resources.gpu)
    return tuple((pair and (pair.limit or pair.request)) or Quantity(0) for pair in pairs)
