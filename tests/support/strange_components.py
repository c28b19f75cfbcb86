"""Components as a project writes them, with values of this package as attributes."""

# Dagster reads the annotations themselves: no postponed ones here.
from dataclasses import dataclass, field

import dagster as dg

from dagster_plus_k8s_helpers import K8sConfig, MemoryLadder, Resources
from dagster_plus_k8s_helpers.sizing.strategy import SizeTags


@dataclass
class InDataclass(dg.Component, dg.Resolvable):
    """Attributes as fields of a dataclass."""

    pod: K8sConfig
    resources: Resources | None = None
    ladder: MemoryLadder = MemoryLadder()  # noqa: RUF009 - it is frozen
    size: SizeTags = field(default_factory=dict)  # type: ignore[assignment]
    others: list[K8sConfig] = field(default_factory=list)

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions()


class InModel(dg.Component, dg.Resolvable, dg.Model):
    """Attributes as fields of a pydantic model."""

    pod: K8sConfig
    resources: Resources | None = None
    ladder: MemoryLadder = MemoryLadder()
    size: SizeTags = {}  # type: ignore[assignment]  # noqa: RUF012
    others: list[K8sConfig] = []  # noqa: RUF012

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        return dg.Definitions()
