"""Keys of an agent's values that nobody reads where they stand, and where they belong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.documents.document import Path, parse_path, shown_path
from dagster_plus_k8s_helpers.documents.shape import at
from dagster_plus_k8s_helpers.files.checks.other_chart import OTHER_CHART, home_in_values
from dagster_plus_k8s_helpers.files.checks.values.homes import IN_ANY_SPEC, home_of
from dagster_plus_k8s_helpers.files.sections.keys import (
    MISSPELT_KEY,
    UNKNOWN_KEY,
)
from dagster_plus_k8s_helpers.files.sections.known_keys import (
    CHART_VERSION,
    agent_reads,
    version_of_agent,
)
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["newer_key", "sharpened"]

MISPLACED_KEY = Rule(
    "DPK205",
    Severity.ERROR,
    "Helm ignores a key that stands in the wrong section.",
    "move the key to the section that has it",
)
OTHER_CHARTS_KEY = Rule(
    "DPK214",
    Severity.ERROR,
    "A block of the chart dagster, which is for Dagster without Dagster+; the agent's chart ignores it.",
    "delete it; Dagster+ does what it is for",
)


def sharpened(document: YamlDocument, data: object, finding: Finding) -> Finding:
    """A finding on a key, with the section that a misplaced one belongs in."""
    path = parse_path(finding.where.path)
    block = str(path[-1]) if path else ""
    if block in OTHER_CHART and path[:-1] in {(), ("workspace",), ("dagsterCloudAgent",)}:
        home = home_in_values(block, at(data, path))
        message = f"{block!r} is a block of the chart dagster and not of the agent's"
        return OTHER_CHARTS_KEY.at(finding.where, message, fix=f"write {home}" if home else "")
    if finding.code not in {MISSPELT_KEY.code, UNKNOWN_KEY.code}:
        return finding
    home = home_of(str(path[-1]), path[:-1])
    if home == f"{IN_ANY_SPEC}: {{{path[-1]}: ...}}" and path[:-1] == ("dagsterCloudAgent",):
        # A field of a pod that this chart has no key for: the next one may well have it.
        return replace(newer_key(document, path), fix=f"write {home}, which this chart reads")
    if home:
        message = f"there is no key {path[-1]!r} {_in_section(path[:-1])}"
        return MISPLACED_KEY.at(finding.where, message, fix=f"write {home}{_up(home, path)}")
    if agent_reads(path) or finding.code == UNKNOWN_KEY.code:
        return newer_key(document, path)
    return finding


def _up(home: str, path: Path) -> str:
    """In words, that a key belongs at the top of the file."""
    if home != path[-1]:
        return ""
    return " one level up" if len(path) == 2 else " at the top of the file"


def newer_key(document: YamlDocument, path: Path) -> Finding:
    """What can be said of a key that only a newer chart can know."""
    agent = f"the agent {version_of_agent()}"
    if agent_reads(path):
        message = (
            f"{agent} reads the key {path[-1]!r}, which the chart {CHART_VERSION} does not pass on to it"
        )
    else:
        message = f"neither the chart {CHART_VERSION} nor {agent} is known to read the key {path[-1]!r} here"
    return UNKNOWN_KEY.at(document.where(path, key=True), message)


def _in_section(path: Path) -> str:
    return f"in {shown_path(path)}" if path else "at the top"
