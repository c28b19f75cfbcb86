"""What is different between two values files, in an order and a form that people review."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, TypeAlias

from dagster_plus_k8s_helpers.documents.document import Path, shown_path
from dagster_plus_k8s_helpers.errors import QuantityError
from dagster_plus_k8s_helpers.files.values.hidden_values import Hidden, with_hidden_credentials
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Change", "Changes", "diff"]

Json: TypeAlias = object

_QUANTITIES = {"limits", "requests"}
"""What holds amounts, of which one can be written in several ways."""


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is different.

    Attributes:
        path: Where, such as ``dagsterCloud.deployments[0]``.
        old: What stood there; ``None`` when nothing did, and `Hidden` when it looks like a credential.
        new: What stands there now, in the same way.
        kind: ``added``, ``removed`` or ``changed``.
    """

    path: str
    old: Json
    new: Json
    kind: str

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.path}: {_in_one_line(self.new)}"
        if self.kind == "removed":
            return f"- {self.path}: {_in_one_line(self.old)}"
        return f"~ {self.path}: {_in_one_line(self.old)} -> {_in_one_line(self.new)}"

    def __repr__(self) -> str:
        return f"Change({str(self)!r})"


@dataclass(frozen=True, slots=True)
class Changes:
    """Every value that is different; as text one line each, and false when there is none."""

    changes: tuple[Change, ...] = ()

    def __str__(self) -> str:
        return "\n".join(str(change) for change in self.changes) or "no difference"

    def __len__(self) -> int:
        return len(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)


def diff(old: Mapping[str, Json], new: Mapping[str, Json]) -> Changes:
    """What leads from one to the other, without credentials.

    Items of lists are told apart by their names, where all have one: a variable's, or a manifest's kind and
    name. Others are compared as a whole, so that one that is put in front leaves the rest alone.
    """
    return Changes(tuple(_values(with_hidden_credentials(old), with_hidden_credentials(new), ())))


def _mappings(old: Mapping[str, Json], new: Mapping[str, Json], path: Path) -> Iterator[Change]:
    for key in {**old, **new}:
        here = (*path, key)
        if key not in new:
            yield from _all(old[key], here, "removed")
        elif key not in old:
            yield from _all(new[key], here, "added")
        else:
            yield from _values(old[key], new[key], here)


def _values(old: Json, new: Json, path: Path) -> Iterator[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mappings(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    elif not _same(old, new, path):
        yield Change(shown_path(path), old, new, "changed")


def _same(old: Json, new: Json, path: Path) -> bool:
    """Whether two values that are not both mappings or lists mean the same."""
    if path[-2:-1] and path[-2] in _QUANTITIES:
        try:
            return Quantity(old) == Quantity(new)  # type: ignore[arg-type] # or it raises
        except QuantityError:
            pass
    # In Python True equals 1, in YAML it does not; what is no number equals itself.
    return type(old) is type(new) and (old == new or repr(old) == repr(new) == "nan")


def _lists(old: list[Json], new: list[Json], path: Path) -> Iterator[Change]:
    by_name = _by_name(old, path), _by_name(new, path)
    if by_name[0] is not None and by_name[1] is not None:
        yield from _mappings(by_name[0], by_name[1], path)
        yield from _order(list(by_name[0]), list(by_name[1]), path)
        return
    matcher = SequenceMatcher(None, list(map(_whole, old)), list(map(_whole, new)), autojunk=False)
    for kind, start, stop, new_start, new_stop in matcher.get_opcodes():
        if kind == "equal":
            continue
        pairs = min(stop - start, new_stop - new_start)
        for index in range(pairs):
            yield from _values(old[start + index], new[new_start + index], (*path, new_start + index))
        for index in range(start + pairs, stop):
            yield from _all(old[index], (*path, index), "removed")
        for index in range(new_start + pairs, new_stop):
            yield from _all(new[index], (*path, index), "added")


def _whole(value: Json) -> str:
    """A value as text that two values share when they are equal."""
    return json.dumps(value, sort_keys=True, default=lambda hidden: {"": hidden.secret})


def _order(old: list[str], new: list[str], path: Path) -> Iterator[Change]:
    """A change of order among what stayed, which matters in some lists."""
    stayed = [name for name in old if name in new], [name for name in new if name in old]
    if stayed[0] != stayed[1]:
        yield Change(f"order of {shown_path(path)}", stayed[0], stayed[1], "changed")


def _by_name(items: list[Json], path: Path) -> dict[str, Json] | None:
    """The items of a list by what names them, when that tells them apart."""
    named: dict[str, Json] = {}
    for item in items:
        name = _name(item, path)
        if name is None or name in named:
            return None
        named[name] = item
    return named


def _name(item: Json, path: Path) -> str | None:
    if path[-1:] == ("envVars",) and isinstance(item, str | Hidden):
        return (item.secret if isinstance(item, Hidden) else item).partition("=")[0]
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return None
    name, metadata = item.get("name"), item.get("metadata")
    if name is None and isinstance(metadata, dict) and metadata.get("name"):
        name = f"{item.get('kind')} {metadata['name']}"
    return name if isinstance(name, str) else None


def _all(value: Json, path: Path, kind: str) -> Iterator[Change]:
    """Every single value of what came or went as a whole."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _all(item, (*path, key), kind)
    else:
        old, new = (value, None) if kind == "removed" else (None, value)
        yield Change(shown_path(path), old, new, kind)


def _in_one_line(value: Json) -> str:
    return str(value) if isinstance(value, Hidden) else json.dumps(value, ensure_ascii=False, default=str)
