"""Waivers: where somebody says that a finding is meant to be so, and why.

A comment, ``# dagster-plus-k8s: ignore[DPK101] reason``, or in Python metadata: ``{DPK101: reason}``.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, Where, is_of_definitions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["Waiver", "Waivers", "after_waivers", "read_waiver", "waivers_in_metadata"]

WAIVER_WITHOUT_REASON = Rule(
    "DPK009",
    Severity.ERROR,
    "Whoever reads a waiver needs to know why it is there.",
    "write the reason after the bracket",
)
UNUSED_WAIVER = Rule(
    "DPK010", Severity.WARNING, "A waiver that waives nothing hides the next mistake.", "delete the comment"
)
MALFORMED_WAIVER = Rule(
    "DPK013",
    Severity.ERROR,
    "A comment that is nearly a waiver waives nothing.",
    "write # dagster-plus-k8s: ignore[CODE] and the reason",
)

# Bounded, so that no line takes longer than its length.
_START = re.compile(r"(?:^|\s)#\s{0,20}dagster-plus-k8s\s{0,20}(:?)\s{0,20}ignore\b")
_REST = re.compile(r"\[([^\]]{0,2000})\](.*)")


class Waiver(NamedTuple):
    """What somebody waives.

    Attributes:
        codes: Which findings; none when it is not spelt as a waiver.
        reason: Why; may be empty, and then waives nothing.
        column: Where in its line it begins, from 1; 0 when it is no comment.
        is_malformed: Whether it is meant to be a waiver, and is not spelt as one.
    """

    codes: frozenset[str]
    reason: str
    column: int = 0
    is_malformed: bool = False

    def waives(self, code: str) -> bool:
        """Whether a finding of its line, step or job is meant to be so."""
        return bool(self.reason) and code in self.codes


Owner = TypeVar("Owner", bound=Hashable)


@dataclass(frozen=True)
class Waivers(Generic[Owner]):
    """Waivers by whose they are: in a file that of a line, in Python that of a step, a job or everything.

    Attributes:
        by_owner: The waivers of each.
    """

    by_owner: Mapping[Owner, Sequence[Waiver]] = field(default_factory=dict)

    def waives(self, code: str, owner: Owner) -> bool:
        """Whether one of them waives findings with a code."""
        return any(waiver.waives(code) for waiver in self.by_owner.get(owner, ()))

    def unused(self, used: Collection[tuple[Owner, str]]) -> Iterator[tuple[Owner, Waiver]]:
        """Those that waive nothing, each with the codes alone that it names without need.

        Args:
            used: Owners and codes of what they waive.
        """
        for owner, waivers in self.by_owner.items():
            for waiver in waivers:
                codes = frozenset(code for code in waiver.codes if (owner, code) not in used)
                if waiver.reason and (codes or not waiver.codes):
                    yield owner, waiver._replace(codes=codes)


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


def waivers_in_metadata(given: object) -> tuple[Waiver, ...]:
    """The waivers in ``{DPK101: reason}``: one of the codes with a reason, one of those without.

    Args:
        given: Which is malformed if it is no mapping.
    """
    if not isinstance(given, Mapping):
        return (Waiver(frozenset(), "", is_malformed=True),)
    reasons = {str(code).upper(): reason for code, reason in given.items()}
    good = {code for code, reason in reasons.items() if isinstance(reason, str) and reason.strip()}
    return (
        Waiver(frozenset(good), "each has its own"),
        Waiver(frozenset(reasons.keys() - good), ""),
    )


def after_waivers(text: str, file: str, findings: Sequence[Finding]) -> list[Finding]:
    """What is left of the findings in one file, and what is wrong with its waivers.

    A waiver counts for its own line and the codes it names, and must give a reason.

    Args:
        text: What the file holds.
        file: Its name, as the findings have it.
        findings: What was found in it.
    """
    waivers = Waivers(
        {
            number: (waiver,)
            for number, line in enumerate(text.split("\n"), start=1)
            if (waiver := read_waiver(line)) is not None
        }
    )
    kept = [item for item in findings if not waivers.waives(item.code, item.where.line)]
    used = {(item.where.line, item.code) for item in findings} - {
        (item.where.line, item.code) for item in kept
    }
    return [*kept, *_mistakes(waivers, file, used)]


def _mistakes(waivers: Waivers[int], file: str, used: Collection[tuple[int, str]]) -> Iterator[Finding]:
    unused = dict(waivers.unused(used))
    for number, (waiver,) in waivers.by_owner.items():
        where = Where(file, number, waiver.column)
        codes = ", ".join(sorted(waiver.codes))
        if waiver.is_malformed:
            yield MALFORMED_WAIVER.at(where, "this comment waives nothing as it is spelt")
        elif not waiver.reason:
            yield WAIVER_WITHOUT_REASON.at(where, f"the waiver of {codes or 'nothing'} gives no reason")
        elif unused.get(number) == waiver and not _needs_definitions(waiver):
            yield UNUSED_WAIVER.at(where, f"nothing on this line is found by {codes or 'no code'}")


def _needs_definitions(waiver: Waiver) -> bool:
    """Whether it is of rules for pods, which definitions may break where the files alone do not."""
    return bool(waiver.codes) and all(map(is_of_definitions, waiver.codes))
