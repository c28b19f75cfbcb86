"""A comparison as text, JSON and Markdown, whatever the values hold."""

from __future__ import annotations

import json

import pytest
from examples import fewer
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from dagster_plus_k8s_helpers.comparing.forms import (
    MOST_CHARACTERS,
    MOST_ROWS,
    report_json,
    report_markdown,
    report_text,
    written,
)
from dagster_plus_k8s_helpers.comparing.report import Fact, Report, Row
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, Where

NASTY = [
    "a|b",
    "a\\|b",
    "`a`|``",
    "@someone #12 https://example.com [a](javascript:b) ![a](http://x)",
    "</code><script>alert(1)</script>",
    "a\nb\r\n| c |",
    "\x1b]0;owned\x07\u202e",
    "<!-- a -->",
    "\\",
    "",
    " ",
]


def report(text: str) -> Report:
    finding = Rule("DPK999", Severity.ERROR, "why", "do").at(Where(text, 1, 1, text), text)
    row = Row("changed", text or "x", text, f"{text}2", "op tags", "spec", (f"step {text}",))
    return Report(text, (row,), (row,), (Fact("peak", text, "b"),), (text,), (finding,), (finding,))


def parsed(text: str) -> list[tuple[str, str]]:
    """What a reader of Markdown with tables sees: kinds of tokens with what they say."""
    found: list[tuple[str, str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        found.append((token.type, token.content))
        found += [(child.type, child.content) for child in token.children or ()]
    return found


def check_markdown(text: str) -> None:
    found = parsed(report_markdown(report(text)))
    kinds = [kind for kind, _ in found]
    html = {content for kind, content in found if kind in {"html_inline", "html_block"}}

    assert html <= {"<code>", "</code>"}
    assert not {"link_open", "image", "heading_close_2", "em_open", "strong_open"} & set(kinds)
    assert kinds.count("table_open") == 5
    assert kinds.count("tr_open") == 10
    assert kinds.count("td_open") == 6 + 4 + 3 + 2 + 2
    assert kinds.count("heading_open") == 1


@pytest.mark.parametrize("text", NASTY)
def test_nothing_in_a_value_is_markdown(text: str) -> None:
    check_markdown(text)


@fewer(4)
@given(st.text(alphabet="ab|`\\<>&*_[]()!#@\n\t-~$ :/.'\"", max_size=12))
def test_nothing_in_any_value_is_markdown(text: str) -> None:
    check_markdown(text)


@pytest.mark.parametrize("text", NASTY)
def test_text_is_a_line_for_each_difference(text: str) -> None:
    lines = report_text(report(text)).split("\n")

    assert len(lines) == 1 + 2 + 1 + 2 + 1 + 1
    assert all(character.isprintable() for line in lines for character in line)


def test_json_cuts_nothing() -> None:
    found = json.loads(report_json(report("x" * 1_000)))

    assert found["changes"][0]["old"] == "x" * 1_000
    assert found["facts"] == {"peak": {"old": "x" * 1_000, "new": "b"}}
    assert [item["code"] for item in found["findings"]["new"]] == ["DPK999"]


def test_markdown_is_never_longer_than_a_comment() -> None:
    rows = tuple(
        Row("changed", f"env {index}", "|" * 5_000, "`" * 5_000, "op tags", "", (f"step {index}" * 20,) * 5)
        for index in range(2_000)
    )

    text = report_markdown(Report("plan", rows, rows))

    assert len(text) <= MOST_CHARACTERS
    assert "more" in text.splitlines()[-1]


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        (
            Report("a", facts=(Fact("fits no node", "nothing", ", ".join(["step_a"] * 9000)),)),
            "characters)",
        ),
        (Report("a", notes=tuple(f"a note of {number} | " * 9 for number in range(3000))), "and 2,9"),
        (
            Report("a", rows=(Row("changed", "|" * 90_000, "a", "b", pods=("|" * 90_000,) * 3),)),
            "90&#44;000 characters",
        ),
    ],
)
def test_whatever_is_long_in_it_the_comment_is_not(report: Report, shown: str) -> None:
    text = report_markdown(report)

    assert len(text) <= MOST_CHARACTERS
    assert shown in text


def test_markdown_says_how_many_rows_it_leaves_out() -> None:
    rows = tuple(Row("added", f"env {index}", None, "1", "", "", ("run",)) for index in range(MOST_ROWS + 7))

    assert "and 7 more" in report_markdown(Report("plan", rows)).splitlines()


def test_what_is_long_is_cut_for_people() -> None:
    line = report_text(report("y" * 1_000)).splitlines()[1]

    assert "y… (1,000 characters)" in line


def test_no_difference_is_said() -> None:
    assert report_text(Report("plan of a")) == "plan of a: no difference\n"
    assert "No difference." in report_markdown(Report("plan of a"))


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_a_credential_of_the_environment_is_in_no_form(form: str) -> None:
    """GitHub masks it in logs alone."""
    text = "swordfish-of-ci"
    row = Row("changed", "env URL", [{"a": f"x{text}"}], f"https://{text}@host", "op tags", "", ("run",))

    report = Report("plan", (row,), notes=(f"Dagster refuses {text}",))

    found = written(report, form, {"DEPLOY_PASSWORD": text, "HOME": "run"})

    assert text not in found
    assert "https" in found
    assert "run" in found
