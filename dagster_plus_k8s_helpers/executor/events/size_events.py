"""Writes what size an attempt of a step gets, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from dagster_plus_k8s_helpers._dagster.execution import DagsterEvent, EngineEventData
from dagster_plus_k8s_helpers.secrets.redact import mask_secrets
from dagster_plus_k8s_helpers.sizing.words import amounts_said

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers._dagster.execution import IStepContext
    from dagster_plus_k8s_helpers.pod.config import K8sConfig
    from dagster_plus_k8s_helpers.sizing.strategy import Sized

__all__ = ["SIZED_BY", "size_said", "tell_size"]

SIZED_BY = "sized_by"
"""Metadata: what decided the size of an attempt."""


def tell_size(step: IStepContext, sized: Sized, by: str) -> None:
    """Write one event for an attempt; none where the size is left alone without a reason.

    Args:
        step: Whose attempt it is.
        sized: What was decided.
        by: What decided it.
    """
    if sized.config is None and not sized.why:
        return
    metadata = {SIZED_BY: dg.MetadataValue.text(by), **_amounts(sized.config)}
    said = mask_secrets(size_said(step.step.key, sized, by))
    DagsterEvent.engine_event(step, said, EngineEventData(metadata=metadata))


def size_said(step_key: str, sized: Sized, by: str) -> str:
    """What was decided, and why, in a sentence.

    Args:
        step_key: Of the step.
        sized: What was decided.
        by: What decided it.
    """
    amounts = amounts_said(sized.config) if sized.config is not None else ""
    what = f"gets {amounts}" if amounts else "keeps its size"
    return f'Step "{step_key}" {what}: {sized.why or f"{by} decided so"}.'


def _amounts(config: K8sConfig | None) -> dict[str, dg.MetadataValue]:
    """The amounts as numbers, for whoever plots them."""
    if config is None or config.resources is None:
        return {}
    sides = {"request": config.resources.requests, "limit": config.resources.limits}
    return {
        f"size_{side}_{name}": dg.MetadataValue.float(float(amount.value))
        for side, amounts in sides.items()
        for name, amount in amounts.items()
    }
