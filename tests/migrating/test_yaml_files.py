"""Files of the platform as Python: what is printed gives the file again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from location_files import cloud_configs

from dagster_plus_k8s_helpers import DagsterCloudConfig, DagsterPlusK8sError, InvalidFileError
from dagster_plus_k8s_helpers.migrating.yaml_files import Note, python_of

PROJECT = Path(__file__).parents[2] / "example_project"


def of(file: Path) -> tuple[str, list[Note]]:
    return python_of(file.read_bytes(), str(file))


def run(source: str, name: str) -> Any:
    made: dict[str, Any] = {}
    exec(source, made)
    return made[name]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("deploy/values.yaml", "VALUES"),
        ("deploy/values-gpu-cluster.yaml", "VALUES"),
        ("dagster_cloud.yaml", "CONFIG"),
    ],
)
def test_the_files_of_the_example_project(file: str, name: str) -> None:
    source, _ = of(PROJECT / file)

    assert yaml.safe_load(run(source, name).to_yaml()) == yaml.safe_load((PROJECT / file).read_text())
    assert ".from_dict(" not in source


def test_values_become_what_one_would_write(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(
        "# ours\n"
        "dagsterCloud:\n  agentTokenSecretName: token\n  deployments: [prod]  # one\n"
        "isolatedAgents: {enabled: true}\n"
        "workspace:\n"
        "  envVars: ['COLOR=#fff']\n"
        "  serverK8sConfig: {containerConfig: {resources: {limits: {memory: 1Gi}}}}\n"
        "  runK8sConfig:\n"
        "    podSpecConfig:\n"
        "      tolerations: [{key: pool, operator: Exists, effect: NoSchedule}]\n"
    )

    source, notes = of(file)

    assert source == (
        "from dagster_plus_k8s_helpers import AgentValues, DagsterCloud, K8sConfig, Resources, Toleration, Workspace\n"
        "\n"
        "VALUES = AgentValues(\n"
        '    dagster_cloud=DagsterCloud(agent_token_secret_name="token", deployments=["prod"]),\n'
        "    workspace=Workspace(\n"
        '        env_vars=["COLOR=#fff"],\n'
        '        run_k8s_config=K8sConfig(tolerations=[Toleration("pool", effect="NoSchedule")]),\n'
        '        server_k8s_config=K8sConfig(resources=Resources(memory="1Gi")),\n'
        "    ),\n"
        "    isolated_agents=True,\n"
        ")\n"
    ) or source.startswith("from dagster_plus_k8s_helpers import (\n")
    assert [(note.line, note.text) for note in notes] == [
        (1, "this comment is not in the Python form: # ours"),
        (4, "this comment is not in the Python form: # one"),
    ]


def test_comments_are_found_by_the_parser_that_reads_the_file() -> None:
    """Libyaml takes a tabulator within braces that PyYAML's own scanner refuses."""
    content = b"locations:\n  - location_name: etl\n    code_source: {package_name:\tetl} # ours\n"

    _, notes = python_of(content, "dagster_cloud.yaml")

    assert [note.text for note in notes] == ["this comment is not in the Python form: # ours"]


def test_a_list_that_is_empty_or_of_lists_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("dagsterCloud: {deployment: prod, socketOptions: [[6, 4, 11], []]}\npythonLogs: {}\n")

    source, _ = of(file)

    assert "socket_options=[[6, 4, 11], []]" in source
    assert yaml.safe_load(run(source, "VALUES").to_yaml()) == yaml.safe_load(file.read_text())


def test_keys_that_are_not_known_are_read_from_what_they_are(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(
        "dagsterCloud: {agentTokenSecretName: token}\nworkspace: {serviceAccountName: etl, brandNew: {a: 1}}\n"
    )

    source, _ = of(file)

    assert 'workspace=Workspace.from_dict({"brandNew": {"a": 1}, "serviceAccountName": "etl"})' in source or (
        "workspace=Workspace.from_dict(" in source
    )
    assert yaml.safe_load(run(source, "VALUES").to_yaml()) == yaml.safe_load(file.read_text())


def test_a_number_without_end_is_written_so_that_python_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("dagsterCloud: {agentTokenSecretName: token}\nbrandNew: {most: .inf, least: -.inf}\n")

    source, _ = of(file)

    assert 'float("inf")' in source
    assert yaml.safe_load(run(source, "VALUES").to_yaml()) == yaml.safe_load(file.read_text())


def test_a_token_does_not_become_part_of_a_program(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("dagsterCloud: {agentTokenValue: agent:acme:secret}\n")

    with pytest.raises(DagsterPlusK8sError, match="agentTokenSecretName") as caught:
        of(file)
    assert "acme" not in str(caught.value)


def test_a_credential_that_becomes_part_of_a_program_is_told(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("workspace:\n  envVars:\n  - DB_PASSWORD=hunter2xyz\n")

    _, notes = of(file)

    (note,) = notes
    assert note.line == 3
    assert note.text.endswith("and stands in the Python form; put it into a Secret")
    assert "hunter2xyz" not in note.text


def test_files_of_another_kind_and_with_mistakes_are_refused(tmp_path: Path) -> None:
    other, wrong = tmp_path / "other.yaml", tmp_path / "dagster_cloud.yaml"
    other.write_text("a: 1\n")
    wrong.write_text("locations:\n  - location_name: a\n    code_sorce: {module_name: a}\n")

    with pytest.raises(DagsterPlusK8sError, match="neither the agent's Helm values nor"):
        of(other)
    with pytest.raises(InvalidFileError):
        of(wrong)


@given(cloud_configs())
def test_any_file_of_locations_comes_back(config: DagsterCloudConfig) -> None:
    text = config.to_yaml()

    source, _ = python_of(text.encode(), "dagster_cloud.yaml")

    assert run(source, "CONFIG") == DagsterCloudConfig.from_yaml(text)
