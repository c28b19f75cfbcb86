"""A size in the words that a user reads in the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.pod.config import K8sConfig

__all__ = ["amounts_said"]

_CALLED = {"cpu": "CPU"}


def amounts_said(config: K8sConfig) -> str:
    """The amounts of a size, and the names of what else it sets: ``8Gi of memory, 1 to 2 of CPU``.

    Args:
        config: The size. Nothing of it is shown but amounts, for the rest may hold what is nobody's business.
    """
    said = []
    if config.resources is not None:
        requests, limits = config.resources.requests, config.resources.limits
        for name in sorted({**limits, **requests}, key=lambda name: name != "memory"):
            ends = [str(side[name]) for side in (requests, limits) if name in side]
            said.append(f"{' to '.join(dict.fromkeys(ends))} of {_CALLED.get(name, name)}")
    said += [name for name, field in config.FIELDS.items() if name != "resources" and field.is_set(config)]
    return ", ".join(said)
