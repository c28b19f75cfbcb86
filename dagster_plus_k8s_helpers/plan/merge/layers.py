"""The layers of a pod's configuration.

Run pod: agent, Dagster+, code location, run tags. Step pod: agent, Dagster+, code location, executor, op
tags, size, ``per_step_k8s_config``. Beneath both is what ``dagster_k8s`` adds of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RUN_LAYERS", "STEP_LAYERS", "Layer", "LayerName"]

LayerName: TypeAlias = Literal[
    "dagster",
    "agent",
    "Dagster+",
    "location",
    "run tags",
    "executor",
    "op tags",
    "size",
    "per_step_k8s_config",
]
"""``dagster`` is what ``dagster_k8s`` adds of itself; ``Dagster+`` the variables of the deployment; ``size``
what a strategy decides at launch, for the steps that have one."""

RUN_LAYERS: tuple[LayerName, ...] = ("dagster", "agent", "Dagster+", "location", "run tags")
STEP_LAYERS: tuple[LayerName, ...] = (
    "dagster",
    "agent",
    "Dagster+",
    "location",
    "executor",
    "op tags",
    "size",
    "per_step_k8s_config",
)


@answering
@dataclass(frozen=True, slots=True)
class Layer:
    """One level of the hierarchy that a pod's configuration comes from.

    Attributes:
        name: Which level.
        source: Where its settings are written.
        config: What it says of a run's or step's pod, as ``dagster_k8s`` reads it: ``container_config``,
            ``pod_spec_config``, ...; sections it leaves empty are left out.
        namespace: The namespace it says, if any.
    """

    name: LayerName
    source: str
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)
    namespace: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.source})" if self.source != self.name else self.name
