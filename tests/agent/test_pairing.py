"""Code locations and the agents given with them, paired by queue."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers import (
    AgentQueues,
    AgentValues,
    CodeLocation,
    DagsterCloud,
    DagsterCloudConfig,
    LocationDefaults,
    check_agents_and_locations,
)
from dagster_plus_k8s_helpers.agent.pairing import check_queues
from dagster_plus_k8s_helpers.agent.yaml_file import read_yaml

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
