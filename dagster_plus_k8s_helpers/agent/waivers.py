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
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.findings import Finding

__all__ = ["after_waivers"]

# Bounded, so that no line takes longer than its length.
_START = re.compile(r"(?:^|\s)#\s{0,20}dagster-plus-k8s\s{0,20}(:?)\s{0,20}ignore\b")
_REST = re.compile(r"\[([^\]]{0,500})\](.*)")


class _Waiver(NamedTuple):
    line: int
    column: int
    codes: frozenset[str] | None  # None when it is not spelt as a waiver
    reason: str


def after_waivers(text: str, file: str, findings: Sequence[Finding]) -> list[Finding]:
    """What is left of the findings in one file, and what is wrong with its waivers.

    A waiver counts for its own line and the codes it names, and must give a reason.

    Args:
        text: What the file holds.
        file: Its name, as the findings have it.
        findings: What was found in it.
    """
    waivers = {waiver.line: waiver for waiver in _waivers(text)}
    kept = [item for item in findings if not _waives(waivers.get(item.where.line), item)]
    waived = {item.where.line for item in findings if _waives(waivers.get(item.where.line), item)}
    for waiver in waivers.values():
        where = Where(file, waiver.line, waiver.column)
        if waiver.codes is None:
            kept.append(MALFORMED_WAIVER.at(where, "this comment waives nothing as it is spelt"))
            continue
        codes = ", ".join(sorted(waiver.codes))
        if not waiver.reason:
            kept.append(
                WAIVER_WITHOUT_REASON.at(where, f"the waiver of {codes or 'nothing'} gives no reason")
            )
        elif waiver.line not in waived:
            kept.append(UNUSED_WAIVER.at(where, f"nothing on this line is found by {codes or 'no code'}"))
    return kept


def _waivers(text: str) -> list[_Waiver]:
    found = []
    for number, line in enumerate(text.split("\n"), start=1):
        start = _START.search(line)
        if not start:
            continue
        rest = _REST.match(line, start.end()) if start[1] else None
        codes = (
            frozenset(code.strip().upper() for code in rest[1].split(",") if code.strip()) if rest else None
        )
        column = line.index("#", start.start()) + 1
        found.append(_Waiver(number, column, codes, rest[2].strip() if rest else ""))
    return found


def _waives(waiver: _Waiver | None, finding: Finding) -> bool:
    return waiver is not None and bool(waiver.reason) and finding.code in (waiver.codes or ())
