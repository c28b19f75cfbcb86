"""What the op tags of a step say of sizes, and nothing reads since it runs in the run's pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.executor.settings import runs_in_of_step
from dagster_plus_k8s_helpers.sizing.memory_ladder import MEMORY_LADDER_TAG
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["unread_tags"]

_OFF = "off"


def unread_tags(tags: Mapping[str, str]) -> tuple[str, ...]:
    """The op tags about sizes that do nothing for a step in the run's pod.

    A step that the executor has there is moved into a pod of its own by its first OOM, and climbs its ladder
    there; one that its own tag has there stays.

    Args:
        tags: Tags of its op.

    Raises:
        K8sConfigError: Its tag says neither where it runs.
    """
    stays = runs_in_of_step(tags) is not None
    wanted = (MEMORY_LADDER_TAG, SIZE_TAG) if stays else (SIZE_TAG,)
    return tuple(tag for tag in wanted if tags.get(tag, _OFF) != _OFF)
