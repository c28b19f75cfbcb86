"""What `dagster_cloud_cli` makes of a file, and what this package does: the same."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import yaml
from dagster_cloud_cli.config import DagsterCloudConfigDefaultsMerger
from dagster_cloud_cli.config.models import (
    Build as TheirBuild,
)
from dagster_cloud_cli.config.models import (
    CodeSource as TheirCodeSource,
)
from dagster_cloud_cli.config.models import (
    Location,
    load_dagster_cloud_yaml,
)
from dagster_cloud_cli.config.models import LocationDefaults as TheirDefaults
from dagster_k8s.job import DagsterK8sJobConfig
from examples import fewer
from hypothesis import given
from hypothesis import strategies as st
from location_files import anything, cloud_configs

from dagster_plus_k8s_helpers import K8sConfig
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.errors import InvalidFileError, K8sConfigError, MissingExtraError
from dagster_plus_k8s_helpers.files.checks.locations.check import check_locations
from dagster_plus_k8s_helpers.files.checks.locations.keys import REFUSED_KEY
from dagster_plus_k8s_helpers.files.locations.container_context import ContainerContext, K8sContainerContext
from dagster_plus_k8s_helpers.files.locations.dg_project import (
    merge_builds,
    merge_container_contexts,
    project_location,
)
from dagster_plus_k8s_helpers.files.locations.locations import (
    Build,
    CodeLocation,
    CodeSource,
    DagsterCloudConfig,
    LocationDefaults,
)
from dagster_plus_k8s_helpers.files.locations.pods import RUN_KEYS, SERVER_KEYS
from dagster_plus_k8s_helpers.findings.finding import Severity

if TYPE_CHECKING:
    from pathlib import Path

FILES = [
    "locations: []",
    "locations: [{location_name: a}]",
    "locations: [{location_name: a, code_source: {module_name: a}}]",
    "locations: [{location_name: a, code_source: null, image: null, build: null}]",
    "{defaults: null, locations: []}",
    "{defaults: {image: a}, locations: [{location_name: a}]}",
    "locations: [{location_name: a, code_source: {}}]",
    "locations: [{location_name: a, code_source: {module_name: ''}}]",
    "locations: [{location_name: a, code_source: {module_name: a, package_name: b}}]",
    "locations: [{location_name: a}, {location_name: a}]",
    "locations: [{location_name: a}, {location_name: b}]",
    "locations: [{location_name: 1}]",
    "locations: [{location_name: a, agent_queue: 1}]",
    "locations: [{location_name: a, image: true}]",
    "locations: [{location_name: null}]",
    "locations: [{code_source: {module_name: a}}]",
    "locations: [a]",
    "locations: {a: {}}",
    "locations: null",
    "location: [{location_name: a}]",
    "locations: [{locationName: a}]",
    "locations: [{location_name: a, agentQueue: b}]",
    "locations: [{location_name: a, nonsense: b}]",
    "{locations: [], nonsense: b}",
    "{locations: [], defaults: {location_name: a}}",
    "{locations: [], defaults: []}",
    "locations: [{location_name: a, build: {directory: a, registry: b}}]",
    "locations: [{location_name: a, build: {folder: a}}]",
    "locations: [{location_name: a, build: a}]",
    "locations: [{location_name: a, container_context: a}]",
    "locations: [{location_name: a, container_context: {k8s: {}}}]",
    "locations: [{location_name: a, 1: b}]",
    "[]",
    "a",
]
_ours = st.sampled_from(
    [
        "locations",
        "location_name",
        "code_source",
        "module_name",
        "package_name",
        "build",
        "directory",
        "image",
        "agent_queue",
        "defaults",
    ]
)


def theirs_takes(text: str) -> bool:
    try:
        load_dagster_cloud_yaml(text)
    # What it raises for a file that is no mapping is its own.
    except Exception:  # noqa: BLE001
        return False
    return True


def ours_takes(text: str) -> bool:
    documents, found = read_yaml(text, "dagster_cloud.yaml")
    found += [finding for document in documents for finding in check_locations(document)]
    # What a newer Dagster+ may know is a notice; what only the registry refuses is no matter of Dagster+.
    return not [
        finding
        for finding in found
        if (finding.severity is Severity.ERROR and "is not an image reference" not in finding.message)
        or finding.code == REFUSED_KEY.code
    ]


@pytest.mark.parametrize("text", FILES)
def test_both_take_and_refuse_the_same_files(text: str) -> None:
    assert ours_takes(text) == theirs_takes(text)


@fewer(3)
@given(
    st.fixed_dictionaries(
        {
            "locations": st.lists(
                st.dictionaries(
                    _ours,
                    st.text(max_size=1)
                    | st.none()
                    | st.integers()
                    | st.dictionaries(_ours, st.text(max_size=1), max_size=2),
                    max_size=4,
                ),
                max_size=3,
            )
        },
        optional={"defaults": anything()},
    )
)
def test_both_take_and_refuse_the_same_generated_files(data: object) -> None:
    text = yaml.safe_dump(data)
    if "container_context" not in text:
        assert ours_takes(text) == theirs_takes(text)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (CodeLocation, Location),
        (LocationDefaults, TheirDefaults),
        (CodeSource, TheirCodeSource),
        (Build, TheirBuild),
    ],
)
def test_both_know_the_same_fields(ours: type, theirs: type) -> None:
    assert list(ours.model_fields) == list(theirs.model_fields)


def test_a_container_context_has_the_fields_that_dagster_reads() -> None:
    schema = DagsterK8sJobConfig.config_type_container_context()

    assert set(K8sContainerContext.model_fields) == set(schema)
    assert set(RUN_KEYS) == set(schema["run_k8s_config"].config_type.fields)
    assert set(SERVER_KEYS) == set(schema["server_k8s_config"].config_type.fields)


DEFAULTS = """\
defaults:
  image: shared:1
  agent_queue: eu
  build: {directory: ., registry: r}
  container_context:
    k8s:
      env_vars: [LEVEL=info, REGION=eu]
      env_secrets: [common]
      labels: {team: data, tier: a}
      resources: {limits: {cpu: 1, memory: 1Gi}}
      run_k8s_config:
        container_config: {env: [{name: A, value: x}]}
        pod_spec_config: {node_selector: {pool: runs}}
"""


@pytest.mark.parametrize(
    ("location", "merged"),
    [
        (
            {},
            {
                "image": "shared:1",
                "agent_queue": "eu",
                "build": {"directory": ".", "registry": "r"},
                "container_context": {
                    "k8s": {
                        "env_vars": ["LEVEL=info", "REGION=eu"],
                        "env_secrets": ["common"],
                        "labels": {"team": "data", "tier": "a"},
                        "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                        "run_k8s_config": {
                            "container_config": {"env": [{"name": "A", "value": "x"}]},
                            "pod_spec_config": {"node_selector": {"pool": "runs"}},
                        },
                    }
                },
            },
        ),
        (
            {
                "image": "own:1",
                "build": {"directory": "docker"},
                "container_context": {
                    "k8s": {
                        "env_vars": ["LEVEL=debug"],
                        "env_secrets": ["own"],
                        "labels": {"team": "ml"},
                        "resources": {"limits": {"memory": "2Gi"}},
                        "run_k8s_config": {"container_config": {"env": [{"name": "B", "value": "y"}]}},
                    }
                },
            },
            {
                "image": "own:1",
                "agent_queue": "eu",
                "build": {"directory": "docker", "registry": "r"},
                "container_context": {
                    "k8s": {
                        "env_vars": ["REGION=eu", "LEVEL=debug"],
                        "env_secrets": ["common", "own"],
                        "labels": {"team": "ml", "tier": "a"},
                        "resources": {"limits": {"cpu": "1", "memory": "2Gi"}},
                        "run_k8s_config": {
                            "container_config": {
                                "env": [{"name": "A", "value": "x"}, {"name": "B", "value": "y"}]
                            },
                            "pod_spec_config": {"node_selector": {"pool": "runs"}},
                        },
                    }
                },
            },
        ),
    ],
    ids=["nothing of its own", "something of everything"],
)
def test_defaults_are_merged_as_dagster_plus_does_it(
    location: dict[str, object], merged: dict[str, object]
) -> None:
    text = f"{DEFAULTS}locations: {json.dumps([{'location_name': 'a', **location}])}\n"

    found = DagsterCloudConfig.from_yaml(text).merged()

    assert found.to_dict() == {"locations": [{"location_name": "a", **merged}]}
    (theirs,) = DagsterCloudConfigDefaultsMerger().process(load_dagster_cloud_yaml(text)).locations
    assert CodeLocation.from_dict(theirs.model_dump(exclude_none=True)) == found.locations[0]


@fewer(3)
@given(cloud_configs())
def test_what_merges_is_equal_to_what_dagster_plus_makes_of_it(config: DagsterCloudConfig) -> None:
    try:
        expected = DagsterCloudConfigDefaultsMerger().process(load_dagster_cloud_yaml(config.to_yaml()))
    except ValueError:
        with pytest.raises(K8sConfigError, match="cannot merge the defaults"):
            config.merged()
        return
    try:
        merged = config.merged()
    except K8sConfigError as refusal:
        assert re.search(r"names .* twice; keep one of the two|is above the limit", str(refusal))
        return
    assert merged.defaults is None
    assert merged.to_dict() == {
        "locations": [location.model_dump(exclude_none=True) for location in expected.locations]
    }


def test_a_default_variable_with_an_equals_sign_cannot_be_merged() -> None:
    config = DagsterCloudConfig(
        defaults=LocationDefaults(container_context=K8sContainerContext(env_vars={"A": "b=c"})),
        locations=[
            CodeLocation(location_name="a", container_context=K8sContainerContext(env_vars={"D": "e"}))
        ],
    )

    with pytest.raises(K8sConfigError) as refusal:
        config.merged()

    assert str(refusal.value) == (
        "Dagster+ cannot merge the defaults into the locations: Invalid key-value pair: A=b=c"
    )


def test_a_variable_doubled_by_the_merge_is_refused() -> None:
    def context(value: str) -> K8sContainerContext:
        return K8sContainerContext(run_k8s_config=K8sConfig(env={"A": value}))

    config = DagsterCloudConfig(
        defaults=LocationDefaults(container_context=context("x")),
        locations=[CodeLocation(location_name="a", container_context=context("y"))],
    )

    with pytest.raises(K8sConfigError, match="names 'A' twice; keep one of the two"):
        config.merged()


def test_a_template_is_filled_in_as_dagster_plus_does_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY", "registry.example.com/team")
    file = tmp_path / "dagster_cloud.yaml"
    file.write_text(
        "locations:\n{% for name in names %}  - location_name: {{ name }}\n"
        "    build: {registry: '{{ get_env(\"REGISTRY\") }}'}\n{% endfor %}"
    )

    config = DagsterCloudConfig.from_template(file, {"names": ["a", "b"]})

    assert [location.location_name for location in config.locations] == ["a", "b"]
    assert config.locations[0].build == Build(registry="registry.example.com/team")


def test_a_wrong_template_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dagster_cloud.yaml"
    file.write_text("locations: {% for %}")

    with pytest.raises(K8sConfigError, match="the template cannot be filled in: Expected an expression"):
        DagsterCloudConfig.from_template(file)


def test_files_of_a_workspace_and_a_project_are_merged_as_dg_does_it(tmp_path: Path) -> None:
    project = tmp_path / "projects" / "etl"
    project.mkdir(parents=True)
    (tmp_path / "build.yaml").write_text("registry: r\ndirectory: .\n")
    (tmp_path / "container_context.yaml").write_text("k8s: {env_vars: [A=1, B=1], namespace: n}\n")
    (project / "build.yaml").write_text("directory: docker\n")
    (project / "container_context.yaml").write_text("k8s: {env_vars: [C=2]}\n")
    (project / "pyproject.toml").write_text(
        "[tool.dg.project]\nroot_module = 'etl'\nagent_queue = 'eu'\nimage = 'etl:1'\n"
    )

    location = project_location(project, tmp_path)

    assert location == CodeLocation(
        location_name="etl",
        code_source="etl.definitions",
        build=Build(registry="r", directory=str(project / "docker")),
        container_context=K8sContainerContext(env_vars=["A=1", "B=1", "C=2"], namespace="n"),
        agent_queue="eu",
        image="etl:1",
    )


def test_a_project_without_files_is_a_name_and_a_module(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[tool.dg.project]\nroot_module = 'etl'\ncode_location_name = 'main'\ncode_location_target_module = 'etl.all'\n"
    )

    assert project_location(tmp_path) == CodeLocation(location_name="main", code_source="etl.all")


@pytest.mark.parametrize(
    ("file", "content", "kind", "message"),
    [
        ("pyproject.toml", "", K8sConfigError, "has no root_module in [tool.dg.project]"),
        ("pyproject.toml", "[", K8sConfigError, "cannot be read: "),
        ("build.yaml", "a: [", InvalidFileError, "DPK001"),
        ("build.yaml", "[]", K8sConfigError, "must be one mapping"),
        (
            "container_context.yaml",
            "k8s: {namespace: 1}",
            K8sConfigError,
            "k8s.namespace: must be text, not a number",
        ),
    ],
)
def test_a_broken_project_is_refused(
    tmp_path: Path, file: str, content: str, kind: type[Exception], message: str
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.dg.project]\nroot_module = 'etl'\n")
    (tmp_path / file).write_text(content)

    with pytest.raises(kind) as refusal:
        project_location(tmp_path)

    assert message in str(refusal.value)


def test_builds_and_contexts_are_merged_field_by_field() -> None:
    assert merge_builds(Build(registry="a", directory="b"), Build(directory="c")) == Build(
        registry="a", directory="c"
    )
    both = merge_container_contexts(ContainerContext(ecs={"a": 1}), ContainerContext(ecs={"b": 2}))
    assert both == ContainerContext(ecs={"a": 1, "b": 2})


def test_a_variable_doubled_by_merging_contexts_is_refused() -> None:
    workspace = ContainerContext(k8s=K8sContainerContext(env_vars={"A": "1", "B": "1"}))
    project = ContainerContext(k8s=K8sContainerContext(env_vars={"A": "2"}))

    with pytest.raises(K8sConfigError) as refusal:
        merge_container_contexts(workspace, project)

    assert str(refusal.value) == "k8s.env_vars[2]: names 'A' twice; keep one of the two"


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dagster_cloud_cli.config", None)

    with pytest.raises(MissingExtraError) as refusal:
        DagsterCloudConfig(locations=[]).merged()

    assert str(refusal.value) == (
        "this needs dagster_cloud_cli; install it with pip install 'dagster-plus-k8s-helpers[cloud]'"
    )
