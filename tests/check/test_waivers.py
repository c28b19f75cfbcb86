"""Waivers of what is found in definitions: where they can be written, and what is wrong with them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from checked import NODES, config, definitions, found, location

from dagster_plus_k8s_helpers import k8s_executor, k8s_tags
from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.findings.finding import Need

if TYPE_CHECKING:
    from pathlib import Path

    from dagster_plus_k8s_helpers.findings.finding import Rule

SHORT = k8s_tags(ttl_seconds_after_finished=1)
OTHER_NODE = {"agent": {}, "location": location(job_spec_config={"backoff_limit": 1})}
EVERYTHING = {"agent": {}, "location": location()}


def waiver(*codes: str) -> dict[str, Any]:
    return {"dagster-plus-k8s/ignore": dict.fromkeys(codes, "it is meant to be so")}


def test_the_definitions_waive_what_is_found_of_the_run_of_the_implicit_asset_job() -> None:
    assert found(definitions(of_all=waiver("DPK520")), **OTHER_NODE) == []
    assert {code for code, _ in found(definitions(of_all=waiver("DPK521")), **OTHER_NODE)} == {
        "DPK520",
        "DPK543",
    }


@dg.asset(op_tags=SHORT)  # dagster-plus-k8s: ignore[DPK521] nobody reads how it ended
def at_its_decorator() -> None: ...


@dg.asset(op_tags=SHORT)
def within() -> str:
    # dagster-plus-k8s: ignore[dpk520, dpk521] nobody reads how it ended
    return ""


@dg.asset(op_tags=SHORT)
def in_a_text() -> str:
    return "# dagster-plus-k8s: ignore[DPK521] nobody reads how it ended"


@dg.asset(op_tags=SHORT)
def without_a_reason() -> None:
    """It has a comment that says no reason."""
    # dagster-plus-k8s: ignore[DPK521]


@dg.op(tags=SHORT)  # dagster-plus-k8s: ignore[DPK521] nobody reads how it ended
def of_an_op() -> None: ...


@dg.job
def with_an_op() -> None:
    of_an_op()


@pytest.mark.parametrize(
    "contents",
    [{"assets": [at_its_decorator]}, {"assets": [within]}, {"jobs": [with_an_op]}],
    ids=["decorator", "function", "op"],
)
def test_a_comment_waives(contents: dict[str, Any]) -> None:
    assert found(dg.Definitions(**contents, executor=k8s_executor(max_concurrent=4))) == []


@dg.asset(op_tags=SHORT)
def misspelt() -> None:
    """It has a comment that is no waiver."""
    # dagster-plus-k8s: ignore DPK521 it is read at once


def test_a_comment_that_is_misspelt_waives_nothing_and_is_found() -> None:
    line = misspelt.op.compute_fn.decorated_fn.__code__.co_firstlineno + 3
    defs = dg.Definitions(assets=[misspelt], executor=k8s_executor(max_concurrent=4))

    said = found(defs)

    assert [code for code, _ in said] == ["DPK530", "DPK521"]
    assert said[0][1] == f"step 'misspelt': the waiver in line {line} waives nothing as it is spelt"


def test_a_text_that_reads_like_one_waives_nothing() -> None:
    defs = dg.Definitions(assets=[in_a_text], executor=k8s_executor(max_concurrent=4))

    assert [code for code, _ in found(defs)] == ["DPK521"]


def test_a_comment_without_a_reason_is_found_by_its_line() -> None:
    line = without_a_reason.op.compute_fn.decorated_fn.__code__.co_firstlineno + 3
    defs = dg.Definitions(assets=[without_a_reason], executor=k8s_executor(max_concurrent=4))

    said = found(defs)

    assert [code for code, _ in said] == ["DPK530", "DPK521"]
    assert said[0][1] == f"step 'without_a_reason': the waiver in line {line} gives no reason for DPK521"


UNUSED = "dagster-plus-k8s/ignore names DPK521, which is not found"


@pytest.mark.parametrize(
    ("defs", "whose"),
    [
        (definitions(metadata=waiver("DPK521")), "step 'train'"),
        (definitions(waiver("DPK521")), "step 'train'"),
        (definitions(job={"metadata": waiver("DPK521")}), "the job"),
        (definitions(of_all=waiver("DPK521")), "the definitions"),
    ],
    ids=["asset", "op tags", "job", "definitions"],
)
def test_a_waiver_of_what_is_not_found_is_found(defs: dg.Definitions, whose: str) -> None:
    assert found(defs, **EVERYTHING) == [("DPK543", f"{whose}: {UNUSED}")]


@pytest.mark.parametrize(
    "given",
    [{}, {"agent": {}}, {"location": location()}, {**EVERYTHING, "job": "nightly"}],
    ids=["no files", "no location", "no agent", "one job"],
)
def test_it_is_not_where_more_might_be_found_with_more(given: dict[str, Any]) -> None:
    defs = definitions(metadata=waiver("DPK521"), job={})

    assert found(defs, **given) == []


RULES = [rule for rule in ALL_RULES if rule.is_of_definitions]
ASKED_HERE = {None, Need.NO_NODES, Need.NO_CLUSTER}


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.needs not in ASKED_HERE], ids=lambda rule: rule.code
)
def test_what_takes_more_to_find_is_not_missed_without(rule: Rule) -> None:
    assert found(definitions(metadata=waiver(rule.code)), **EVERYTHING) == []


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.needs in ASKED_HERE], ids=lambda rule: rule.code
)
def test_what_the_files_alone_tell_is_missed(rule: Rule) -> None:
    said = f"step 'train': dagster-plus-k8s/ignore names {rule.code}, which is not found"
    wanted = [] if rule.code == "DPK543" else [("DPK543", said)]

    assert found(definitions(metadata=waiver(rule.code)), **EVERYTHING) == wanted


def test_what_is_told_without_nodes_alone_is_not_missed_with_them() -> None:
    assert found(definitions(metadata=waiver("DPK564")), **EVERYTHING, nodes=NODES) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_waiver_of_each_rule_can_be_written_wherever_one_can(rule: Rule) -> None:
    said = waiver(rule.code)
    defs = definitions(said, metadata=said, of_all=said, job={"metadata": said})

    assert found(defs) == []


def test_a_comment_can_name_every_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = ", ".join(rule.code for rule in RULES)
    text = f"import dagster as dg\n\n@dg.asset\ndef one():\n    # dagster-plus-k8s: ignore[{codes}] all of them\n    ...\n"
    (tmp_path / "names_every_rule.py").write_text(text, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("names_every_rule")

    assert found(dg.Definitions(assets=[module.one], executor=k8s_executor(max_concurrent=4))) == []


def test_definitions_use_what_they_waive_of_files() -> None:
    agent = {"workspace": {"envVars": [f"NAME_{number}=1" for number in range(1001)]}}
    given = {"agent": agent, "location": location(container_config={"tty": True})}

    assert "DPK549" in [code for code, _ in found(definitions(), **given)]
    assert found(definitions(of_all=waiver("DPK549")), **given) == []


def test_a_waiver_of_unused_waivers_waives_them() -> None:
    assert found(definitions(metadata=waiver("DPK521"), of_all=waiver("DPK543")), **EVERYTHING) == []


def test_a_waiver_of_bad_waivers_waives_them() -> None:
    assert found(definitions(metadata=waiver("DPK101"), of_all=waiver("DPK530"))) == []


def test_what_one_job_needs_to_have_waived_is_not_unused_in_another() -> None:
    defs = definitions(
        metadata=waiver("DPK505"),
        job={"tags": config(container_config={"resources": {"limits": {"cpu": "1"}}})},
    )

    assert "DPK543" not in [code for code, _ in found(defs, **EVERYTHING)]


def test_a_code_that_there_is_not_is_found_once_for_all_jobs() -> None:
    said = found(definitions(of_all=waiver("DPK101"), job={}))

    message = "dagster-plus-k8s/ignore names DPK101, which is no rule for definitions"
    assert said == [("DPK530", f"the definitions: {message}")]
