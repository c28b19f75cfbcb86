"""Everything that is wrong with what a section should read, though each object stops at its first mistake.

What is wrong is left out and the rest is read again, until nothing more is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.agent.refusals import with_limit
from dagster_plus_k8s_helpers.agent.section import Problem, Section, problems

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.agent.yaml_file import Path

__all__ = ["all_problems", "innermost"]

_MOST_ROUNDS = 40
_MOST_PROBLEMS = 200


def all_problems(section: type[Section], data: object) -> list[Problem]:
    """Every problem in ``data``, in the order in which they stand, with paths into ``data`` itself.

    Args:
        section: What should read it.
        data: What a file holds.
    """
    found: dict[Path, Problem] = {}
    left_out: set[Path] = set()
    for _ in range(_MOST_ROUNDS):
        before = len(left_out)
        for problem in problems(section, _without(data, left_out, ())):
            path = _original(data, problem.path, left_out)
            spot = innermost(data, path)
            # An object may only miss what was left out of it before, a request the limit it is held against.
            if not any(other[: len(spot)] == spot or other == with_limit(spot) for other in left_out):
                found.setdefault(path, problem._replace(path=path))
            left_out.add(spot)
        if len(left_out) == before or () in left_out or len(found) >= _MOST_PROBLEMS:
            break
    return sorted(found.values(), key=lambda problem: _order(data, problem.path))


def _without(data: object, left_out: set[Path], path: Path) -> object:
    if not left_out:
        return data
    if isinstance(data, Mapping):
        return {
            key: _without(value, left_out, (*path, key))
            for key, value in data.items()
            if (*path, key) not in left_out
        }
    if isinstance(data, list):
        return [
            _without(value, left_out, (*path, index))
            for index, value in enumerate(data)
            if (*path, index) not in left_out
        ]
    return data


def _original(data: object, path: Path, left_out: set[Path]) -> Path:
    """Where a path into what is left stands in ``data``: its own spelling, its own indexes."""
    original: Path = ()
    here = data
    for part in path:
        if isinstance(here, list) and isinstance(part, int):
            kept = [index for index in range(len(here)) if (*original, index) not in left_out]
            index = kept[part] if part < len(kept) else part
            original = (*original, index)
            here = here[index] if index < len(here) else None
        elif isinstance(here, Mapping):
            key = _spelt(here, part)
            original = (*original, key)
            here = here.get(key)
        else:
            original = (*original, part)
            here = None
    return original


def _spelt(data: Mapping[object, object], name: str | int) -> str | int:
    """A key as the mapping spells it."""
    if name in data or not isinstance(name, str):
        return name
    plain = _plain(name)
    return next((key for key in data if isinstance(key, str) and _plain(key) == plain), name)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


_ABSENT = object()


def _step(here: object, part: str | int) -> object:
    """What a part of a path leads to, if anything."""
    if isinstance(here, Mapping):
        return here.get(part, _ABSENT)
    if isinstance(here, list) and isinstance(part, int) and part < len(here):
        return here[part]
    return _ABSENT


def innermost(data: object, path: Path) -> Path:
    """The innermost part of a path that is there."""
    here = data
    for depth, part in enumerate(path):
        here = _step(here, part)
        if here is _ABSENT:
            return path[:depth]
    return path


def _order(data: object, path: Path) -> list[int]:
    """Positions of the parts of a path, so that sorting by them is the order of the file."""
    order: list[int] = []
    here = data
    for part in innermost(data, path):
        order.append(list(here).index(part) if isinstance(here, Mapping) else int(part))
        here = _step(here, part)
    return order
