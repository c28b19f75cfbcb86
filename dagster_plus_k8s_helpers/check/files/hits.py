"""A hit as a finding at the lines of files, where those are about what files say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dagster_plus_k8s_helpers.check.subjects.subjects import Hit
    from dagster_plus_k8s_helpers.files.places import LayerFile
    from dagster_plus_k8s_helpers.findings.finding import Finding, Where

__all__ = ["home_of", "is_of_files", "not_in", "of_any_location", "places_of", "with_places"]

_OTHER_PLACES = "; see "
_OF_FILES = ("agent", "location")
_OF_NOBODY = {"dagster", "Dagster+"}


def is_of_files(hit: Hit, files: Mapping[str, LayerFile]) -> bool:
    """Whether a hit is about nothing but what the agent's values and the code location say."""
    layers = {field.layer for field in hit.fields}
    return any(layer in files for layer in layers) and layers <= {*files, *_OF_NOBODY}


def home_of(hit: Hit, files: Mapping[str, LayerFile]) -> Where | None:
    """The line that a hit stands at, that of the later layer; ``None`` when it is about none of the files.

    Args:
        hit: The hit; what it is about is said by its fields, and else by its layer.
        files: Where the layers are written, by their names.
    """
    homes = [files[name].home_where() for name in (str(hit.layer), *reversed(_OF_FILES)) if name in files]
    return next(iter([*places_of(hit, files)[-1:], *homes]), None)


def with_places(hit: Hit, files: Mapping[str, LayerFile], text: str, *, but: Where) -> str:
    """The text of a hit, and the places in files that it is about besides the one that it stands at."""
    return f"{text}{_others(places_of(hit, files), but)}"


def not_in(known: Sequence[Finding], findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those at files that are known, be it of another location or another pod.

    A variable may be another one of the list in another pod; where it stands it is the same.
    """
    said = {_said(finding) for finding in known}
    places = {_at_place(finding) for finding in known}
    return [
        item
        for item in findings
        if not _is_at_files(item) or (_said(item) not in said and _at_place(item) not in places)
    ]


def _is_at_files(finding: Finding) -> bool:
    return bool(finding.where.file) or finding.where.path.partition(".")[0] in _OF_FILES


def _said(finding: Finding) -> tuple[str, str]:
    """What a finding says, without whose pod it is of, of which location, and where else it stands."""
    text = finding.message.partition(": ")[2]
    return finding.code, of_any_location(text.rpartition(_OTHER_PLACES)[0] or text)


def _at_place(finding: Finding) -> tuple[str, str, Where]:
    """The same without where in the lists of its pod that stands, and where it stands in the file."""
    code, text = _said(finding)
    return code, _INDEX.sub("[]", text), finding.where


def of_any_location(message: str) -> str:
    """A message without the name of the location: what stands in the defaults is every location's."""
    return _WHOSE.sub("the code location", message)


_INDEX = re.compile(r"\[\d+\]")
_WHOSE = re.compile(r"the code location '[^']*'")


def places_of(hit: Hit, files: Mapping[str, LayerFile]) -> list[Where]:
    """Where the fields of a hit stand: those of the later layer last, and in each the later lines."""
    found = [
        where
        for name in _OF_FILES
        if name in files
        for where in sorted(files[name].where(field) for field in hit.fields if field.layer == name)
    ]
    return list(dict.fromkeys(found))


def _others(places: Iterable[Where], but: Where) -> str:
    """The lines of other places; of settings that are given in Python the message names the layer already."""
    lines = [f"{place.file}:{place.line}" for place in places if place != but and place.file]
    return f"{_OTHER_PLACES}{' and '.join(dict.fromkeys(lines))}" if lines else ""
