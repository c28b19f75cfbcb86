"""The files in deploy/ are what deploy/agent.py says, and what a cluster takes."""

from pathlib import Path

import pytest
from deploy import agent
from flight_delays import pods

from dagster_plus_k8s_helpers import AgentValues

DEPLOY = Path(agent.__file__).parent
FILES = [("VALUES", "values.yaml"), ("GPU_CLUSTER", "values-gpu-cluster.yaml")]


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_values_file_is_not_stale(name: str, file: str) -> None:
    values: AgentValues = getattr(agent, name)

    assert (DEPLOY / file).read_text() == values.to_yaml(), (
        f"{file} is stale: dagster-plus-k8s agent values --module deploy.agent:{name} > deploy/{file}"
    )


@pytest.mark.parametrize(("name", "file"), FILES)
def test_a_values_file_has_no_mistakes(name: str, file: str) -> None:
    assert AgentValues.from_yaml(DEPLOY / file) == getattr(agent, name)


def test_what_the_pods_of_the_project_set_is_allowed() -> None:
    workspace = agent.VALUES.workspace
    assert workspace is not None
    allowed = workspace.only_allow_user_defined_k8s_config_fields
    assert allowed is not None
    for config in (pods.RUN, pods.SMALL, pods.LARGE, pods.TRAIN, pods.STORAGE):
        for section, fields in config.helm_values()["workspace"]["runK8sConfig"].items():
            assert fields.keys() <= allowed.to_dict()[section].keys()


def test_the_second_agent_serves_only_its_own_queue() -> None:
    main, second = agent.VALUES, agent.GPU_CLUSTER

    assert str(main.diff(second)).split("\n") == [
        "~ dagsterCloud.branchDeployments: true -> false",
        '~ dagsterCloud.agentLabel: "main cluster" -> "GPU cluster"',
        "+ dagsterCloud.agentQueues.includeDefaultQueue: false",
        '+ dagsterCloud.agentQueues.additionalQueues: ["gpu"]',
    ]
