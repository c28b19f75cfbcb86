"""What an edit of data should make of it, said a second time."""

from __future__ import annotations

from typing import Any


def with_set(data: Any, path: tuple[str | int, ...], value: object) -> object:
    if not path:
        return value
    head, *rest = path
    if isinstance(head, int):
        items = list(data) if isinstance(data, list) else []
        items += [None] * (head + 1 - len(items))
        items[head] = with_set(items[head], tuple(rest), value)
        return items
    pairs = dict(data) if isinstance(data, dict) else {}
    pairs[head] = with_set(pairs.get(head), tuple(rest), value)
    return pairs
