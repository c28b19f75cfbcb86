"""Everything that is wrong with what a section should read, though each object stops at its first mistake.

What is wrong is left out and the rest is read again, until nothing more is found.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.documents.shape import plain_key
from dagster_plus_k8s_helpers.files.sections.refusals import MORE, rounds_for, with_limit
from dagster_plus_k8s_helpers.files.sections.section import Problem, Section, problems

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path

__all__ = ["all_problems", "innermost"]

_MOST_ROUNDS = 40


def all_problems(section: type[Section], data: object, known: Collection[Path] = ()) -> list[Problem]:
    """Every problem in ``data``, in the order in which they stand, with paths into ``data`` itself.

    Args:
        section: What should read it.
        data: What a file holds.
        known: What is not to be read, and which no object is incomplete without.
    """
    found: dict[Path, Problem] = {}
    rest = _Rest(data, known)
    for _ in range(rounds_for(data, _MOST_ROUNDS)):
        newly = [
            problem._replace(path=rest.original(problem.path)) for problem in problems(section, rest.value())
        ]
        # An object may only miss what was left out of it before, a request the limit it is held against.
        sound = [problem for problem in newly if not rest.is_damaged(innermost(data, problem.path))]
        for problem in sound:
            found.setdefault(problem.path, problem)
        before = len(rest.left_out)
        for problem in newly:
            rest.leave_out(innermost(data, problem.path))
        if len(rest.left_out) == before or () in rest.left_out:
            break
    else:
        found[()] = Problem((), MORE, data)
    positions: dict[int, dict[object, int]] = {}
    return sorted(found.values(), key=lambda problem: _order(data, problem.path, positions))


class _Rest:
    """What is left of the data, and what its parts were called before others were left out.

    Attributes:
        left_out: What is not there any more.
    """

    def __init__(self, data: object, left_out: Collection[Path]) -> None:
        self.left_out: set[Path] = set()
        self._data = data
        self._around: set[Path] = set()  # what something was left out of
        self._damaged: set[Path] = set()  # the same, but for what was left out in the beginning
        self._kept: dict[Path, list[int]] = {}
        for path in left_out:
            self.leave_out(path)
        self._damaged.clear()

    def leave_out(self, path: Path) -> None:
        self.left_out.add(path)
        for end in range(len(path) + 1):
            self._around.add(path[:end])
            self._damaged.add(path[:end])

    def is_damaged(self, path: Path) -> bool:
        """Whether something wrong was left out of what stands there, or the limit it is held against was."""
        return path in self._damaged or with_limit(path) in self.left_out

    def value(self) -> object:
        """What is left, and from here on what paths are taken to lead into."""
        self._kept = {}
        return self._without(self._data, ())

    def _without(self, data: object, path: Path) -> object:
        if path not in self._around:
            return data
        if isinstance(data, Mapping):
            return {
                key: self._without(value, (*path, key))
                for key, value in data.items()
                if (*path, key) not in self.left_out
            }
        if isinstance(data, list):
            kept = [index for index in range(len(data)) if (*path, index) not in self.left_out]
            self._kept[path] = kept
            return [self._without(data[index], (*path, index)) for index in kept]
        return data

    def original(self, path: Path) -> Path:
        """Where a path into what is left stands in the data: its own spelling, its own indexes."""
        original: Path = ()
        here = self._data
        for part in path:
            name: str | int = part
            if isinstance(here, list) and isinstance(part, int):
                kept: Sequence[int] = self._kept.get(original, range(len(here)))
                name = kept[part] if part < len(kept) else part
                here = here[name] if name < len(here) else None
            elif isinstance(here, Mapping):
                name = _spelt(here, part)
                here = here.get(name)
            else:
                here = None
            original = (*original, name)
        return original


def _spelt(data: Mapping[object, object], name: str | int) -> str | int:
    """A key as the mapping spells it."""
    if name in data or not isinstance(name, str):
        return name
    plain = plain_key(name)
    return next((key for key in data if isinstance(key, str) and plain_key(key) == plain), name)


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


def _order(data: object, path: Path, positions: dict[int, dict[object, int]]) -> list[int]:
    """Positions of the parts of a path, so that sorting by them is the order of the file."""
    order: list[int] = []
    here = data
    for part in innermost(data, path):
        if isinstance(here, Mapping):
            if id(here) not in positions:
                positions[id(here)] = {key: position for position, key in enumerate(here)}
            order.append(positions[id(here)][part])
        else:
            order.append(int(part))
        here = _step(here, part)
    return order
