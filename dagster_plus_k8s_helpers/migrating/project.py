"""The modules of a project together: a config that one writes and another gives Dagster, and who reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from dagster_plus_k8s_helpers.migrating.elsewhere import Elsewhere, used_elsewhere
from dagster_plus_k8s_helpers.migrating.files import Source, UnreadableError, python_files, read_source
from dagster_plus_k8s_helpers.migrating.places import Left
from dagster_plus_k8s_helpers.migrating.rewriting import Rewritten, names_wanted, rewritten

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from dagster_plus_k8s_helpers.migrating.module import Imported

__all__ = ["Changed", "Project"]


class Changed(NamedTuple):
    """A file, and what becomes of it.

    Attributes:
        path: The file.
        source: What it holds; ``None`` when it cannot be read.
        result: The rewritten module.
    """

    path: Path
    source: Source | None
    result: Rewritten


@dataclass
class Project:
    """Files that are rewritten, and those beside them that may use what they write.

    Args:
        paths: What to rewrite.
        root: The folder of the whole project, all of which is looked at.
    """

    paths: Sequence[Path]
    root: Path
    _others: list[Source] | None = field(default=None, init=False)

    def rewritten(self) -> list[Changed]:
        """Every file that changes, or in which a place stays, in the order of the paths."""
        sources: list[Source] = []
        found: dict[Path, Changed] = {}
        for path in python_files(self.paths):
            try:
                sources.append(read_source(path))
                found[path] = Changed(path, sources[-1], Rewritten(sources[-1].text))
            except UnreadableError as error:
                found[path] = Changed(path, None, Rewritten("", left=(Left(0, str(error)),)))
        wanted = _wanted(sources)
        for source in sources:
            found[source.path] = self._of(source, wanted.get(source.path, set()))
        return [item for item in found.values() if item.result.done or item.result.left]

    def _of(self, source: Source, wanted: set[str]) -> Changed:
        try:
            result = rewritten(
                source.text, elsewhere=lambda name: self._elsewhere(source, name), wanted=wanted
            )
            source.encoded(result.text)
        except SyntaxError as error:
            result = Rewritten(source.text, left=(Left(error.lineno or 0, f"is not Python: {error.msg}"),))
        except cst.ParserSyntaxError as error:
            result = Rewritten(
                source.text, left=(Left(error.raw_line, f"libcst cannot read it: {error.message}"),)
            )
        except RecursionError:
            result = Rewritten(source.text, left=(Left(0, "is nested too deeply to be read"),))
        except UnreadableError as error:
            result = Rewritten(source.text, left=(Left(0, str(error)),))
        return Changed(source.path, source, result)

    def _elsewhere(self, source: Source, name: str) -> Elsewhere:
        own = source.path.resolve()
        return used_elsewhere(name, (other for other in self._sources() if other.path.resolve() != own))

    def _sources(self) -> Iterable[Source]:
        if self._others is None:
            self._others = list(_readable([self.root, *self.paths]))
        return self._others


def _readable(paths: Sequence[Path]) -> Iterator[Source]:
    for path in python_files(paths):
        try:
            yield read_source(path)
        except UnreadableError:
            continue


def _wanted(sources: Sequence[Source]) -> dict[Path, set[str]]:
    """The names of each file that others give Dagster as a config."""
    found: dict[Path, set[str]] = {}
    for source in sources:
        try:
            names = names_wanted(source.text)
        except (SyntaxError, cst.ParserSyntaxError, RecursionError):
            continue
        for name in names:
            for other in sources:
                if _is_module(other.path, name.of, source.path):
                    found.setdefault(other.path, set()).add(name.of.name)
    return found


def _is_module(path: Path, imported: Imported, importer: Path) -> bool:
    """Whether a file is the module that another imports from."""
    name = imported.module.lstrip(".")
    dots = len(imported.module) - len(name)
    parts = tuple(name.split(".")) if name else ()
    own = path.resolve().with_suffix("").parts
    own = own[:-1] if own[-1] == "__init__" else own
    if dots:
        folder = importer.resolve().parent
        for _ in range(dots - 1):
            folder = folder.parent
        return own == (*folder.parts, *parts)
    return bool(parts) and own[-len(parts) :] == parts
