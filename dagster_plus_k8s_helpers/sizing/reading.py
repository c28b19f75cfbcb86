"""Which strategy sizes a step: by its op tag, else by the executor's setting."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import K8sConfigError, did_you_mean
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.sizing.by_function import ByName, is_name, sized_by
from dagster_plus_k8s_helpers.sizing.by_partition import ByPartition
from dagster_plus_k8s_helpers.sizing.by_usage import ByUsage
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG, SizeTags

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.sizing.strategy import Strategy

__all__ = ["size_of_step", "size_tags", "strategy_from"]

_BY: Mapping[str, Any] = {"partition": ByPartition, "usage": ByUsage}


def size_of_step(tags: Mapping[str, str], default: str | None) -> Strategy | None:
    """What decides the size of one step: its own by tag, else the executor's; ``None`` when nothing does.

    Args:
        tags: Tags of the op.
        default: The executor's, as text.

    Raises:
        K8sConfigError: The tag, or the executor's text, holds no strategy. Whether a function can be imported
            shows when it is called.
    """
    written, where = tags.get(SIZE_TAG), f"tag {SIZE_TAG}"
    if written is None:
        written, where = default, "size"
    if written is None or written == "off":
        return None
    try:
        return strategy_from(written)
    except K8sConfigError as error:
        raise error.within(where) from None


@lru_cache(maxsize=256)
def strategy_from(written: str) -> Strategy:
    """A strategy from what a tag holds.

    Raises:
        K8sConfigError: It holds none.
    """
    if is_name(written):
        return ByName(written)
    try:
        fields = json.loads(written)
    # Text that nests deeper than Python follows.
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise K8sConfigError(
            f"{written[:60]!r} must be what sized_by_partition(...) or sized_by_usage(...) writes, "
            "'module:name', or 'off'"
        )
    by = fields.pop("by", None)
    if not isinstance(by, str) or by not in _BY:
        near = did_you_mean(by, _BY) if isinstance(by, str) else ""
        raise K8sConfigError(f"there is no size by {by!r}{near or '; there is partition and usage'}")
    strategy: Strategy = _BY[by].from_fields(fields)
    return strategy


def size_tags(size: SizeTags | Strategy | str, *, where: str = "size") -> SizeTags:
    """What an argument means that takes a size: tags, a function, or its name.

    Raises:
        K8sConfigError: It is none of them.
    """
    if isinstance(size, SizeTags):
        return size
    if isinstance(size, K8sConfig):
        raise K8sConfigError(
            "a size that is always the same is no strategy; write step_config=... or with_k8s_config(...)",
            where=where,
        )
    if isinstance(size, ByPartition | ByUsage):
        return SizeTags(size.to_text(), size)
    if isinstance(size, ByName):
        return sized_by(size.written)
    if isinstance(size, Mapping):
        if not isinstance(size.get(SIZE_TAG), str):
            raise K8sConfigError(
                "must be sized_by(...), sized_by_partition(...) or sized_by_usage(...)", where=where
            )
        return SizeTags(size[SIZE_TAG], strategy_from(size[SIZE_TAG]))
    try:
        return sized_by(size)
    except K8sConfigError as error:
        raise error.renamed("function", where) from None
