"""Findings as text, JSON, annotations on GitHub and SARIF."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from dagster_plus_k8s_helpers.findings.finding import Finding, Place, Severity, Where
from dagster_plus_k8s_helpers.findings.forms import as_github, as_json, as_sarif, as_text, print_text

ERROR = Finding(
    "DPK101",
    Severity.ERROR,
    Where("deploy/values.yaml", 3, 5, "dagsterCloud.x"),
    "there is no key 'x' here",
    "write 'y'",
    "dagster-plus-k8s explain-code DPK101",
)
WARNING = Finding(
    "DPK310",
    Severity.WARNING,
    Where("b.yaml"),
    "lost",
    "do without it",
    "dagster-plus-k8s explain-code DPK310",
)
MANY = Finding(
    "DPK533",
    Severity.WARNING,
    Where(path="job 'nightly', step 'a'"),
    "the run's pod and steps 'a', 'b', 'c' + 1 more: there is no 'warehouse'",
    "make it",
    "d",
    Where("shop/assets.py", 3),
    ("a", "b", "c", "d"),
    (
        Place(Where(path="job 'nightly'"), "step 'a'", "env[A]", Where("shop/assets.py", 3)),
        Place(Where(path="job 'nightly'"), "step 'a'", "env[B]", Where("shop/assets.py", 3)),
        Place(Where(path="job 'nightly'"), "the run's pod", "env[C]"),
        *(
            Place(Where(path="job 'weekly'"), f"step {key!r}", f"env[{key}]", Where("shop/more.py", 9))
            for key in "bcd"
        ),
    ),
)
HOSTILE = Finding(
    "DPK102",
    Severity.ERROR,
    Where("a,b:c%.yaml", 1, 0, "a\n::error::"),
    "x\x1b[2J\r\n::set-output name=a::",
    "%",
    "d",
)

# The constraints of https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json on
# the properties that are written here.
SARIF_SCHEMA = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"enum": ["2.1.0"]},
        "runs": {"type": "array", "items": {"$ref": "#/definitions/run"}},
    },
    "definitions": {
        "message": {
            "type": "object",
            "required": ["text"],
            "additionalProperties": False,
            "properties": {"text": {"type": "string"}},
        },
        "run": {
            "type": "object",
            "required": ["tool"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "additionalProperties": False,
                    "properties": {
                        "driver": {
                            "type": "object",
                            "required": ["name"],
                            "additionalProperties": False,
                            "properties": {
                                "name": {"type": "string"},
                                "rules": {
                                    "type": "array",
                                    "uniqueItems": True,
                                    "items": {
                                        "type": "object",
                                        "required": ["id"],
                                        "additionalProperties": False,
                                        "properties": {
                                            "id": {"type": "string"},
                                            "shortDescription": {"$ref": "#/definitions/message"},
                                            "help": {"$ref": "#/definitions/message"},
                                            "helpUri": {"type": "string", "format": "uri"},
                                        },
                                    },
                                },
                            },
                        }
                    },
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "results": {"type": "array", "items": {"$ref": "#/definitions/result"}},
            },
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"$ref": "#/definitions/message"},
                "locations": {"type": "array", "items": {"$ref": "#/definitions/location"}},
                "relatedLocations": {
                    "type": "array",
                    "uniqueItems": True,
                    "items": {"$ref": "#/definitions/location"},
                },
            },
        },
        "location": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "message": {"$ref": "#/definitions/message"},
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation"],
                    "additionalProperties": False,
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {"uri": {"type": "string", "pattern": "^[^ :]*$"}},
                        },
                        "region": {
                            "type": "object",
                            "additionalProperties": False,
                            "properties": {
                                "startLine": {"type": "integer", "minimum": 1},
                                "startColumn": {"type": "integer", "minimum": 1},
                            },
                        },
                    },
                },
                "logicalLocations": {
                    "type": "array",
                    "uniqueItems": True,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"fullyQualifiedName": {"type": "string"}},
                    },
                },
            },
        },
    },
}


def test_text_is_grouped_by_file() -> None:
    assert as_text([ERROR, ERROR, WARNING]) == (
        "deploy/values.yaml\n"
        "  3:5 error DPK101 there is no key 'x' here\n"
        "      at dagsterCloud.x\n"
        "      write 'y'\n"
        "  3:5 error DPK101 there is no key 'x' here\n"
        "      at dagsterCloud.x\n"
        "      write 'y'\n"
        "b.yaml\n"
        "  - warning DPK310 lost\n"
        "      do without it\n"
        "2 errors, 1 warning\n"
        "why, and how to waive it: dagster-plus-k8s explain-code CODE\n"
    )


def test_nothing_is_said_too() -> None:
    assert as_text([]) == "nothing found\n"
    assert as_json([]) == "[]\n"
    assert as_github([]) == ""
    assert json.loads(as_sarif([]))["runs"][0]["results"] == []


def test_json_is_a_list_of_findings() -> None:
    assert json.loads(as_json([ERROR])) == [
        {
            "code": "DPK101",
            "severity": "error",
            "where": "deploy/values.yaml:3:5 dagsterCloud.x",
            "message": "there is no key 'x' here",
            "fix": "write 'y'",
            "docs": "dagster-plus-k8s explain-code DPK101",
            "places": ["deploy/values.yaml:3:5 dagsterCloud.x"],
        }
    ]


def test_github_gets_a_command_a_finding() -> None:
    assert as_github([ERROR, WARNING]) == (
        "::error file=deploy/values.yaml,line=3,col=5,title=DPK101 dagsterCloud.x::there is no key 'x' here; write 'y'\n"
        "::warning file=b.yaml,title=DPK310::lost; do without it\n"
    )


def test_what_stands_in_python_is_shown_at_its_code() -> None:
    place = Where(path="job 'nightly', step 'train'")
    finding = replace(WARNING, where=place, source=Where("shop/assets.py", 12))

    (location,) = json.loads(as_sarif([finding]))["runs"][0]["results"][0]["locations"]

    assert as_text([finding]) == (
        "job 'nightly', step 'train'\n"
        "  - warning DPK310 lost\n"
        "      in shop/assets.py:12\n"
        "      do without it\n"
        "1 warning\n"
        "why, and how to waive it: dagster-plus-k8s explain-code CODE\n"
    )
    assert as_github([finding]) == (
        "::warning file=shop/assets.py,line=12,title=DPK310 job 'nightly'%2C step 'train'::lost; do without it\n"
    )
    assert location == {
        "physicalLocation": {
            "artifactLocation": {"uri": "shop/assets.py"},
            "region": {"startLine": 12, "startColumn": 1},
        },
        "logicalLocations": [{"fullyQualifiedName": "job 'nightly', step 'train'"}],
    }
    assert json.loads(as_json([finding]))[0]["where"] == "job 'nightly', step 'train'"


def test_what_a_file_holds_cannot_pass_for_a_command() -> None:
    assert as_github([HOSTILE]) == (
        "::error file=a%2Cb%3Ac%25.yaml,line=1,title=DPK102 a%0A%3A%3Aerror%3A%3A::"
        "x\x1b[2J%0D%0A::set-output name=a::; %25\n"
    )


def test_what_a_file_holds_cannot_pass_for_another_line_of_the_report() -> None:
    assert as_text([HOSTILE]).splitlines() == [
        "a,b:c%.yaml",
        r"  1 error DPK102 x\x1b[2J\r\n::set-output name=a::",
        r"      at a\n::error::",
        "      %",
        "1 error",
        "why, and how to waive it: dagster-plus-k8s explain-code CODE",
    ]


@pytest.mark.parametrize("findings", [[], [ERROR], [ERROR, ERROR, WARNING, HOSTILE], [MANY]])
def test_sarif_is_as_its_schema_says(findings: list[Finding]) -> None:
    written = json.loads(as_sarif(findings))

    assert written["runs"][0]["columnKind"] == "unicodeCodePoints"

    jsonschema.validate(written, SARIF_SCHEMA)
    run = written["runs"][0]
    assert [result["ruleId"] for result in run["results"]] == [finding.code for finding in findings]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {finding.code for finding in findings}


def test_a_terminal_gets_the_same_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_text([ERROR, WARNING])

    assert capsys.readouterr().out == as_text([ERROR, WARNING])


def test_many_places_are_counted_and_folded() -> None:
    assert as_text([MANY]) == (
        "job 'nightly', step 'a'\n"
        "  - warning DPK533 the run's pod and steps 'a', 'b', 'c' + 1 more: there is no 'warehouse'\n"
        "      in shop/assets.py:3\n"
        "      also env[B], env[C], env[b] + 2 more\n"
        "      also in job 'weekly'\n"
        "      make it\n"
        "1 warning\n"
        "why, and how to waive it: dagster-plus-k8s explain-code CODE\n"
    )


def test_a_program_gets_every_place() -> None:
    (written,) = json.loads(as_json([MANY]))

    assert written["message"] == "the run's pod and steps 'a', 'b', 'c', 'd': there is no 'warehouse'"
    assert written["places"] == [
        "job 'nightly', step 'a', env[A]",
        "job 'nightly', step 'a', env[B]",
        "job 'nightly', the run's pod, env[C]",
        "job 'weekly', step 'b', env[b]",
        "job 'weekly', step 'c', env[c]",
        "job 'weekly', step 'd', env[d]",
    ]


def test_code_scanning_gets_the_other_places_as_related_locations() -> None:
    (result,) = json.loads(as_sarif([MANY]))["runs"][0]["results"]

    assert len(result["locations"]) == 1
    assert [item["message"]["text"] for item in result["relatedLocations"]] == [
        str(place) for place in MANY.places[1:]
    ]
    assert result["relatedLocations"][-1]["physicalLocation"] == {
        "artifactLocation": {"uri": "shop/more.py"},
        "region": {"startLine": 9, "startColumn": 1},
    }


def test_an_annotation_stands_at_the_first_place_and_counts_the_others() -> None:
    (line,) = as_github([MANY]).splitlines()

    assert line.startswith("::warning file=shop/assets.py,line=3,")
    assert line.endswith("; also env[B], env[C], env[b] + 2 more; also in job 'weekly'; make it")


def test_lines_of_a_file_are_folded_too() -> None:
    lines = [Where("b.yaml", line, 3) for line in (3, 5, 8, 9, 12)]
    places = (*map(Place, lines), Place(Where("c.yaml", 2, 1)))

    assert replace(WARNING, where=lines[0], places=places).folded == (
        "also at line 5, line 8, line 9 + 2 more",
    )


def test_errors_come_first_and_lines_keep_their_order() -> None:
    def at(file: str, line: int, severity: Severity) -> Finding:
        return replace(WARNING, where=Where(file, line, 1), severity=severity)

    text = as_text(
        [
            at("a.yaml", 1, Severity.WARNING),
            at("b.yaml", 2, Severity.NOTICE),
            at("b.yaml", 3, Severity.WARNING),
            at("b.yaml", 4, Severity.ERROR),
            at("b.yaml", 5, Severity.ERROR),
        ]
    )

    shown = [line.split()[:2] for line in text.splitlines() if "lost" in line or "yaml" in line]
    assert shown == [
        ["b.yaml"],
        ["4:1", "error"],
        ["5:1", "error"],
        ["3:1", "warning"],
        ["2:1", "notice"],
        ["a.yaml"],
        ["1:1", "warning"],
    ]
