"""Helm values beside others: pods by field, keys, what the agent is restarted for, findings new and gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from dagster_plus_k8s_helpers.check.files.sources import Source
from dagster_plus_k8s_helpers.comparing.agents import compare_agents
from dagster_plus_k8s_helpers.comparing.forms import report_text, written
from dagster_plus_k8s_helpers.errors import PlanError

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.comparing.report import Report

OLD = """\
dagsterCloud: {deployment: prod}
dagsterCloudAgent: {resources: {limits: {memory: 256Mi}}}
workspace:
  labels: {team: data}
  runK8sConfig:
    containerConfig: {resources: {limits: {memory: 2Gi}}}
"""
LOCATIONS = """\
locations:
  - {location_name: a, code_source: {module_name: a}, image: "a:1"}
  - {location_name: b, code_source: {module_name: b}, image: "b:1"}
  - location_name: own
    code_source: {module_name: own}
    image: "own:1"
    container_context:
      k8s: {run_k8s_config: {container_config: {resources: {limits: {memory: 9Gi}}}}}
"""
FORMS = ["text", "json", "markdown"]
TEXT = "hunter2hunter2hunter2"


def compared(old: str, new: str, locations: str | None = None) -> Report:
    location = None if locations is None else Source("dagster_cloud.yaml", locations.encode())
    return compare_agents(Source("old.yaml", old.encode()), Source("new.yaml", new.encode()), location)


def told(old: str, new: str, locations: str | None = None) -> list[str]:
    return [line.strip() for line in report_text(compared(old, new, locations)).splitlines()]


def test_a_key_of_runs_is_told_as_the_field_of_their_pods() -> None:
    lines = told(OLD, OLD.replace("2Gi", "4Gi"))

    assert lines[:3] == [
        "old.yaml -> new.yaml: 2 differences",
        "~ run pods of every location: memory limit: 2Gi -> 4Gi",
        "~ workspace.runK8sConfig.containerConfig.resources.limits.memory: 2Gi -> 4Gi",
    ]
    assert lines[3].startswith("the agent must be restarted for workspace.runK8sConfig.containerConfig")


def test_what_runs_and_code_servers_share_is_one_line() -> None:
    lines = told(OLD, OLD.replace("team: data", "team: ml"))

    assert lines[1] == (
        "~ run pods of every location, code servers of every location: label team: data -> ml"
    )
    assert lines[2] == "~ workspace.labels.team: data -> ml"


def test_the_agents_own_pod_is_replaced_by_helm() -> None:
    lines = told(OLD, OLD.replace("256Mi", "512Mi"))

    assert lines[1:] == [
        "~ the agent's pod: memory limit: 256Mi -> 512Mi",
        "~ dagsterCloudAgent.resources.limits.memory: 256Mi -> 512Mi",
        "helm upgrade replaces the agent's pod for dagsterCloudAgent.resources.limits.memory",
    ]


def test_a_location_that_says_otherwise_does_not_change() -> None:
    lines = told(OLD, OLD.replace("2Gi", "4Gi"), LOCATIONS)

    assert lines[1] == "~ run pods of 'a', run pods of 'b': memory limit: 2Gi -> 4Gi"


def test_every_location_is_called_so() -> None:
    lines = told(OLD, OLD.replace("team: data", "team: ml"), LOCATIONS)

    assert lines[1].startswith("~ run pods of every location, code servers of every location: label team")


def test_pods_with_thousands_of_variables_are_not_merged() -> None:
    long = OLD + f"  envVars: [{', '.join(f'V{index}=1' for index in range(1_001))}]\n"

    found = compared(OLD, long)

    assert found.rows == ()
    assert found.notes[0] == "a list of 1,001 entries, so that the pods are not compared"
    assert found.keys


def test_findings_are_new_or_gone_whatever_their_lines() -> None:
    wrong = OLD.replace("deployment: prod", "deploymnt: prod")

    found = compared("# a line more\n" + wrong, wrong + "computLogs: {}\n")

    assert [(item.code, item.where.path) for item in found.found or ()] == [("DPK101", "computLogs")]
    assert found.gone == ()
    assert [item.code for item in compared(wrong, OLD).gone] == ["DPK101"]


def test_a_credential_is_told_as_changed_and_never_shown() -> None:
    old = OLD + f"  envVars: [API_TOKEN={TEXT}]\n"
    found = compared(old, old.replace(TEXT, f"{TEXT}9"))

    for form in FORMS:
        assert TEXT not in written(found, form, {})
    assert TEXT not in repr(found)
    assert "~ run pods of every location, code servers of every location: env API_TOKEN" in report_text(found)


@pytest.mark.parametrize("form", FORMS)
def test_the_same_values_are_no_difference_in_any_form(form: str) -> None:
    text = written(compared(OLD, "# said otherwise\n" + OLD.replace("2Gi", "2048Mi")), form, {})

    if form == "json":
        assert json.loads(text)["changes"] == json.loads(text)["keys"] == []
    else:
        assert "difference" in text
        assert "~" not in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "new.yaml:1:1: error DPK004: the file is empty"),
        ("- 1\n", "new.yaml holds no mapping: it cannot be the agent's Helm values"),
        ("a: [\n", "new.yaml:2:1: error DPK001"),
        (
            LOCATIONS,
            r"new.yaml: this is of another kind \(dagster_cloud.yaml\), and not the agent's Helm values",
        ),
    ],
)
def test_what_are_no_values_is_refused(content: str, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        compared(OLD, content)


@pytest.mark.parametrize(
    "content",
    [
        "workspace: 5\n",
        "workspace: {runK8sConfig: 5}\n",
        "workspace: {envVars: 5}\n",
        "workspace: {runK8sConfig: {containerConfig: {resources: 5}}}\n",
        "imagePullSecrets: 5\n",
        "dagsterCloudAgent: 5\n",
        "workspace: {runK8sConfig: {podSpecConfig: {tolerations: [5]}}}\n",
    ],
)
def test_values_of_another_shape_are_compared_as_far_as_that_goes(content: str) -> None:
    found = compared(OLD, content)

    assert any(item.severity == "error" for item in found.found or ())
    assert found.keys
