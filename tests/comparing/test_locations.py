"""A dagster_cloud.yaml beside another: locations that came and went, pods by field, keys, findings."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers.check.files.sources import Source
from dagster_plus_k8s_helpers.comparing.forms import report_text
from dagster_plus_k8s_helpers.comparing.locations import compare_locations
from dagster_plus_k8s_helpers.errors import PlanError

ONE = '{location_name: one, code_source: {module_name: one}, image: "one:1"}'
TWO = '{location_name: two, code_source: {module_name: two}, image: "two:1"}'
AGENT = "workspace: {runK8sConfig: {containerConfig: {resources: {limits: {memory: 2Gi}}}}}\n"
DEFAULTS = """\
defaults:
  container_context: {{k8s: {{run_k8s_config: {{container_config: {{resources: {{limits: {{memory: {0}}}}}}}}}}}}}
"""


def file(*locations: str, defaults: str = "") -> str:
    return f"{defaults}locations: [{', '.join(locations)}]\n"


def told(old: str, new: str, agent: str | None = None) -> list[str]:
    values = None if agent is None else Source("values.yaml", agent.encode())
    report = compare_locations(Source("old.yaml", old.encode()), Source("new.yaml", new.encode()), values)
    return [line.strip() for line in report_text(report).splitlines()]


def test_locations_come_and_go_and_order_is_nothing() -> None:
    three = ONE.replace("one", "three")

    lines = told(file(ONE, TWO), file(three, ONE))

    assert lines[1:3] == ["+ location 'three': image three:1", "- location 'two': image two:1"]
    assert told(file(ONE, TWO), file(TWO, ONE)) == ["old.yaml -> new.yaml: no difference"]


def test_an_image_is_of_runs_and_of_the_code_server() -> None:
    assert told(file(ONE, TWO), file(ONE.replace("one:1", "one:2"), TWO))[1:] == [
        "~ run pods of 'one', code servers of 'one': image: one:1 -> one:2 (location)",
        "~ locations.one.image: one:1 -> one:2",
    ]


def test_defaults_reach_every_location_above_the_agent() -> None:
    lines = told(file(ONE, TWO), file(ONE, TWO, defaults=DEFAULTS.format("4Gi")), AGENT)

    assert lines[1] == "~ run pods of every location: memory limit: 2Gi -> 4Gi (location)"


def test_a_field_that_falls_back_to_the_agent_says_so() -> None:
    lines = told(file(ONE, TWO, defaults=DEFAULTS.format("4Gi")), file(ONE, TWO), AGENT)

    assert lines[1] == "~ run pods of every location: memory limit: 4Gi -> 2Gi (agent)"


def test_an_error_that_is_new_is_told() -> None:
    lines = told(file(ONE), file(ONE.replace("image", "imag")))

    assert any(line.startswith("new finding: error DPK") for line in lines)


def test_locations_without_names_are_compared_as_they_stand() -> None:
    nameless = '{code_source: {module_name: one}, image: "one:1"}'

    lines = told(file(nameless), file(nameless.replace("one:1", "one:2")))

    assert "~ locations[0].image: one:1 -> one:2" in lines


def test_values_are_refused() -> None:
    with pytest.raises(PlanError, match="this is of another kind"):
        told(file(ONE), AGENT)
