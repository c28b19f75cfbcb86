"""Comments that say why a finding is meant to be so: ``# dagster-plus-k8s: ignore[DPK101] reason``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.agent.file_rules import UNUSED_WAIVER, WAIVER_WITHOUT_REASON
from dagster_plus_k8s_helpers.findings import Where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.findings import Finding

__all__ = ["Waiver", "after_waivers", "read_waiver"]

_WAIVER = re.compile(r"(?:^|\s)#\s*dagster-plus-k8s:\s*ignore\[([^\]]*)\](.*)")


class Waiver(NamedTuple):
    """What a comment waives.

    Attributes:
        codes: Which findings.
        reason: Why; may be empty, and then waives nothing.
        column: Where in its line it begins, from 1.
    """

    codes: frozenset[str]
    reason: str
    column: int


class _Waiver(NamedTuple):
    line: int
    column: int
    codes: frozenset[str]
    reason: str


def read_waiver(line: str) -> Waiver | None:
    """The waiver in a line, if there is one."""
    match = _WAIVER.search(line)
    if match is None:
        return None
    codes = frozenset(code.strip().upper() for code in match[1].split(",") if code.strip())
    return Waiver(codes, match[2].strip(), line.index("#", match.start()) + 1)


def after_waivers(text: str, file: str, findings: Sequence[Finding]) -> list[Finding]:
    """What is left of the findings in one file, and what is wrong with its waivers.

    A waiver counts for its own line and the codes it names, and must give a reason.

    Args:
        text: What the file holds.
        file: Its name, as the findings have it.
        findings: What was found in it.
    """
    waivers = _waivers(text)
    kept = [item for item in findings if not any(_waives(waiver, item) for waiver in waivers)]
    for waiver in waivers:
        where = Where(file, waiver.line, waiver.column)
        codes = ", ".join(sorted(waiver.codes))
        if not waiver.reason:
            kept.append(
                WAIVER_WITHOUT_REASON.at(where, f"the waiver of {codes or 'nothing'} gives no reason")
            )
        elif not any(_waives(waiver, item) for item in findings):
            kept.append(UNUSED_WAIVER.at(where, f"nothing on this line is found by {codes or 'no code'}"))
    return kept


def _waivers(text: str) -> list[_Waiver]:
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        waiver = read_waiver(line)
        if waiver is not None:
            found.append(_Waiver(number, waiver.column, waiver.codes, waiver.reason))
    return found


def _waives(waiver: _Waiver, finding: Finding) -> bool:
    return bool(waiver.reason) and finding.where.line == waiver.line and finding.code in waiver.codes
