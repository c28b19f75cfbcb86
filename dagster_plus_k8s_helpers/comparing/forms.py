"""A comparison written down: for a terminal, for programs, and for the review of a pull request."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.comparing.words import value_words
from dagster_plus_k8s_helpers.credentials.forms import MASK, literal_credentials
from dagster_plus_k8s_helpers.findings.finding import few
from dagster_plus_k8s_helpers.terminal import json_text, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.comparing.report import Report, Row
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["report_json", "report_markdown", "report_text", "written"]

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def report_text(report: Report) -> str:
    """For people at a terminal: a line for each difference."""
    return "".join(f"{one_line(line)}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.title}: {'no difference' if report.is_empty else _counted(report)}"
    for row in (*report.rows, *report.keys):
        by = f" ({row.layer})" if row.layer else ""
        pods = f"{few(row.pods)}: " if row.pods else ""
        field = f"{row.field}: " if row.field else ""
        yield f"  {_SIGNS[row.kind]} {pods}{field}{_change(row)}{by}"
    for fact in report.facts:
        before = "" if fact.old == fact.new else f"{fact.old or '-'} -> "
        yield f"  {fact.name}: {before}{fact.new or '-'}"
    for title, findings in (("new finding", report.found or ()), ("no longer found", report.gone)):
        for finding in findings:
            yield f"  {title}: {_said(finding)}"
    yield from (f"  {note}" for note in report.notes)


def report_json(report: Report) -> str:
    """For programs: every difference, and nothing cut."""
    return json_text(
        {
            "title": report.title,
            "changes": [_as_dict(row) for row in report.rows],
            "keys": [_as_dict(row) for row in report.keys],
            "facts": {fact.name: {"old": fact.old, "new": fact.new} for fact in report.facts},
            "findings": None
            if report.found is None
            else {
                "new": [finding.to_dict() for finding in report.found],
                "gone": [finding.to_dict() for finding in report.gone],
            },
            "notes": list(report.notes),
        }
    )


def _as_dict(row: Row) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "field": row.field,
        "path": row.path,
        "old": row.old,
        "new": row.new,
        "layer": row.layer or None,
        "pods": list(row.pods),
    }


MOST_CHARACTERS = 60_000
"""GitHub takes comments of 65,536."""

MOST_ROWS = 100
"""Of one table: nobody reads more of them in a comment."""

_LONGEST = 500
"""Characters of a cell or a note."""


def report_markdown(report: Report) -> str:
    """For the comment of a pull request: tables in which nothing is a link, a mention, or a line of its own.

    It is never longer than a comment may be; what is left out is said.
    """
    rows = MOST_ROWS
    text = "\n".join(_markdown(report, rows)) + "\n"
    while len(text) > MOST_CHARACTERS and rows > 1:
        rows //= 2
        text = "\n".join(_markdown(report, rows)) + "\n"
    return text


def _markdown(report: Report, most: int) -> Iterator[str]:
    yield f"### {_escaped(report.title)}"
    yield ""
    yield "No difference." if report.is_empty else f"{_counted(report).capitalize()}."
    heads = ("", "Pods", "Field", "Before", "After", "Set by")
    if report.rows:
        yield from _table(heads, [_cells(row) for row in report.rows], most)
    if report.keys:
        keys = [
            (_SIGNS[row.kind], *map(_code, (row.field, value_words(row.old), value_words(row.new))))
            for row in report.keys
        ]
        yield from _table(("", "Key", "Before", "After"), keys, most)
    if report.facts:
        facts = [(fact.name, _code(fact.old or "-"), _code(fact.new or "-")) for fact in report.facts]
        yield from _table(("", "Before", "After"), facts, most)
    for title, findings in (("New findings", report.found or ()), ("No longer found", report.gone)):
        if findings:
            said = [(finding.severity.value, _code(_said(finding))) for finding in findings]
            yield from _table((title, ""), said, most)
    for note in report.notes[:most]:
        yield ""
        yield _escaped(note)
    if len(report.notes) > most:
        yield ""
        yield f"and {len(report.notes) - most:,} more"


def _cells(row: Row) -> tuple[str, ...]:
    pods = ", ".join(_code(name) for name in row.pods[:3])
    more = f" + {len(row.pods) - 3} more" if len(row.pods) > 3 else ""
    field = _code(row.field) if row.field else "the whole pod"
    values = _code(value_words(row.old)), _code(value_words(row.new))
    return (_SIGNS[row.kind], pods + more, field, *values, row.layer)


def _table(heads: Sequence[str], rows: Sequence[tuple[str, ...]], most: int) -> Iterator[str]:
    yield ""
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    yield from (f"| {' | '.join(cells)} |" for cells in rows[:most])
    if len(rows) > most:
        yield ""
        yield f"and {len(rows) - most:,} more"


def _code(text: str) -> str:
    """A text as code, in which Markdown finds nothing to do; as entities where it could end that."""
    text = _cut(one_line(text))
    if not re.search(r"[`|\\]", text):
        return f"`{text.strip() or ' '}`"
    return f"<code>{re.sub(r'[^A-Za-z0-9 ]', lambda found: f'&#{ord(found[0])};', text)}</code>"


def _escaped(text: str) -> str:
    return re.sub(r"[^\w ,;:/().'-]|_", lambda found: f"&#{ord(found[0])};", _cut(one_line(text)))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def _change(row: Row) -> str:
    if row.kind == "changed":
        return f"{value_words(row.old)} -> {value_words(row.new)}"
    return value_words(row.new if row.kind == "added" else row.old)


def _said(finding: Finding) -> str:
    where = str(finding.where)
    return f"{finding.severity} {finding.code} {where}{': ' if where else ''}{finding.message}"


def _counted(report: Report) -> str:
    """How much is different."""
    rows = len(report.rows) + len(report.keys)
    found = [f"{rows} difference{'s' * (rows != 1)}"] if rows else []
    found += [f"{len(report.found)} new finding{'s' * (len(report.found) != 1)}"] if report.found else []
    found += [f"{len(report.gone)} no longer found"] if report.gone else []
    return ", ".join(found) or "the whole is different"


_FORMS = {"text": report_text, "json": report_json, "markdown": report_markdown}


def written(report: Report, form: str, environment: Mapping[str, str]) -> str:
    """A report in one of its forms, for whoever reads it: GitHub masks secrets in a log, and in no comment.

    Args:
        report: What is different.
        form: ``text``, ``json`` or ``markdown``.
        environment: Variables, whose values stand nowhere if they are credentials by their names.
    """
    secrets = sorted(literal_credentials(environment), key=len, reverse=True)
    rows, keys = (tuple(_without(secrets, row) for row in rows) for rows in (report.rows, report.keys))
    # What Dagster refuses it may quote.
    notes = tuple(_hidden(secrets, note) for note in report.notes)
    return _FORMS[form](replace(report, rows=rows, keys=keys, notes=notes))


def _without(secrets: Sequence[str], row: Row) -> Row:
    return replace(row, old=_hidden(secrets, row.old), new=_hidden(secrets, row.new))


def _hidden(secrets: Sequence[str], value: Any) -> Any:
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, list):
        return [_hidden(secrets, item) for item in value]
    if isinstance(value, dict):
        return {key: _hidden(secrets, item) for key, item in value.items()}
    return value
