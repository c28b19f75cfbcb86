"""An agent's values and a code location that are given in Python are checked as their files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from checked import definitions, found

from dagster_plus_k8s_helpers.agent.helm_values import AgentValues
from dagster_plus_k8s_helpers.plan import check
from dagster_plus_k8s_helpers.plan.checks_settings import FromFile

if TYPE_CHECKING:
    from pathlib import Path

AGENT = {
    "workspace": {
        "resorces": {},
        "resources": {"limits": {"memory": "4GB"}},
        "envVars": ["DB_PASSWORD=hunter2-very"],
    }
}
LOCATION = {
    "location_name": "shop",
    "container_context": {
        "k8s": {"env_vars": ["DB_PASSWORD=hunter2-very"], "resources": {"limits": {"memory": "4GB"}}}
    },
}
CREDENTIAL = "this looks like a credential, by the name 'DB_PASSWORD'"


def places(given: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(str(item.where), item.code, item.message) for item in check(definitions(), **given)]


def test_the_agents_values_are_checked_as_a_file() -> None:
    assert places({"agent": AGENT}) == [
        (
            "agent.workspace.resorces",
            "DPK101",
            "there is no key 'resorces' here; did you mean 'resources'?",
        ),
        ("agent.workspace.resources.limits.memory", "DPK202", "'4GB' is not a Kubernetes quantity"),
        ("agent.workspace.envVars[0]", "DPK012", CREDENTIAL),
    ]


def test_a_code_location_is_checked_as_a_file() -> None:
    assert places({"location": LOCATION}) == [
        ("location.container_context.k8s.env_vars[0]", "DPK012", CREDENTIAL),
        (
            "location.container_context.k8s.resources.limits.memory",
            "DPK301",
            "memory: '4GB' is not a Kubernetes quantity",
        ),
    ]


def test_settings_without_a_mistake_are_not_found() -> None:
    agent = {"workspace": {"resources": {"limits": {"memory": "4Gi"}}}}
    location = {"location_name": "shop", "container_context": {"k8s": {"env_vars": ["REGION=eu"]}}}

    assert found(definitions(), agent=agent, location=location) == []
    assert found(definitions(), agent=AgentValues.from_dict(agent)) == []


def test_settings_out_of_a_file_that_is_checked_are_not_found_twice(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(AGENT))

    both = check(definitions(), files=[file], agent=AGENT)

    assert both == check(files=[file])
    assert check(definitions(), agent=FromFile(AGENT)) == []


def test_what_no_file_can_hold_is_left_to_the_plan() -> None:
    said = found(definitions(), agent={"workspace": {"namespace": object()}})

    assert [code for code, _ in said] == ["DPK500"]
