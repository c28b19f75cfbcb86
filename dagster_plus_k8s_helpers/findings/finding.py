"""`Finding`: one thing that a check has to say, with where it stands and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, TypedDict

from dagster_plus_k8s_helpers.terminal import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MOST_OF_A_RULE",
    "Finding",
    "FindingDict",
    "Need",
    "Place",
    "Rule",
    "Severity",
    "Where",
    "at_or_above",
    "few",
    "is_of_definitions",
    "not_too_many",
    "rule_of",
    "steps_named",
]

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


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places that a finding is about.

    Attributes:
        where: The line of a file, or the job.
        pod: Whose pod of the job, such as ``step 'train'`` or ``the run's pod``.
        part: What in there, such as ``containers[0].env[TOKEN]``.
        source: The line of code that it comes from; for what shows places in files.
    """

    where: Where
    pod: str = ""
    part: str = ""
    source: Where | None = None

    def __str__(self) -> str:
        return ", ".join(text for text in (str(self.where), self.pod, self.part) if text)

    @property
    def in_a_file(self) -> Where:
        """Where to show it among files: what is no place in a file is shown at the code it comes from."""
        return self.where if self.where.file or self.source is None else self.source


class FindingDict(TypedDict):
    """A finding as JSON."""

    code: str
    severity: str
    where: str
    message: str
    fix: str
    docs: str
    places: list[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has to say: one cause, in however many places it shows.

    Attributes:
        code: Stable code of the rule, such as ``DPK101``.
        severity: How bad the rule calls it.
        where: Where it stands; of several places, the first.
        message: What is wrong.
        fix: What to write instead.
        docs: Command that explains the rule.
        source: The line of code that `where`, a job or step, comes from; for what shows findings in files.
        steps: Keys of the steps it is about, when it is about steps.
        places: Every place it is about, the first of them first; empty where that is all that `where` says.
    """

    code: str
    severity: Severity
    where: Where
    message: str
    fix: str
    docs: str
    source: Where | None = None
    steps: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()

    def __str__(self) -> str:
        return one_line(f"{self.where}: {self.severity} {self.code}: {self.message}; {self.fix}")

    @property
    def is_of_more_than_steps(self) -> bool:
        """Whether it is about a file, a job or a run's pod too, and not about steps alone."""
        return not self.steps or any(not place.pod.startswith("step ") for place in self.places)

    @property
    def full_message(self) -> str:
        """The message, for programs: with every step named, where `message` names the first few."""
        return self.message.replace(steps_named(self.steps), steps_named(self.steps, most=None), 1)

    @property
    def folded(self) -> tuple[str, ...]:
        """What `message` and `where` do not say of the places: lines that name a few, and how many more."""
        if not self.places:
            return ()
        first, *others = self.places
        parts = dict.fromkeys(place.part for place in others if place.part not in {"", first.part})
        spots = dict.fromkeys(
            _beside(first.where, place.where) for place in others if place.where != first.where
        )
        words = (("also", parts), ("also at" if first.where.file else "also in", spots))
        return tuple(f"{word} {few(list(found))}" for word, found in words if found)

    def to_dict(self) -> FindingDict:
        """The finding as JSON, everything in it text."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "where": str(self.where),
            "message": self.full_message,
            "fix": self.fix,
            "docs": self.docs,
            "places": [str(place) for place in self.places] or [str(self.where)],
        }


class Need(StrEnum):
    """What a rule wants, beside files or definitions, to find all that it can.

    Without it nobody knows whether there is nothing to find: a waiver of the rule is not called unused.
    """

    NODES = "--nodes"
    NO_NODES = "no --nodes"
    QUEUES = "--queues"
    VERSION = "--kubernetes-version"
    CLUSTER = "--cluster"
    NO_CLUSTER = "no --cluster"
    KEYS = "--keys"
    DRY_RUN = "--dry-run"
    USAGE = "--usage"
    MODULE = "-m"
    """The source of the definitions, which Python has not kept."""


_RULES: dict[str, Rule] = {}


def rule_of(code: str) -> Rule | None:
    """The rule with a code, if a module that says it has been imported."""
    return _RULES.get(code)


def is_of_definitions(code: str) -> bool:
    """Whether a rule with this code is for definitions: of the others none begins with a 5."""
    return code.startswith("DPK5")


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding.

    Attributes:
        code: Its stable code.
        severity: How bad its findings are.
        reason: Why it is wrong, in one line.
        fix: What to do about it in general.
        needs: What it wants beside files or definitions, if anything.
    """

    code: str
    severity: Severity
    reason: str
    fix: str
    needs: Need | None = None

    def __post_init__(self) -> None:
        _RULES.setdefault(self.code, self)

    @property
    def is_of_definitions(self) -> bool:
        """Whether it is for definitions, which waive it in Python; the others are waived in their file."""
        return is_of_definitions(self.code)

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


MOST_OF_A_RULE = 200
"""Findings of one rule in one file that are shown; one more says how many others there are."""


def not_too_many(findings: Iterable[Finding]) -> list[Finding]:
    """The findings; where one rule has hundreds, the first of them and how many there are besides."""
    kept: list[Finding] = []
    by_code: dict[str, list[Finding]] = {}
    for item in findings:
        of_rule = by_code.setdefault(item.code, [])
        of_rule.append(item)
        if len(of_rule) <= MOST_OF_A_RULE + 1:
            kept.append(item)
    return [
        _and_more(item, len(by_code[item.code]) - MOST_OF_A_RULE)
        if len(by_code[item.code]) > MOST_OF_A_RULE + 1 and item is by_code[item.code][MOST_OF_A_RULE]
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


def few(names: Sequence[str], most: int = _MOST_NAMED) -> str:
    """The first few of many names, and how many more there are: ``a, b, c + 29 more``."""
    more = f" + {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def steps_named(steps: Sequence[str], most: int | None = _MOST_NAMED) -> str:
    """How a message calls steps: the first few of them, or all when ``most`` is ``None``; empty for none."""
    if len(steps) < 2:
        return f"step {steps[0]!r}" if steps else ""
    return f"steps {few([repr(step) for step in steps], len(steps) if most is None else most)}"


def _beside(first: Where, other: Where) -> str:
    """A place as one names it who has the first one in view: its line, in the same file."""
    if not other.file:
        return other.path
    if other.file == first.file and other.line:
        return f"line {other.line}"
    return Where(other.file, other.line, path="" if other.line else other.path).__str__()
