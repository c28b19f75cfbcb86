"""Files that are wrong as files, and places in files that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dagster_plus_k8s_helpers.documents.document import MAX_BYTES, parse_path, read_yaml, shown_path
from dagster_plus_k8s_helpers.findings.finding import Finding, Severity, Where, at_or_above
from dagster_plus_k8s_helpers.findings.waivers import after_waivers

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefg", "bcdefgh", strict=True)
)

WRONG: dict[str, tuple[bytes | str, str]] = {
    "not YAML": (
        "locations:\n  - a: [1, 2\n",
        "f:3:1: error DPK001: this is not YAML: did not find expected ',' or ']'; mend the YAML at this place",
    ),
    "a Jinja template": (
        "locations:\n{% for x in y %}\n",
        "f:2:2: error DPK001: this is not YAML: found character that cannot start any token; mend the YAML at this "
        "place, or, if this is a template, fill it in and check what comes out",
    ),
    "a tab": (
        "locations:\n\t- a\n",
        "f:2:1: error DPK002: a tab stands where YAML indents; indent with spaces instead of the tab",
    ),
    "a duplicate key": (
        "a:\n  b: 1\n  c: 2\n  b: 3\n",
        "f:4:3 a.b: error DPK003: the key 'b' is in this mapping twice; line 2 has it too; keep one of the two",
    ),
    "empty": ("", "f:1:1: error DPK004: the file is empty; write something into it or delete it"),
    "only comments": (
        "# a\n---\n# b\n",
        "f:1:1: error DPK004: the file is empty; write something into it or delete it",
    ),
    "huge": (
        b"a" * (MAX_BYTES + 1),
        "f:1:1: error DPK005: the file has 1,048,577 bytes, more than 1,048,576; split the file",
    ),
    "not UTF-8": (
        b"a: 1\nb: \xff\n",
        "f:2:4: error DPK006: the byte 0xff is not UTF-8 here; save the file as UTF-8",
    ),
    "UTF-16": (
        "a: 1".encode("utf-16"),
        "f:1:1: error DPK006: the byte 0xff is not UTF-8 here; save the file as UTF-8",
    ),
    "brackets": ("[" * 100, "f:1:65: error DPK007: nested deeper than 64 levels; nest less deep"),
    "an alias bomb": (
        BOMB,
        "f:1:1: error DPK008: written out, the aliases make more than 200,000 values; write out what the aliases repeat",
    ),
    "an alias in itself": (
        "a: &a [*a]\n",
        "f:1:1: error DPK008: written out, the aliases make more than 200,000 values; write out what the aliases repeat",
    ),
    "a control character": (
        "a: \x00",
        "f:1:4: error DPK001: a control character stands here, which YAML does not take; mend the YAML at this place",
    ),
    "a tag for Python": (
        "a: !!python/object:os.system {}",
        "f:1:4: error DPK001: this is not YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object:os.system'; mend the YAML at this place",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_wrong_as_a_file_is_found(name: str) -> None:
    content, message = WRONG[name]

    _, (finding,) = read_yaml(content, "f")

    assert str(finding) == message


@pytest.mark.parametrize("opened", ["[", "{a: "])
def test_a_parser_that_reads_ahead_finds_the_same_of_very_many_brackets(opened: str) -> None:
    _, (finding,) = read_yaml(opened * 100_000, "f")

    assert (finding.code, finding.message) == ("DPK007", "nested deeper than 64 levels")


def test_a_file_with_a_duplicate_key_is_read_on() -> None:
    (document,), (finding,) = read_yaml("a: 1\na: 2\n", "f")

    assert document.data == {"a": 2}
    assert document.where(["a"]).line == 2
    assert finding.code == "DPK003"


def test_documents_of_a_file_are_told_apart() -> None:
    documents, findings = read_yaml("a: 1\n---\n---\nb: 2\n", "f")

    assert [(document.position, document.data) for document in documents] == [(0, {"a": 1}), (2, {"b": 2})]
    assert findings == []


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ((), False, "f:1:1"),
        (("top",), False, "f:1:1 top"),
        (("top", "camel_case"), False, "f:2:14 top.camel_case"),
        (("top", "camel_case"), True, "f:2:3 top.camel_case"),
        (("top", "list", 1, "x"), False, "f:5:11 top.list[1].x"),
        (("top", "absent", "x"), False, "f:1:1 top.absent.x"),
        (("top", "list", 9), False, "f:3:3 top.list[9]"),
        (("merged", "x"), False, "f:6:10 merged.x"),
    ],
)
def test_a_path_has_a_place(path: tuple[str | int, ...], *, key: bool, expected: str) -> None:
    text = "top:\n  camelCase: 1\n  list:\n    - 1\n    - {x: &x 2}\nmerged: {x: *x}\n"
    (document,), _ = read_yaml(text, "f")

    assert str(document.where(path, key=key)) == expected


@given(st.lists(st.integers(0, 99) | st.text("abc_.-[]'\"\\\n\x00é", min_size=1, max_size=5), max_size=5))
def test_a_path_of_words_is_read_back(path: list[str | int]) -> None:
    assert parse_path(shown_path(path)) == tuple(path)


def finding(code: str, line: int) -> Finding:
    return Finding(code, Severity.ERROR, Where("f", line, 1), "wrong", "mend it", "docs")


def test_a_waiver_counts_for_its_line_and_its_codes() -> None:
    text = "a: 1  # dagster-plus-k8s: ignore[DPK101, dpk102] the agent wants it\nb: 2\n"
    found = [finding("DPK101", 1), finding("DPK102", 1), finding("DPK103", 1), finding("DPK101", 2)]

    assert after_waivers(text, "f", found) == found[2:]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "a: 1  # dagster-plus-k8s: ignore[DPK101]\n",
            [
                "f:1:1: error DPK101: wrong; mend it",
                "f:1:7: error DPK009: the waiver of DPK101 gives no reason; write the reason after the bracket",
            ],
        ),
        (
            "a: 1  # dagster-plus-k8s: ignore[] why\n",
            [
                "f:1:1: error DPK101: wrong; mend it",
                "f:1:7: warning DPK010: nothing on this line is found by no code; delete the comment",
            ],
        ),
        (
            "a: 1  # dagster-plus-k8s: ignore[DPK999] why\n",
            [
                "f:1:1: error DPK101: wrong; mend it",
                "f:1:7: warning DPK010: nothing on this line is found by DPK999; delete the comment",
            ],
        ),
        *(
            (
                f"a: 1  # {comment}\n",
                [
                    "f:1:1: error DPK101: wrong; mend it",
                    "f:1:7: error DPK013: this comment waives nothing as it is spelt; write # dagster-plus-k8s: "
                    "ignore[CODE] and the reason",
                ],
            )
            for comment in (
                "dagster-plus-k8s: ignore DPK101 why",
                "dagster-plus-k8s ignore[DPK101] why",
                "dagster-plus-k8s: ignore[DPK101 why",
            )
        ),
        ("a: 1  # dagster-plus-k8s checks this file\n", ["f:1:1: error DPK101: wrong; mend it"]),
    ],
)
def test_a_waiver_that_waives_nothing_is_found(text: str, messages: list[str]) -> None:
    assert [str(item) for item in after_waivers(text, "f", [finding("DPK101", 1)])] == messages


def test_findings_are_told_apart_by_severity() -> None:
    warning = Finding("DPK102", Severity.WARNING, Where(), "", "", "")
    error = finding("DPK101", 1)

    assert at_or_above([warning, error], Severity.ERROR) == [error]
    assert at_or_above([warning, error], Severity.WARNING) == [warning, error]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("".join(f"k{i}: 1\n" for i in range(30_000)), "the file has more than 50,000 values"),
        ("a: [" + "1," * 60_000 + "1]", "the file has more than 50,000 values"),
        ("--- 1\n" * 1_000, "the file has more than 500 documents"),
    ],
    ids=["keys", "items", "documents"],
)
def test_a_file_with_more_in_it_than_is_ever_meant_is_refused_before_it_is_built(
    content: str, message: str
) -> None:
    documents, (finding,) = read_yaml(content, "f")

    assert documents == []
    assert (finding.code, finding.message) == ("DPK005", message)


def test_two_hundred_code_locations_that_say_much_are_read() -> None:
    location = "- location_name: l\n  env: {" + ", ".join(f"K{i}: v" for i in range(50)) + "}\n"

    (document,), findings = read_yaml("locations:\n" + location * 200, "f")

    assert findings == []
    assert len(document.data["locations"]) == 200
