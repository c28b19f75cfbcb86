"""The files in deploy/ are what deploy/agent.py says, and what a cluster takes."""

import subprocess
import sys
from pathlib import Path

import pytest
from deploy import agent, gpu_cluster
from deploy.images import images
from flight_delays import pods

from dagster_plus_k8s_helpers import AgentValues

DEPLOY = Path(agent.__file__).parent
FILES = [
    ("agent:VALUES", agent.VALUES, "values.yaml"),
    ("gpu_cluster:GPU_CLUSTER", gpu_cluster.GPU_CLUSTER, "values-gpu-cluster.yaml"),
]


@pytest.mark.parametrize(("name", "values", "file"), FILES)
def test_a_values_file_is_not_stale(name: str, values: AgentValues, file: str) -> None:
    assert (DEPLOY / file).read_text() == values.to_yaml(), (
        f"{file} is stale: dagster-plus-k8s agent values --module deploy.{name} > deploy/{file}"
    )


@pytest.mark.parametrize(("name", "values", "file"), FILES)
def test_a_values_file_has_no_mistakes(name: str, values: AgentValues, file: str) -> None:
    assert AgentValues.from_yaml(DEPLOY / file) == values, name


def test_what_the_pods_of_the_project_set_is_allowed() -> None:
    workspace = agent.VALUES.workspace
    assert workspace is not None
    allowed = workspace.only_allow_user_defined_k8s_config_fields
    assert allowed is not None
    for config in (pods.RUN, pods.SMALL, pods.LARGE, pods.TRAIN, pods.STORAGE):
        for section, fields in config.helm_values()["workspace"]["runK8sConfig"].items():
            assert fields.keys() <= allowed.to_dict()[section].keys()


def test_the_second_agent_serves_only_its_own_queue() -> None:
    main, second = agent.VALUES, gpu_cluster.GPU_CLUSTER

    assert str(main.diff(second)).split("\n") == [
        "~ dagsterCloud.branchDeployments: true -> false",
        '~ dagsterCloud.agentLabel: "main cluster" -> "GPU cluster"',
        "+ dagsterCloud.agentQueues.includeDefaultQueue: false",
        '+ dagsterCloud.agentQueues.additionalQueues: ["gpu"]',
    ]


BUILD = "{location_name: %s, build: {registry: %s, directory: %s}}"


def locations(*items: str) -> str:
    return f"locations: [{', '.join(items)}]"


def test_locations_of_one_directory_share_an_image() -> None:
    text = locations(BUILD % ("a", "r/a", "."), BUILD % ("b", "r/a", "."), BUILD % ("c", "r/c", "c"))

    assert images(text) == {"r/a": ".", "r/c": "c"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            locations(BUILD % ("a", "r/a", "a"), BUILD % ("b", "r/a", "b")),
            "r/a gets two images, of 'a' and 'b'; give each a registry of its own",
        ),
        (
            locations("{location_name: a, build: null}"),
            "location 'a' has no build.registry; write where its image goes",
        ),
        (
            locations("{location_name: a, build: {directory: a}}"),
            "location 'a' has no build.registry; write where its image goes",
        ),
        ("locations: []", "there are no locations; write at least one under locations"),
        ("", "there are no locations; write at least one under locations"),
    ],
)
def test_what_cannot_be_built_and_deployed_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - compared in full
        images(text)

    assert str(refusal.value) == message


def test_the_workflow_reads_a_line_an_image(tmp_path: Path) -> None:
    file = tmp_path / "dagster_cloud.yaml"
    script = [sys.executable, str(DEPLOY / "images.py"), str(file)]

    file.write_text(locations(BUILD % ("a", "r/a", "sub")))
    good = subprocess.run(script, check=True, capture_output=True, text=True)
    file.write_text("locations: []")
    bad = subprocess.run(script, check=False, capture_output=True, text=True)

    assert good.stdout == "r/a sub\n"
    assert (bad.returncode, bad.stdout) == (1, "")
    assert bad.stderr == f"{file}: there are no locations; write at least one under locations\n"
