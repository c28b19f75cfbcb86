"""What is different between two Jobs, by field: items of lists are told apart as Kubernetes does it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity
from dagster_plus_k8s_helpers.pod.objects.merge_keys import MERGE_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Difference", "differences"]


class Difference(NamedTuple):
    """One field that is different.

    Attributes:
        keys: Where: keys, and ``[NAME]`` for an item of a list.
        old: What was there; ``None`` for nothing.
        new: What is there now, in the same way.
        old_path: The path in the old Job, with the numbers of items.
        new_path: The path in the new Job.
    """

    keys: tuple[str, ...]
    old: Any
    new: Any
    old_path: str
    new_path: str

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Every field that is different, in the order of the new Job, and what is gone after it."""
    return list(_of_mappings(old, new, Difference((), None, None, "", "")))


def _of(old: Any, new: Any, at: Difference) -> Iterator[Difference]:
    # Nothing, no items and no keys are the same to Kubernetes.
    if isinstance(old or {}, Mapping) and isinstance(new or {}, Mapping):
        if old or new:
            yield from _of_mappings(old or {}, new or {}, at)
    elif isinstance(old or [], list) and isinstance(new or [], list) and _of_items(old, new):
        yield from _of_lists(old or [], new or [], at)
    elif not _same(old, new, at.keys):
        yield at._replace(old=old, new=new)


def _of_items(old: Any, new: Any) -> bool:
    """Whether lists hold objects; those of text, such as arguments, are one value."""
    return all(isinstance(item, Mapping) for item in [*(old or []), *(new or [])])


def _of_mappings(old: Mapping[str, Any], new: Mapping[str, Any], at: Difference) -> Iterator[Difference]:
    for key in {**new, **old}:
        below = Difference(
            (*at.keys, str(key)), None, None, _joined(at.old_path, key), _joined(at.new_path, key)
        )
        yield from _of(old.get(key), new.get(key), below)


def _of_lists(old: list[Any], new: list[Any], at: Difference) -> Iterator[Difference]:
    field = at.keys[-1] if at.keys else ""
    before, after = _by_name(old, field), _by_name(new, field)
    for name in {**after, **before}:
        index, item = before.get(name, (0, None))
        new_index, new_item = after.get(name, (0, None))
        below = Difference(
            (*at.keys, f"[{name}]"), None, None, f"{at.old_path}[{index}]", f"{at.new_path}[{new_index}]"
        )
        if item is None or new_item is None:
            yield below._replace(old=item, new=new_item)
        else:
            yield from _of(item, new_item, below)


def _by_name(items: list[Any], field: str) -> dict[str, tuple[int, Any]]:
    """Items of a list by what tells them apart, each with its number; one that is there twice is two."""
    keys = MERGE_KEYS.get(re.sub("([A-Z])", r"_\1", field).lower(), ())
    found: dict[str, tuple[int, Any]] = {}
    for index, item in enumerate(items):
        parts = [str(_at(item, key)) for key in keys if _at(item, key) is not None]
        name = begun = " ".join(parts) or json.dumps(item, sort_keys=True, default=str)
        count = 1
        while name in found:
            count += 1
            name = f"{begun} {count}"
        found[name] = index, item
    return found


def _at(item: Any, path: str) -> Any:
    for step in path.split("."):
        key = re.sub("_([a-z])", lambda found: found[1].upper(), step)
        item = item.get(key) if isinstance(item, Mapping) else None
    return item


def _joined(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


_AMOUNTS = {"limits", "requests"}


def _same(old: Any, new: Any, keys: tuple[str, ...]) -> bool:
    """Whether two values mean the same; of amounts there are several spellings."""
    if len(keys) > 1 and keys[-2] in _AMOUNTS and old is not None and new is not None:
        try:
            return Quantity(old) == Quantity(new)
        except QuantityError:
            pass
    return type(old) is type(new) and bool(old == new)
