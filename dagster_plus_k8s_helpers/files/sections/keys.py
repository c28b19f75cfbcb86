"""Checking the keys of a file against the sections that read it, at every depth."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import did_you_mean
from dagster_plus_k8s_helpers.files.sections.section import Section
from dagster_plus_k8s_helpers.findings.finding import Finding, Rule, Severity, Where

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument

__all__ = [
    "ALSO_CALLED",
    "BOTH_SPELLINGS",
    "KEY_RULES",
    "MISSPELT_KEY",
    "UNKNOWN_KEY",
    "WRONG_CASE",
    "check_keys",
    "check_names",
    "corrected",
    "meant_key",
    "misspelt",
    "names_of",
]

MISSPELT_KEY = Rule(
    "DPK101",
    Severity.ERROR,
    "Helm ignores a key it does not know, so that what it says never takes effect.",
    "write the key that was meant",
)
UNKNOWN_KEY = Rule(
    "DPK102",
    Severity.NOTICE,
    "A key that neither the chart nor the agent is known to read; a newer version of them may.",
    "delete the key, or make sure that your version of the chart reads it",
)
WRONG_CASE = Rule(
    "DPK103",
    Severity.ERROR,
    "Helm values are spelt in camelCase and Dagster's files in snake_case; the other spelling is not read.",
    "write the key in the spelling of this file",
)
BOTH_SPELLINGS = Rule(
    "DPK104", Severity.ERROR, "Of two spellings of one key only one is read.", "keep one of the two"
)
KEY_IS_NO_TEXT = Rule(
    "DPK105", Severity.ERROR, "The keys of these files are text.", "put the key in quotation marks"
)

KEY_RULES = (MISSPELT_KEY, UNKNOWN_KEY, WRONG_CASE, BOTH_SPELLINGS, KEY_IS_NO_TEXT)


def check_keys(
    document: YamlDocument, section: type[Section], data: object, path: Path = ()
) -> list[Finding]:
    """What is wrong with the keys of ``data`` and of everything in it.

    Args:
        document: The document that holds it.
        section: What should read it.
        data: The mapping at ``path``.
        path: Where it stands in the document.
    """
    return list(_check(document, section, data, path))


def check_names(
    document: YamlDocument, names: Mapping[str, Any], data: object, path: Path = ()
) -> list[Finding]:
    """The same for a mapping that no section reads, by its keys and what each of them holds."""
    return list(_check_names(document, names, data, path))


def corrected(names: Mapping[str, Any], data: object, renamed: dict[Path, str], path: Path = ()) -> object:
    """``data`` with every key as it was meant, so that what stands below a wrong one can be checked too.

    Args:
        names: The keys that are read, and what each of them holds.
        data: The mapping at ``path``.
        renamed: Takes in the keys as they were, by their paths in what is returned.
        path: Where it stands.
    """
    if not isinstance(data, Mapping):
        return data
    result: dict[object, object] = {}
    for key, value in data.items():
        meant = key
        if isinstance(key, str) and key not in names and len(data) <= _MOST_KEYS:
            meant = meant_key(key, names)
        if meant != key and (meant in data or meant in result):
            meant = key
        here = (*path, meant if isinstance(meant, str) else str(meant))
        if meant != key:
            renamed[here] = key
        result[meant] = _corrected_value(names.get(meant), value, renamed, here)
    return result


@cache
def names_of(section: type[Section]) -> dict[str, Any]:
    """The keys that a section reads, as the file spells them, and what each of them holds."""
    return {info.alias or name: info.annotation for name, info in section.model_fields.items()}


def _check(document: YamlDocument, section: type[Section], data: object, path: Path) -> Iterator[Finding]:
    yield from _check_names(document, names_of(section), data, path)


def _check_names(
    document: YamlDocument, names: Mapping[str, Any], data: object, path: Path
) -> Iterator[Finding]:
    if not isinstance(data, Mapping):
        return
    by_plain = {_plain(name): name for name in names}
    for key, value in data.items():
        if not isinstance(key, str):
            written = document.key_at((*path, str(key))) or str(key)
            where = document.where((*path, written), key=True)
            yield KEY_IS_NO_TEXT.at(where, f"the key {written} is not text", fix=f"write it as {written!r}")
            continue
        here = (*path, key)
        # Helm reserves the one, and people keep anchors under the others.
        if not path and (key == "global" or key.startswith("x-")) and "dagsterCloudAgent" in names:
            continue
        if key in names:
            yield from _check_value(document, names[key], value, here)
            continue
        where = document.where(here, key=True)
        meant = meant_key(key, names) if len(data) <= _MOST_KEYS else key
        if by_plain.get(_plain(key)) != meant:
            yield _unknown(key, meant, where)
        elif meant in data:
            yield BOTH_SPELLINGS.at(
                where, f"{key!r} and {meant!r} are one key in two spellings", fix=f"keep {meant!r}"
            )
        else:
            yield WRONG_CASE.at(where, f"this file does not spell the key {key!r}", fix=f"write {meant!r}")
        if meant in names and meant not in data:
            yield from _check_value(document, names[meant], value, here)


def meant_key(key: str, names: Iterable[str]) -> str:
    """The key that was probably meant, or the key itself."""
    return _meant(key, tuple(names))


# Each key is looked at for its finding and for what stands below it.
@lru_cache(maxsize=4096)
def _meant(key: str, names: tuple[str, ...]) -> str:
    by_plain = {_plain(name): name for name in names}
    if _plain(key) in by_plain or len(key) > _LONGEST_KEY:
        return by_plain.get(_plain(key), key)
    if ALSO_CALLED.get(key) in names:
        return ALSO_CALLED[key]
    suggestion = did_you_mean(key, names)
    meant = suggestion.split("'")[1] if suggestion else key
    return meant if _edits(_plain(key), _plain(meant)) <= _MOST_EDITS else key


def _edits(one: str, other: str) -> int:
    """How many letters have to be written, deleted or replaced to make one word the other."""
    row = list(range(len(other) + 1))
    for index, letter in enumerate(one, 1):
        above, row[0] = row[0], index
        for place, wanted in enumerate(other, 1):
            above, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, above + (letter != wanted)),
            )
    return row[-1]


ALSO_CALLED = {
    "dir": "directory",
    "file": "python_file",
    "folder": "directory",
    "module": "module_name",
    "name": "location_name",
    "package": "package_name",
    "queue": "agent_queue",
    "working_dir": "working_directory",
}
"""Names that people give to keys of Dagster+, which have another one."""

_MOST_EDITS = 2
"""Of how many letters a slip may be; a key that differs in more is another key."""

_LONGEST_KEY = 100
_MOST_KEYS = 200
"""Of how many keys in one mapping the meaning is looked for; it takes time, and people write fewer."""


def _corrected_value(annotation: object, value: object, renamed: dict[Path, str], path: Path) -> object:
    kind, inner = _known_section_in(annotation)
    if inner is None:
        return value
    names = names_of(inner)
    if kind == "list" and isinstance(value, list):
        return [corrected(names, item, renamed, (*path, index)) for index, item in enumerate(value)]
    if kind == "dict" and isinstance(value, Mapping):
        return {key: corrected(names, item, renamed, (*path, str(key))) for key, item in value.items()}
    return corrected(names, value, renamed, path) if kind == "" else value


def misspelt(key: str, meant: str, where: Where) -> Finding:
    """The finding for a key that was probably meant to be another."""
    message = f"there is no key {key!r} here; did you mean {meant!r}?"
    return MISSPELT_KEY.at(where, message, fix=f"write {meant!r}")


def _unknown(key: str, meant: str, where: Where) -> Finding:
    if meant != key:
        return misspelt(key, meant, where)
    return UNKNOWN_KEY.at(where, f"the key {key!r} is not known here")


def _check_value(document: YamlDocument, annotation: object, value: object, path: Path) -> Iterator[Finding]:
    kind, inner = _known_section_in(annotation)
    if inner is None:
        return
    if kind == "list" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _check(document, inner, item, (*path, index))
    elif kind == "dict" and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _check(document, inner, item, (*path, str(key)))
    elif kind == "":
        yield from _check(document, inner, value, path)


def _known_section_in(annotation: object) -> tuple[str, type[Section] | None]:
    """The same as `_section_in`, looked up once for each of the annotations, which live as long as we do."""
    if id(annotation) not in _SECTIONS:
        _SECTIONS[id(annotation)] = _section_in(annotation)
    return _SECTIONS[id(annotation)]


_SECTIONS: dict[int, tuple[str, type[Section] | None]] = {}


def _section_in(annotation: object) -> tuple[str, type[Section] | None]:
    """The section that an annotation such as ``Items[Location] | None`` holds, and in what."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return "", annotation if issubclass(annotation, Section) else None
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Annotated:
        return _section_in(arguments[0])
    if origin in {typing.Union, types.UnionType}:
        found = [_section_in(argument) for argument in arguments]
        return next((item for item in found if item[1] is not None), ("", None))
    if origin is tuple and arguments:
        return "list", _section_in(arguments[0])[1]
    if origin is dict:
        return "dict", _section_in(arguments[1])[1]
    return "", None


def _plain(key: str) -> str:
    return key.replace("_", "").replace("-", "").lower()
