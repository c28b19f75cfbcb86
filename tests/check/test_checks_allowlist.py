"""The agent's allowlist: what it refuses, what it takes away without a word, and what evades it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checked import OP, config, container, definitions, found, resources

from dagster_plus_k8s_helpers import k8s_executor

SUPPORT = Path(__file__).parents[1] / "support"
RESOURCES = {"onlyAllowUserDefinedK8sConfigFields": {"containerConfig": {"resources": True}}}
AGENT = {"workspace": RESOURCES}
NO_FIELD = "onlyAllowUserDefinedK8sConfigFields of the agent has no such field"
NO_VARIABLE = "is not in onlyAllowUserDefinedEnvVars of the agent"
BOTH = "the run's pod and the code server"
BY_SHOP = "by the code location 'shop'"


def location(**k8s: Any) -> dict[str, Any]:
    return {"location_name": "shop", "container_context": {"k8s": k8s}}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (location(namespace="jobs"), f'the run\'s pod: namespace is "jobs" {BY_SHOP}, and {NO_FIELD}'),
        (
            location(server_k8s_config={"pod_spec_config": {"node_selector": {"a": "b"}}}),
            f'the code server: pod_spec_config.node_selector is {{"a": "b"}} {BY_SHOP}, and {NO_FIELD}',
        ),
        (
            location(server_k8s_config={"deployment_metadata": {"labels": {"a": "b"}}}),
            f'the code server: deployment_metadata.labels is {{"a": "b"}} {BY_SHOP}, and {NO_FIELD}',
        ),
        (
            location(scheduler_name="own"),
            f'{BOTH}: pod_spec_config.scheduler_name is "own" {BY_SHOP}, and {NO_FIELD}',
        ),
        (location(env_vars=["A=1"]), f"{BOTH}: 'A' in the environment {BY_SHOP} {NO_VARIABLE}"),
    ],
)
def test_what_a_location_may_not_say_is_found_once(given: dict[str, Any], said: str) -> None:
    assert [message for _, message in found(definitions(), agent=AGENT, location=given)] == [said]


@pytest.mark.parametrize(
    ("workspace", "given"),
    [
        (
            {"onlyAllowUserDefinedK8sConfigFields": {"namespace": True}},
            location(namespace="jobs"),
        ),
        (
            {"onlyAllowUserDefinedK8sConfigFields": {"deploymentMetadata": {"labels": True}}},
            location(server_k8s_config={"deployment_metadata": {"labels": {"a": "b"}}}),
        ),
        (
            {"onlyAllowUserDefinedK8sConfigFields": {"containerConfig": {"env": True}}},
            location(env_vars=["A=1"]),
        ),
        ({**RESOURCES, "onlyAllowUserDefinedEnvVars": ["A"]}, location(env_vars=["A=1"])),
        (RESOURCES, location(env_vars=["DAGSTER_CLOUD_GIT_SHA=1"])),
    ],
)
def test_what_a_location_may_say_is_not_found(workspace: dict[str, Any], given: dict[str, Any]) -> None:
    assert found(definitions(), agent={"workspace": workspace}, location=given) == []


def test_a_variable_is_dropped_with_a_list_of_variables_alone() -> None:
    agent = {"workspace": {"onlyAllowUserDefinedEnvVars": ["B"]}}

    said = found(definitions(), agent=agent, location=location(env_vars=["A=1", "B=2"]))

    assert said == [("DPK542", f"{BOTH}: 'A' in the environment {BY_SHOP} {NO_VARIABLE}")]


def test_namespace_and_variables_of_steps_evade_the_list() -> None:
    executor = k8s_executor(max_concurrent=4, namespace="jobs")
    defs = definitions(container(env=[{"name": "A", "value": "1"}]), executor=executor)

    assert found(defs, agent=AGENT) == [
        ("DPK519", f"step 'train': namespace is \"jobs\" by executor (the executor 'k8s'), and {NO_FIELD}"),
        ("DPK519", f"step 'train': 'A' in the environment by {OP} {NO_VARIABLE}"),
    ]


def test_without_a_list_everything_is_allowed() -> None:
    defs = definitions(config(pod_spec_config={"host_pid": True}))

    assert found(defs, agent={"workspace": {}}, location=location(namespace="jobs")) == []


def test_the_tags_of_a_job_are_named_as_what_is_refused() -> None:
    tags = {**config(pod_spec_config={"host_network": True})}
    defs = definitions(resources(limits={"memory": "1Gi"}), job={"tags": tags})

    said = found(defs, agent=AGENT, job="nightly")

    assert said == [
        ("DPK518", f"the run's pod: pod_spec_config.host_network is true by run tags, and {NO_FIELD}")
    ]


def test_what_dagster_tells_the_agents_log_is_told_as_a_finding_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    agent = {"workspace": {"onlyAllowUserDefinedEnvVars": ["REGION"]}}

    with caplog.at_level("DEBUG"):
        said = found(definitions(container(image="a/b:1")), agent=agent, location=location(env_vars=["A=1"]))

    assert {code for code, _ in said} == {"DPK542"}
    assert caplog.messages == []


def test_a_check_sets_up_no_handler_of_the_root_logger() -> None:
    program = (
        "import logging, checked\n"
        "checked.found(checked.definitions(), agent={'workspace': {'onlyAllowUserDefinedEnvVars': []}},\n"
        "  location={'container_context': {'k8s': {'env_vars': ['A=1']}}})\n"
        "print(logging.getLogger().handlers)"
    )

    said = subprocess.run(
        [sys.executable, "-c", program], cwd=SUPPORT, capture_output=True, text=True, check=True
    )

    assert (said.stdout, said.stderr) == ("[]\n", "")
