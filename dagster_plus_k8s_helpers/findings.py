"""`Finding`: one thing that a check has to say, with where it stands and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["HOMEPAGE", "Finding", "FindingDict", "Rule", "Severity", "Where", "at_or_above", "not_too_many"]

HOMEPAGE = "https://pypi.org/project/dagster-plus-k8s-helpers/"
"""Where whoever has no shell at hand reads on; the ``Homepage`` of pyproject.toml."""

_MOST_NAMED = 3


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"
    """Nothing is known to be wrong, but something could not be judged."""


@dataclass(frozen=True, slots=True, order=True)
class Where:
    """Where something stands: in a file, in a job, or in both.

    Attributes:
        file: The file as the user named it; empty for what stands in Python.
        line: Line in the file, from 1; 0 when it is not known.
        column: Column in that line, from 1; 0 when it is not known.
        path: The path inside the file or the job, such as ``dagsterCloud.deployments[0]``.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""

    def __str__(self) -> str:
        spot = ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])
        return f"{spot} {self.path}" if spot and self.path else spot or self.path


class FindingDict(TypedDict):
    """A finding as JSON."""

    code: str
    severity: str
    where: str
    message: str
    fix: str
    docs: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has to say.

    Attributes:
        code: Stable code of the rule, such as ``DPK101``.
        severity: How bad the rule calls it.
        where: Where it stands.
        message: What is wrong.
        fix: What to write instead.
        docs: Command that explains the rule.
        source: The line of code that `where`, a job or step, comes from; for what shows findings in files.
        steps: Keys of the steps it is about, when it is about steps.
    """

    code: str
    severity: Severity
    where: Where
    message: str
    fix: str
    docs: str
    source: Where | None = None
    steps: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.where}: {self.severity} {self.code}: {self.message}; {self.fix}"

    @property
    def full_message(self) -> str:
        """The message, for programs: with every step named, where `message` names the first few."""
        few = _named(self.steps, _MOST_NAMED)
        if not self.steps or not self.message.startswith(few):
            return self.message
        return _named(self.steps, len(self.steps)) + self.message.removeprefix(few)

    def to_dict(self) -> FindingDict:
        """The finding as JSON, everything in it text."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "where": str(self.where),
            "message": self.full_message,
            "fix": self.fix,
            "docs": self.docs,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding.

    Attributes:
        code: Its stable code.
        severity: How bad its findings are.
        reason: Why it is wrong, in one line.
        fix: What to do about it in general.
    """

    code: str
    severity: Severity
    reason: str
    fix: str

    @property
    def docs(self) -> str:
        """Command that explains the rule: it is there wherever the check is."""
        return f"dagster-plus-k8s explain-code {self.code}"

    def at(self, where: Where, message: str, *, fix: str = "") -> Finding:
        """A finding of this kind.

        Args:
            where: Where it stands.
            message: What is wrong there.
            fix: What to write there, when that can be said better than in general.
        """
        return Finding(self.code, self.severity, where, message, fix or self.fix, self.docs)

    def of_steps(self, where: Where, steps: Sequence[str], message: str) -> Finding:
        """A finding of this kind about steps, which the message then begins with.

        Args:
            where: Where it stands.
            steps: Keys of the steps, one at least.
            message: What is wrong with them.
        """
        text = f"{_named(steps, _MOST_NAMED)}: {message}"
        return Finding(self.code, self.severity, where, text, self.fix, self.docs, steps=tuple(steps))


_MOST_OF_A_RULE = 200


def not_too_many(findings: Iterable[Finding]) -> list[Finding]:
    """The findings; where one rule has hundreds, the first of them and how many there are besides."""
    kept: list[Finding] = []
    by_code: dict[str, list[Finding]] = {}
    for item in findings:
        of_rule = by_code.setdefault(item.code, [])
        of_rule.append(item)
        if len(of_rule) <= _MOST_OF_A_RULE + 1:
            kept.append(item)
    return [
        _and_more(item, len(by_code[item.code]) - _MOST_OF_A_RULE)
        if len(by_code[item.code]) > _MOST_OF_A_RULE + 1 and item is by_code[item.code][_MOST_OF_A_RULE]
        else item
        for item in kept
    ]


def _and_more(first: Finding, count: int) -> Finding:
    return replace(
        first,
        message=f"{count:,} more findings of {first.code}, the first of them here",
        fix="mend those before, then check again",
    )


def at_or_above(findings: list[Finding], severity: Severity) -> list[Finding]:
    """The findings that are at least so bad."""
    order = list(Severity)
    return [item for item in findings if order.index(item.severity) <= order.index(severity)]


def _named(steps: Sequence[str], most: int) -> str:
    if len(steps) == 1:
        return f"step {steps[0]!r}"
    more = f" and {len(steps) - most} more" if len(steps) > most else ""
    return f"steps {', '.join(map(repr, steps[:most]))}{more}"
