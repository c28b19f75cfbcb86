"""The two things about usage that `check` says: asks for far too much, and needs nearly all of its limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.findings.finding import Finding, Rule, Severity, Where
from dagster_plus_k8s_helpers.rightsizing.show import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.rightsizing.rows import Figures, Row

__all__ = ["USAGE_RULES", "findings_of"]

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
)
NEAR_LIMIT = Rule(
    "DPK591",
    Severity.WARNING,
    "A step used over 90 % of its memory limit, or was OOMKilled: a little more data kills it. Source: "
    "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/#how-pods-with-resource-limits-are-run",
    "write what `dagster-plus-k8s rightsize` recommends, or give it a MemoryLadder",
)

USAGE_RULES = (ASKS_TOO_MUCH, NEAR_LIMIT)


def findings_of(rows: Sequence[Row]) -> list[Finding]:
    """What is to be said of rows."""
    return [finding for row in rows for finding in _of_row(row)]


def _of_row(row: Row) -> Iterator[Finding]:
    if row.is_near_limit:
        yield _finding(NEAR_LIMIT, row, row.risk, _fix("memory", row.memory))
        return
    for name, figures, text in (("memory", row.memory, words.memory), ("cpu", row.cpu, words.cores)):
        times, spare = figures.times_used, (figures.request or 0.0) - (figures.new_request or 0.0)
        if times is not None and times > _TIMES and figures.new_request and spare > _LEAST[name]:
            message = (
                f"requests {text(figures.request)} of {name}, {times:.2g} times the most of "
                f"{len(row.measured)} attempts, {text(figures.most)}"
            )
            yield _finding(ASKS_TOO_MUCH, row, message, _fix(name, figures))


def _fix(name: str, figures: Figures) -> str:
    if figures.new_request is None:
        return ""
    said = words.quantity(figures.new_request, of_memory=name == "memory")
    return f'write {name}="{said}"' if figures.new_limit is not None else f'write {name}=("{said}", None)'


def _finding(rule: Rule, row: Row, message: str, fix: str) -> Finding:
    job, whose = row.asks.jobs[0], "" if row.group is None else f" of {row.group}"
    name = "the implicit asset job" if job.startswith("__") else f"job {job!r}"
    found = rule.at(Where(path=name), f"step {row.step!r}{whose} {message}", fix=fix)
    return Finding(
        found.code,
        found.severity,
        found.where,
        found.message,
        found.fix,
        found.docs,
        source=row.asks.source,
        steps=(row.step,),
    )
