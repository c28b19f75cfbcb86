"""Findings written down: for people, for programs, and for the review of a pull request."""

from __future__ import annotations

import json
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from urllib.parse import quote

from dagster_plus_k8s_helpers.findings.finding import Finding, Place, Severity, rule_of
from dagster_plus_k8s_helpers.findings.pages import HOMEPAGE, findings_page, read_on, site
from dagster_plus_k8s_helpers.terminal import console
from dagster_plus_k8s_helpers.terminal import one_line as _one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["FORMATS", "Format", "as_github", "as_json", "as_sarif", "as_text", "print_text"]

Format: TypeAlias = Literal["text", "json", "github", "sarif"]

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(findings: Sequence[Finding]) -> str:
    """For people: by file, or by job and step, what is wrong and what to write instead; the numbers last.

    What has errors stands before what has none, and errors before warnings in each.
    """
    return "".join(f"{text}\n" for text, _ in _lines(findings))


def print_text(findings: Sequence[Finding]) -> None:
    """The same on a terminal, with colours."""
    from rich.text import Text  # noqa: PLC0415 - of all formats only this one needs it

    out = console()
    for text, style in _lines(findings):
        out.print(Text(text, style=style), soft_wrap=True)


def as_json(findings: Sequence[Finding]) -> str:
    """For programs: a list of ``{code, severity, where, message, fix, docs, places}``."""
    return json.dumps([finding.to_dict() for finding in findings], indent=2) + "\n"


def as_github(findings: Sequence[Finding]) -> str:
    """Workflow commands, which GitHub Actions shows as annotations at the line.

    Source: https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    return "".join(f"{_github_command(finding)}\n" for finding in findings)


def as_sarif(findings: Sequence[Finding]) -> str:
    """SARIF 2.1.0, for code scanning.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    found = {finding.code: finding for finding in findings}
    run = {
        "tool": {
            "driver": {
                "name": "dagster-plus-k8s",
                "rules": [_sarif_rule(found[code]) for code in sorted(found)],
            }
        },
        # A column of YAML counts characters, and not the units of UTF-16.
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(finding) for finding in findings],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


FORMATS: dict[Format, Callable[[Sequence[Finding]], str]] = {
    "text": as_text,
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}


def _lines(findings: Sequence[Finding]) -> Iterator[tuple[str, str]]:
    """The lines of the report and the style of each."""
    by_heading: dict[str, list[Finding]] = {}
    for item in findings:
        by_heading.setdefault(_heading(item), []).append(item)
    for heading, group in sorted(by_heading.items(), key=lambda found: min(map(_badness, found[1]))):
        yield _one_line(heading), "bold underline"
        for item in sorted(group, key=_badness):
            yield (
                f"  {_spot(item)} {item.severity} {item.code} {_one_line(item.message)}",
                _STYLES[item.severity],
            )
            if item.where.path and item.where.file:
                yield f"      at {_one_line(item.where.path)}", "dim"
            if item.source is not None:
                yield f"      in {_one_line(str(item.source))}", "dim"
            yield from ((f"      {_one_line(line)}", "dim") for line in item.folded)
            yield f"      {_one_line(item.fix)}", ""
    yield _summary(findings), "bold"
    if findings:
        more = f", or {findings_page()}" if site() else ""
        yield f"why, and how to waive it: dagster-plus-k8s explain-code CODE{more}", "dim"


def _heading(finding: Finding) -> str:
    """The file of a finding; for what stands in Python, the job and step."""
    return finding.where.file or finding.where.path or "in Python"


_STYLES = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTICE: "cyan"}
_SARIF_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


_BADNESS = {severity: index for index, severity in enumerate(Severity)}


def _badness(finding: Finding) -> int:
    return _BADNESS[finding.severity]


def _spot(finding: Finding) -> str:
    where = finding.where
    return ":".join(str(number) for number in (where.line, where.column) if number) or "-"


def _summary(findings: Sequence[Finding]) -> str:
    if not findings:
        return "nothing found"
    counts = [(sum(item.severity is severity for item in findings), severity) for severity in Severity]
    return ", ".join(f"{count} {severity}{'s' * (count != 1)}" for count, severity in counts if count)


def _first_place(finding: Finding) -> Place:
    return Place(finding.where, source=finding.source)


def _github_command(finding: Finding) -> str:
    spot = _first_place(finding).in_a_file
    properties = {
        "file": spot.file,
        "line": str(spot.line or ""),
        "col": str(spot.column or ""),
        "title": f"{finding.code} {finding.where.path}".strip(),
    }
    shown = ",".join(f"{key}={_github_property(value)}" for key, value in properties.items() if value)
    text = "; ".join([finding.full_message, *finding.folded, finding.fix])
    return f"::{finding.severity} {shown}::{_github_data(text)}"


def _github_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _github_property(text: str) -> str:
    return _github_data(text).replace(":", "%3A").replace(",", "%2C")


def _sarif_rule(finding: Finding) -> dict[str, Any]:
    rule = rule_of(finding.code)
    reason = finding.message if rule is None else rule.reason
    return {
        "id": finding.code,
        "shortDescription": {"text": reason},
        "helpUri": read_on(finding.code) if site() else HOMEPAGE,
        "help": {"text": f"{reason} More: {finding.docs}"},
    }


def _sarif_result(finding: Finding) -> dict[str, Any]:
    location = _sarif_location(_first_place(finding))
    result = {
        "ruleId": finding.code,
        "level": _SARIF_LEVELS[finding.severity],
        "message": {"text": f"{finding.full_message}; {finding.fix}"},
        "locations": [location] if location else [],
    }
    others = [_sarif_location(place) | {"message": {"text": str(place)}} for place in finding.places[1:]]
    return result | ({"relatedLocations": others} if others else {})


def _sarif_location(place: Place) -> dict[str, Any]:
    spot = place.in_a_file
    location: dict[str, Any] = {}
    if spot.file:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(spot.file)}}
        if spot.line:
            region = {"startLine": spot.line, "startColumn": max(spot.column, 1)}
            location["physicalLocation"]["region"] = region
    if place.where.path:
        location["logicalLocations"] = [{"fullyQualifiedName": place.where.path}]
    return location


def _uri(file: str) -> str:
    return quote(PurePath(file).as_posix(), safe="/")
