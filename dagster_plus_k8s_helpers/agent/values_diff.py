"""What is different between two values files, in an order and a form that people review."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from dagster_plus_k8s_helpers.agent.yaml_file import Path, shown_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Change", "Changes", "diff"]

Json: TypeAlias = object

_SECRET = "agentTokenValue"  # noqa: S105 - the key, not the token


@dataclass(frozen=True, slots=True)
class Change:
    """One value that is different.

    Attributes:
        path: Where, such as ``dagsterCloud.deployments[0]``.
        old: What stood there; ``None`` when nothing did.
        new: What stands there now; ``None`` when nothing does.
        kind: ``added``, ``removed`` or ``changed``.
    """

    path: str
    old: Json
    new: Json
    kind: str

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.path}: {self._shown(self.new)}"
        if self.kind == "removed":
            return f"- {self.path}: {self._shown(self.old)}"
        return f"~ {self.path}: {self._shown(self.old)} -> {self._shown(self.new)}"

    def __repr__(self) -> str:
        return f"Change({str(self)!r})"

    def _shown(self, value: Json) -> str:
        return "(a token)" if self.path.endswith(_SECRET) else _in_one_line(value)


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
    """What leads from one to the other. Items of lists are told apart by their names, where all have one."""
    return Changes(tuple(_mappings(old, new, ())))


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
    # In Python True equals 1, in YAML it does not.
    if old == new and type(old) is type(new) and not isinstance(old, dict | list):
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _mappings(old, new, path)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _lists(old, new, path)
    else:
        yield Change(shown_path(path), old, new, "changed")


def _lists(old: list[Json], new: list[Json], path: Path) -> Iterator[Change]:
    by_name = _by_name(old), _by_name(new)
    if by_name[0] is not None and by_name[1] is not None:
        yield from _mappings(by_name[0], by_name[1], path)
        yield from _order(list(by_name[0]), list(by_name[1]), path)
        return
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        yield from _values(before, after, (*path, index))
    for index in range(len(new), len(old)):
        yield from _all(old[index], (*path, index), "removed")
    for index in range(len(old), len(new)):
        yield from _all(new[index], (*path, index), "added")


def _order(old: list[str], new: list[str], path: Path) -> Iterator[Change]:
    """A change of order among what stayed, which matters in some lists."""
    stayed = [name for name in old if name in new], [name for name in new if name in old]
    if stayed[0] != stayed[1]:
        yield Change(f"order of {shown_path(path)}", stayed[0], stayed[1], "changed")


def _by_name(items: list[Json]) -> dict[str, Json] | None:
    """The items of a list by what names them, when that tells them apart."""
    named: dict[str, Json] = {}
    for item in items:
        name = item.get("name") if isinstance(item, dict) else item
        if not isinstance(name, str) or name in named:
            return None
        named[name] = item
    return named


def _all(value: Json, path: Path, kind: str) -> Iterator[Change]:
    """Every single value of what came or went as a whole."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _all(item, (*path, key), kind)
    else:
        old, new = (value, None) if kind == "removed" else (None, value)
        yield Change(shown_path(path), old, new, kind)


def _in_one_line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
