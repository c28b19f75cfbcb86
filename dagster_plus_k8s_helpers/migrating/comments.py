"""The comments of what is replaced, so that none is lost."""

from __future__ import annotations

import io
import tokenize
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.migrating.expressions import written

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.migrating.expressions import Call, Layout

__all__ = ["with_comments_of"]


def with_comments_of(old: str, call: Call, layout: Layout) -> Call:
    """A call with every comment of a source that it takes the place of.

    Args:
        old: The source.
        call: What takes its place.
        layout: Where.
    """
    lost = Counter(_comments(old)) - Counter(_comments(written(call, layout)))
    comments = tuple(lost.elements())
    if not comments:
        return call
    if not call.items:
        return replace(call, below=(*comments, *call.below))
    first, *others = call.items
    return replace(call, items=(replace(first, above=(*comments, *first.above)), *others))


def _comments(text: str) -> list[str]:
    lines = io.StringIO(f"(\n{text}\n)\n").readline
    return [token.string for token in tokenize.generate_tokens(lines) if token.type == tokenize.COMMENT]
