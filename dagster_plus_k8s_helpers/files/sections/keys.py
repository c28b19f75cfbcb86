"""Checking the keys of a file against the sections that read it, at every depth."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.errors import did_you_mean
from dagster_plus_k8s_helpers.files.sections.section import Section
from dagster_plus_k8s_helpers.findings.finding import MOST_OF_A_RULE, Finding, Rule, Severity, Where

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument

__all__ = [
    "ALSO_CALLED",
    "BOTH_SPELLINGS",
    "MISSPELT_KEY",
    "MOST_KEYS",
    "UNKNOWN_KEY",
    "WRONG_CASE",
    "Keys",
    "corrected",
    "each_shown",
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


class Slip(NamedTuple):
    """A key that is not as it should be.

    Attributes:
        rule: By which rule.
        path: Where it stands, by the keys as they are.
        key: The key.
        meant: The key that was meant; the key itself when that is not known.
    """

    rule: Rule
    path: Path
    key: object
    meant: str


class Keys:
    """The keys of data, at every depth, held against those that are read.

    Attributes:
        slips: Those that are not as they should be, in their order.
        renamed: The keys as they were, by their paths in what `read` returns.
    """

    def __init__(self, renamed: dict[Path, str] | None = None) -> None:
        self.slips: list[Slip] = []
        self.renamed: dict[Path, str] = {} if renamed is None else renamed

    def read(self, names: Mapping[str, Any], data: object, path: Path = (), written: Path = ()) -> object:
        """``data`` with every key as it was meant, so that what stands below a wrong one can be checked too.

        Args:
            names: The keys that are read, and what each of them holds.
            data: The mapping at ``path``.
            path: Where it stands, by the keys that were meant.
            written: The same by the keys as they are.
        """
        if not isinstance(data, Mapping):
            return data
        result: dict[object, object] = {}
        for key, value in data.items():
            meant = self._meant(names, key, data, written)
            is_read = meant in names and (meant == key or meant not in data)
            kept = meant if is_read and meant not in result else key
            here = (*path, kept if isinstance(kept, str) else str(kept))
            if kept != key:
                self.renamed[here] = key
            holds = names[meant] if is_read else None
            result[kept] = self._value(holds, value, here, (*written, str(key)))
        return result

    def findings(self, document: YamlDocument) -> list[Finding]:
        """What is wrong with the keys.

        Args:
            document: The document that holds them.
        """
        return [_finding(document, slip) for slip in self.slips]

    def original(self, path: Path) -> Path:
        """A path into what `read` returns, by the keys as they are."""
        return tuple(self.renamed.get(path[: end + 1], part) for end, part in enumerate(path))

    def _meant(self, names: Mapping[str, Any], key: Any, data: Mapping[Any, Any], written: Path) -> Any:
        """The key that was meant, or the key itself; whether it is right is told by the slips."""
        if not isinstance(key, str):
            self.slips.append(Slip(KEY_IS_NO_TEXT, (*written, str(key)), key, str(key)))
            return key
        # Helm reserves the one, and people keep anchors under the others.
        is_reserved = not written and (key == "global" or key.startswith("x-"))
        if key in names or (is_reserved and "dagsterCloudAgent" in names):
            return key
        meant = meant_key(key, names) if len(data) <= MOST_KEYS else key
        if _plain(key) != _plain(meant) or meant not in names:
            rule = UNKNOWN_KEY if meant == key else MISSPELT_KEY
        else:
            rule = BOTH_SPELLINGS if meant in data else WRONG_CASE
        self.slips.append(Slip(rule, (*written, key), key, meant))
        return meant

    def _value(self, annotation: object, value: object, path: Path, written: Path) -> object:
        kind, inner = _known_section_in(annotation)
        if inner is None:
            return value
        names = names_of(inner)
        if kind == "list" and isinstance(value, list):
            return [
                self.read(names, item, (*path, index), (*written, index)) for index, item in enumerate(value)
            ]
        if kind == "dict" and isinstance(value, Mapping):
            return {
                key: self.read(names, item, (*path, str(key)), (*written, str(key)))
                for key, item in value.items()
            }
        return self.read(names, value, path, written) if kind == "" else value


def each_shown(
    findings: Sequence[Finding], better: Callable[[Finding], Iterable[Finding]]
) -> Iterator[Finding]:
    """The findings, said better; more than are ever shown stay as they are, since that takes time."""
    most = 2 * MOST_OF_A_RULE
    for finding in findings[:most]:
        yield from better(finding)
    yield from findings[most:]


def corrected(section: type[Section], data: object) -> object:
    """``data`` with every key as a section reads it."""
    return Keys().read(names_of(section), data)


@cache
def names_of(section: type[Section]) -> dict[str, Any]:
    """The keys that a section reads, as the file spells them, and what each of them holds."""
    return {info.alias or name: info.annotation for name, info in section.model_fields.items()}


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
MOST_KEYS = 200
"""Of how many keys in one mapping the meaning is looked for; it takes time, and people write fewer."""


def misspelt(key: str, meant: str, where: Where) -> Finding:
    """The finding for a key that was probably meant to be another."""
    message = f"there is no key {key!r} here; did you mean {meant!r}?"
    return MISSPELT_KEY.at(where, message, fix=f"write {meant!r}")


def _finding(document: YamlDocument, slip: Slip) -> Finding:
    if slip.rule is KEY_IS_NO_TEXT:
        written = document.key_at(slip.path) or str(slip.key)
        where = document.where((*slip.path[:-1], written), key=True)
        return slip.rule.at(where, f"the key {written} is not text", fix=f"write it as {written!r}")
    where = document.where(slip.path, key=True)
    if slip.rule is MISSPELT_KEY:
        return misspelt(str(slip.key), slip.meant, where)
    if slip.rule is UNKNOWN_KEY:
        return slip.rule.at(where, f"the key {slip.key!r} is not known here")
    if slip.rule is BOTH_SPELLINGS:
        message = f"{slip.key!r} and {slip.meant!r} are one key in two spellings"
        return slip.rule.at(where, message, fix=f"keep {slip.meant!r}")
    message = f"this file does not spell the key {slip.key!r}"
    return slip.rule.at(where, message, fix=f"write {slip.meant!r}")


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
