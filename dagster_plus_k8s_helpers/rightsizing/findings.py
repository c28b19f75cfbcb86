"""The two things about usage that `check` says: asks for far too much, and needs nearly all of its limit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.findings.finding import Need, Rule, Severity, Where
from dagster_plus_k8s_helpers.rightsizing.given import least_wasteful
from dagster_plus_k8s_helpers.rightsizing.show import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.findings.finding import Finding
    from dagster_plus_k8s_helpers.rightsizing.rows import Figures, Row

__all__ = ["ASKS_TOO_MUCH", "NEAR_LIMIT", "Said", "findings_of", "said_of"]

_TIMES = 4.0
# Of less it is not worth to speak.
_LEAST = {"memory": 256 * 2.0**20, "cpu": 0.25}

ASKS_TOO_MUCH = Rule(
    "DPK590",
    Severity.NOTICE,
    "A step asks for over 4 times what it used in any of the runs that were read. What is requested is kept "
    "from every other pod of the node, used or not. Source: "
    "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-requests-are-scheduled",
    "write what `dagster-plus-k8s rightsize` recommends",
    needs=Need.USAGE,
)
NEAR_LIMIT = Rule(
    "DPK591",
    Severity.WARNING,
    "A step used over 90 % of its memory limit, or was OOMKilled: a little more data kills it. Source: "
    "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-limits-are-run",
    "write what `dagster-plus-k8s rightsize` recommends, or give it a MemoryLadder",
    needs=Need.USAGE,
)


class Said(NamedTuple):
    """One thing to say of a row, without the step's name."""

    rule: Rule
    text: str
    fix: str


def findings_of(rows: Sequence[Row]) -> list[Finding]:
    """What is to be said of rows, at the lines of their steps."""
    return [_finding(said, row) for row in rows for said in said_of(row)]


def said_of(row: Row) -> Iterator[Said]:
    """What is to be said of a row."""
    whose = "" if row.group is None else f" of {row.group}"
    if row.asks.sized_by:
        yield from _of_sized(row, whose)
        return
    if row.is_near_limit:
        yield Said(NEAR_LIMIT, f"{row.risk}{whose}", _fix("memory", row.memory))
        return
    for name, figures, text in (("memory", row.memory, words.memory), ("cpu", row.cpu, words.cores)):
        times, spare = figures.times_used, (figures.request or 0.0) - (figures.new_request or 0.0)
        if times is not None and times > _TIMES and figures.new_request and spare > _LEAST[name]:
            text_of = (
                f"{text(figures.request)} of {name} are requested, {times:.2g} times the most that "
                f"{len(row.measured)} attempts{whose} used, {text(figures.most)}"
            )
            yield Said(ASKS_TOO_MUCH, text_of, _fix(name, figures))


def _of_sized(row: Row, whose: str) -> Iterator[Said]:
    """The same of a step that is sized at launch, each attempt beside what it was given."""
    fix = f"change what {row.asks.sized_by} gives it, which stands above the op tags"
    if row.is_near_limit:
        yield Said(NEAR_LIMIT, f"{row.risk}{whose}", fix)
        return
    for name, text in (("memory", words.memory), ("cpu", words.cores)):
        least = least_wasteful(row.measured, name)
        enough = row.advice.memory_bytes if name == "memory" else row.advice.cpu_cores
        if least is None or enough is None or least.requested - least.used <= _LEAST[name]:
            continue
        if (times := least.requested / least.used) > _TIMES:
            text_of = (
                f"{text(least.requested)} of {name} were requested, {times:.2g} times what was used, "
                f"{text(least.used)}, by the attempt of {len(row.measured)}{whose} that used the most of it"
            )
            yield Said(ASKS_TOO_MUCH, text_of, fix)


def _fix(name: str, figures: Figures) -> str:
    if figures.new_request is None:
        return ""
    said = words.quantity(figures.new_request, of_memory=name == "memory")
    return f'write {name}="{said}"' if figures.new_limit is not None else f'write {name}=("{said}", None)'


def _finding(said: Said, row: Row) -> Finding:
    job = row.asks.jobs[0]
    name = "the implicit asset job" if job.startswith("__") else f"job {job!r}"
    found = said.rule.at(Where(path=name), f"step {row.step!r}: {said.text}", fix=said.fix)
    return replace(found, source=row.asks.source, steps=(row.step,))
