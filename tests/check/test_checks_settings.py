"""An agent's values and a code location that are given in Python are checked as their files are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from checked import definitions, found

from dagster_plus_k8s_helpers.check.files.settings import FromFile
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.files.values.agent_values import AgentValues
from dagster_plus_k8s_helpers.plan import check, plan
from dagster_plus_k8s_helpers.plan.merge.from_files import launcher_config

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
LOCATION_OF_SHOP = {"location_name": "shop"}
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


def test_variables_beside_k8s_are_in_the_pods_and_both_say_where_they_belong(tmp_path: Path) -> None:
    entry = {"location_name": "shop", "container_context": {"env_vars": ["REGION=eu"]}}
    message = "these env_vars stand beside k8s and not in it"

    in_python = places({"location": entry})
    file = tmp_path / "dagster_cloud.yaml"
    file.write_text(yaml.safe_dump({"locations": [entry]}))
    in_file = [(item.code, item.message) for item in check_sources([Source("f", file.read_bytes())])]

    assert in_python == [("location.container_context.env_vars", "DPK340", message)]
    assert in_file == [("DPK340", message)]
    (step,) = plan(definitions(), location=entry).steps.values()
    assert {"name": "REGION", "value": "eu"} in step.own_pod.spec["containers"][0]["env"]


def test_a_bare_variable_of_a_location_is_read_from_the_agent_given_with_it() -> None:
    entry = {"location_name": "shop", "container_context": {"k8s": {"env_vars": ["REGION"]}}}
    where = "location.container_context.k8s.env_vars[0]"

    alone = check(definitions(), location=entry)
    with_it = check(definitions(), location=entry, agent={"dagsterCloudAgent": {"env": {"REGION": "eu"}}})
    without = check(definitions(), location=entry, agent={"dagsterCloudAgent": {"env": {}}})

    assert [(str(item.where), str(item.severity)) for item in alone] == [(where, "warning")]
    assert with_it == []
    assert [(str(item.where), str(item.severity)) for item in without] == [(where, "error")]


def test_the_image_of_a_location_is_checked() -> None:
    assert [
        (where, code) for where, code, _ in places({"location": {**LOCATION_OF_SHOP, "image": "A b"}})
    ] == [("location.image", "DPK301")]
    assert places({"location": {**LOCATION_OF_SHOP, "image": "ghcr.io/acme/shop:1"}}) == []


def test_an_agent_as_current_charts_have_it_is_planned_with() -> None:
    workspace = {
        "failPodOnRunFailure": True,
        "serverK8sConfig": {"serviceSpecConfig": {"type": "ClusterIP"}},
        "onlyAllowUserDefinedK8sConfigFields": {
            "containerConfig": {"env": True},
            "serviceSpecConfig": {"type": True},
        },
    }

    assert launcher_config({"workspace": workspace})["fail_pod_on_run_failure"] is True
    assert places({"agent": {"workspace": workspace}}) == []
