"""What `DagsterCloudConfig.from_yaml` and `CodeLocation.from_yaml` take, and what they refuse with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dagster_plus_k8s_helpers import AgentValues
from dagster_plus_k8s_helpers.errors import InvalidFileError, K8sConfigError
from dagster_plus_k8s_helpers.files.locations.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import CodeLocation, DagsterCloudConfig
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from pathlib import Path

LOCATION = "location_name: a\ncode_source: {module_name: a}\n"


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "agentQueue: eu\n",
            [
                "<text>:3:1 agentQueue: error DPK103: this file does not spell the key 'agentQueue'; write 'agent_queue'"
            ],
        ),
        (
            "container_context: {k8s: {runs_k8s_config: {}, envVars: [A=1]}}\n",
            [
                "<text>:3:27 container_context.k8s.runs_k8s_config: error DPK101: there is no key 'runs_k8s_config' "
                "here; did you mean 'run_k8s_config'?; write 'run_k8s_config'",
                "<text>:3:48 container_context.k8s.envVars: error DPK103: this file does not spell the key 'envVars'; "
                "write 'env_vars'",
            ],
        ),
        (
            "container_context: {k8s: {env_vars: [A=1, A=2]}}\n",
            [
                "<text>:3:43 container_context.k8s.env_vars[1]: error DPK306: 'A' is set twice for runs; line 3 sets "
                "it too; keep one of the two"
            ],
        ),
        (
            "image: 1\n---\n",
            [
                "<text>:3:8 image: error DPK301: image: must be text, not a number; write text",
                "<text>:5:1: error DPK313: a second document begins here; put everything into one document, or the "
                "other documents into files of their own",
            ],
        ),
        (
            "image: [\n",
            [
                "<text>:4:1: error DPK001: this is not YAML: did not find expected node content; mend the YAML at "
                "this place"
            ],
        ),
    ],
)
def test_a_location_with_a_mistake_is_refused_with_its_place(text: str, messages: list[str]) -> None:
    with pytest.raises(InvalidFileError) as refusal:
        CodeLocation.from_yaml(LOCATION + text)

    assert [str(finding) for finding in refusal.value.findings] == messages


def test_a_file_with_a_mistake_is_refused_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "dagster_cloud.yaml"
    file.write_text("locations:\n  - location_name: a\n    agentQueue: eu\n")

    with pytest.raises(InvalidFileError) as refusal:
        DagsterCloudConfig.from_yaml(file)

    assert str(refusal.value) == (
        f"{file}:3:5 locations[0].agentQueue: error DPK103: this file does not spell the key 'agentQueue'; write "
        "'agent_queue'"
    )


def test_what_is_there_to_read_is_read_all_the_same() -> None:
    text = "locations:\n  - location_name: a\n    colour: blue\n    container_context: {k8s: {env_vars: [REGION, A_TOKEN=x1y2]}}\n"

    (location,) = DagsterCloudConfig.from_yaml(text).locations

    assert location.to_dict() == {
        "location_name": "a",
        "container_context": {"k8s": {"env_vars": ["REGION", "A_TOKEN=x1y2"]}},
        "colour": "blue",
    }


def test_a_waived_mistake_that_can_be_held_is_read() -> None:
    text = f"{LOCATION}agentQueue: eu  # dagster-plus-k8s: ignore[DPK103] our own tool reads it\n"

    assert CodeLocation.from_yaml(text).to_dict()["agentQueue"] == "eu"


def test_a_waived_mistake_that_cannot_be_held_is_refused() -> None:
    text = f"{LOCATION}image: 1  # dagster-plus-k8s: ignore[DPK301] why\n"

    with pytest.raises(InvalidFileError) as refusal:
        CodeLocation.from_yaml(text)

    assert (
        str(refusal.value) == "<text>:3:8 image: error DPK301: image: must be text, not a number; write text"
    )


def test_values_of_several_documents_are_refused() -> None:
    for text in ("workspace: {}\n---\nworkspace: {}\n", "---\n---\nworkspace: {}\n"):
        with pytest.raises(InvalidFileError) as refusal:
            AgentValues.from_yaml(text)

        assert str(refusal.value) == (
            "<text>:3:1: error DPK212: these values are document 2 of the file; put everything into one document, or "
            "the other documents into files of their own"
        )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"env_vars": {"A": "1"}, "env": {"A": "2"}},
            "env[0]: sets 'A', which env_vars sets too; keep one of the two",
        ),
        (
            {"env": {"A": "1"}, "run_k8s_config": K8sConfig(env={"B": "1", "A": "2"})},
            "run_k8s_config.container_config.env[1]: sets 'A', which env sets too; keep one of the two",
        ),
        (
            {"env_vars": {"A": "1"}, "server_k8s_config": K8sConfig(env={"A": "2"})},
            "server_k8s_config.container_config.env[0]: sets 'A', which env_vars sets too; keep one of the two",
        ),
    ],
)
def test_python_refuses_a_variable_that_one_pod_has_twice(fields: dict[str, object], message: str) -> None:
    with pytest.raises(K8sConfigError) as refusal:
        K8sContainerContext(**fields)

    assert str(refusal.value) == message


def test_runs_and_code_servers_may_each_have_a_value_of_their_own() -> None:
    context = K8sContainerContext(
        run_k8s_config=K8sConfig(env={"A": "1"}), server_k8s_config=K8sConfig(env={"A": "2"})
    )

    assert context.run_k8s_config is not None
    assert context.run_k8s_config.env == {"A": "1"}
