"""Comments that say why a finding is meant to be so: ``# dagster-plus-k8s: ignore[DPK101] reason``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.agent.file_rules import (
    MALFORMED_WAIVER,
    UNUSED_WAIVER,
    WAIVER_WITHOUT_REASON,
)
from dagster_plus_k8s_helpers.findings import Where

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster_plus_k8s_helpers.findings import Finding

__all__ = ["Waiver", "after_waivers", "read_waiver"]

# Bounded, so that no line takes longer than its length.
_START = re.compile(r"(?:^|\s)#\s{0,20}dagster-plus-k8s\s{0,20}(:?)\s{0,20}ignore\b")
_REST = re.compile(r"\[([^\]]{0,500})\](.*)")


class Waiver(NamedTuple):
    """What a comment waives.

    Attributes:
        codes: Which findings; none when it is not spelt as a waiver.
        reason: Why; may be empty, and then waives nothing.
        column: Where in its line it begins, from 1.
        is_malformed: Whether it is meant to be a waiver, and is not spelt as one.
    """

    codes: frozenset[str]
    reason: str
    column: int
    is_malformed: bool = False

    def waives(self, finding: Finding) -> bool:
        """Whether a finding of its line is meant to be so."""
        return bool(self.reason) and finding.code in self.codes


def read_waiver(line: str) -> Waiver | None:
    """The waiver in a line, if there is one."""
    # Which hardly any line is: a file may have thousands.
    start = _START.search(line) if "dagster-plus-k8s" in line else None
    if start is None:
        return None
    column = line.index("#", start.start()) + 1
    rest = _REST.match(line, start.end()) if start[1] else None
    if rest is None:
        return Waiver(frozenset(), "", column, is_malformed=True)
    codes = frozenset(code.strip().upper() for code in rest[1].split(",") if code.strip())
    return Waiver(codes, rest[2].strip(), column)


def after_waivers(text: str, file: str, findings: Sequence[Finding]) -> list[Finding]:
    """What is left of the findings in one file, and what is wrong with its waivers.

    A waiver counts for its own line and the codes it names, and must give a reason.

    Args:
        text: What the file holds.
        file: Its name, as the findings have it.
        findings: What was found in it.
    """
    waivers = {
        number: waiver
        for number, line in enumerate(text.split("\n"), start=1)
        if (waiver := read_waiver(line)) is not None
    }
    waived = [item for item in findings if _is_waived(item, waivers)]
    kept = [item for item in findings if not _is_waived(item, waivers)]
    used = {item.where.line for item in waived}
    for number, waiver in waivers.items():
        where = Where(file, number, waiver.column)
        codes = ", ".join(sorted(waiver.codes))
        if waiver.is_malformed:
            kept.append(MALFORMED_WAIVER.at(where, "this comment waives nothing as it is spelt"))
        elif not waiver.reason:
            kept.append(
                WAIVER_WITHOUT_REASON.at(where, f"the waiver of {codes or 'nothing'} gives no reason")
            )
        elif number not in used and not _needs_definitions(waiver):
            kept.append(UNUSED_WAIVER.at(where, f"nothing on this line is found by {codes or 'no code'}"))
    return kept


def _is_waived(finding: Finding, waivers: Mapping[int, Waiver]) -> bool:
    waiver = waivers.get(finding.where.line)
    return waiver is not None and waiver.waives(finding)


def _needs_definitions(waiver: Waiver) -> bool:
    """Whether it is of rules for pods, which definitions may break where the files alone do not."""
    return bool(waiver.codes) and all(code.startswith("DPK5") for code in waiver.codes)
