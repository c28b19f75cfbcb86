"""Code locations and the agents given with them, paired by queue."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers import (
    AgentQueues,
    AgentValues,
    CodeLocation,
    DagsterCloud,
    DagsterCloudAgent,
    DagsterCloudConfig,
    K8sContainerContext,
    LocationDefaults,
    check_agents_and_locations,
)
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.files.checks.pairing import check_queues

BY_DEFAULT: dict[str, object] = {"dagsterCloud": {}}
EU = {"dagsterCloud": {"agentQueues": {"includeDefaultQueue": False, "additionalQueues": ["eu", "eu-gpu"]}}}
ALSO_US = {"dagsterCloud": {"agentQueues": {"additionalQueues": ["us"]}}}
FIX = "; add the queue to the agentQueues of an agent, or name a queue that one serves"


@pytest.mark.parametrize(
    ("agents", "text", "messages"),
    [
        ([], "locations: [{location_name: a, agent_queue: nowhere}]", []),
        ([EU], "locations: [{location_name: a, agent_queue: eu}]", []),
        ([EU, ALSO_US], "locations: [{location_name: a, agent_queue: us}, {location_name: b}]", []),
        ([BY_DEFAULT], "locations: [{location_name: a}]", []),
        ([EU], "{defaults: {agent_queue: eu}, locations: [{location_name: a}]}", []),
        ([{}], "locations: [{location_name: a}]", []),
        (
            [{"dagsterCloud": []}, {"dagsterCloud": {"agentQueues": {"additionalQueues": {}}}}],
            "locations: [a]",
            [],
        ),
        ([EU], "locations: {a: b}", []),
        # What a misspelt key means is taken into account; check says that it is misspelt.
        ([EU], "locations: [{location_name: a, agent_queu: eu}]", []),
        (
            [{"dagsterCloud": {"agentQueue": {"additionalQueue": ["us"]}}}],
            "locations: [{location_name: a, agentQueue: us}]",
            [],
        ),
        ([EU], "[]", []),
        (
            [EU],
            "locations:\n  - location_name: a\n    agent_queue: eu-gpus\n",
            [
                "f:3:18 locations[0].agent_queue: error DPK312: no agent serves the queue 'eu-gpus'; did you mean 'eu-gpu'?"
                + FIX
            ],
        ),
        (
            [EU, ALSO_US],
            "locations:\n  - location_name: a\n    agent_queue: asia\n",
            [
                "f:3:18 locations[0].agent_queue: error DPK312: no agent serves the queue 'asia'; the agents serve "
                "'eu', 'eu-gpu', 'us'" + FIX
            ],
        ),
        (
            [BY_DEFAULT],
            "{defaults: {agent_queue: x}, locations: [{location_name: a}, {location_name: b}]}",
            ["f:1:26 defaults.agent_queue: error DPK312: no agent serves the queue 'x'" + FIX],
        ),
        (
            [EU],
            "locations: [{location_name: a}]",
            [
                "f:1:29 locations[0].location_name: error DPK312: the location is in the default queue, which no agent "
                "serves; write agent_queue and one of the queues served"
            ],
        ),
    ],
)
def test_a_location_needs_an_agent_that_serves_its_queue(
    agents: list[dict[str, object]], text: str, messages: list[str]
) -> None:
    documents, _ = read_yaml(text, "f")

    assert [str(finding) for finding in check_queues(documents, agents)] == messages


BARE = """\
locations:
  - location_name: a
    agent_queue: {queue}
    container_context: {{k8s: {{env_vars: [REGION]}}}}
"""
OF_EU = "dagsterCloud: {agentQueues: {includeDefaultQueue: false, additionalQueues: [eu]}}\n"
NOT_SET = (
    "dagster_cloud.yaml:4:42 locations[0].container_context.k8s.env_vars[0]: error DPK307: 'REGION' has no value, and "
    "dagsterCloudAgent.env of the agent's values does not set it; set REGION in dagsterCloudAgent.env or envFrom, or "
    "write REGION=VALUE"
)
UNKNOWN = (
    "dagster_cloud.yaml:4:42 locations[0].container_context.k8s.env_vars[0]: warning DPK307: 'REGION' has no value; "
    "write KEY=VALUE, name a Secret in env_secrets, or give the agent's values with the file"
)


@pytest.mark.parametrize(
    ("agents", "messages"),
    [
        ([], [UNKNOWN]),
        (["dagsterCloudAgent: {env: {REGION: eu}}"], []),
        (["dagsterCloudAgent: {env: [{name: REGION, value: eu}]}"], []),
        (["dagsterCloudAgent: {envFrom: [{configMapRef: {name: regions}}]}"], []),
        (["dagsterCloudAgent: {env: {OTHER: eu}}"], [NOT_SET]),
        (["dagsterCloudAgent: {replicas: 2}"], [NOT_SET]),
        # Variables of the pods that the agent starts are not its own.
        (["workspace: {envVars: [REGION=eu]}"], [NOT_SET]),
        # An image of one's own may set any.
        (["dagsterCloudAgent: {image: {repository: ghcr.io/acme/agent}}"], [UNKNOWN]),
        (
            ["dagsterCloudAgent: {image: {repository: mirror.acme.com/dagster/dagster-cloud-agent}}"],
            [NOT_SET],
        ),
        # Every agent that serves the location needs it, and no other.
        (["dagsterCloudAgent: {env: {REGION: eu}}", OF_EU], []),
        (["dagsterCloudAgent: {env: {REGION: eu}}", "dagsterCloudAgent: {replicas: 2}"], [NOT_SET]),
    ],
)
def test_a_bare_variable_of_a_location_is_read_from_the_agents_that_serve_it(
    agents: list[str], messages: list[str]
) -> None:
    sources = [Source(f"values{index}.yaml", text.encode()) for index, text in enumerate(agents)]
    text = BARE.replace("agent_queue: {queue}", "image: etl:1").format()

    findings = check_sources([*sources, Source("dagster_cloud.yaml", text.encode())])

    assert [str(finding) for finding in findings] == messages


def test_an_agent_of_another_queue_does_not_give_a_variable() -> None:
    text = BARE.format(queue="eu").encode()
    without, with_it = OF_EU.encode(), (OF_EU + "dagsterCloudAgent: {env: {REGION: eu}}\n").encode()
    default = Source("default.yaml", b"dagsterCloudAgent: {env: {REGION: eu}}")

    found = check_sources([default, Source("eu.yaml", without), Source("dagster_cloud.yaml", text)])

    assert [str(finding) for finding in found] == [NOT_SET]
    assert check_sources([default, Source("eu.yaml", with_it), Source("dagster_cloud.yaml", text)]) == []


def test_variables_of_a_container_context_alone_are_read_from_any_agent() -> None:
    context = Source("container_context.yaml", b"k8s: {env_vars: [REGION, HOSTNAME, DAGSTER_HOME]}")

    found = check_sources([Source("values.yaml", b"dagsterCloudAgent: {env: {A: b}}"), context])

    assert [(str(finding.severity), finding.where.path) for finding in found] == [
        ("error", "k8s.env_vars[0]")
    ]


def test_objects_share_variables_as_files_do() -> None:
    config = DagsterCloudConfig(
        defaults=LocationDefaults(container_context=K8sContainerContext(env_vars={"ZONE": None})),
        locations=[
            CodeLocation(
                location_name="a", container_context=K8sContainerContext(env_vars={"REGION": None, "A": "b"})
            )
        ],
    )
    agent = AgentValues(dagster_cloud_agent=DagsterCloudAgent(env={"ZONE": "1"}))

    assert [finding.where.path for finding in check_agents_and_locations(agent, config)] == [
        "locations[0].container_context.k8s.env_vars[0]"
    ]
    assert check_agents_and_locations([], config) == []


ONLY_EU = AgentValues(
    dagster_cloud=DagsterCloud(
        agent_queues=AgentQueues(include_default_queue=False, additional_queues=["eu", "eu-gpu"])
    )
)


def test_objects_are_paired_as_files_are() -> None:
    config = DagsterCloudConfig(
        defaults=LocationDefaults(agent_queue="us"),
        locations=[
            CodeLocation(location_name="a", agent_queue="eu"),
            CodeLocation(location_name="b", agent_queue="eu-gpus"),
            CodeLocation(location_name="c"),
        ],
    )

    assert [str(finding) for finding in check_agents_and_locations([ONLY_EU], config)] == [
        "locations[1].agent_queue: error DPK312: no agent serves the queue 'eu-gpus'; did you mean 'eu-gpu'?"
        + FIX,
        "defaults.agent_queue: error DPK312: no agent serves the queue 'us'; the agents serve 'eu', 'eu-gpu'"
        + FIX,
    ]


def test_a_location_in_the_default_queue_needs_an_agent_that_reads_it() -> None:
    config = DagsterCloudConfig(locations=[CodeLocation(location_name="a")])

    assert [str(finding) for finding in check_agents_and_locations(ONLY_EU, config)] == [
        "locations[0].location_name: error DPK312: the location is in the default queue, which no agent serves; write "
        "agent_queue and one of the queues served"
    ]
    assert check_agents_and_locations([ONLY_EU, AgentValues()], config) == []
    assert check_agents_and_locations([], config) == []
