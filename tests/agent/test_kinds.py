"""Which kind of file a document is, mistakes in it or not."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers.agent.kinds import FileKind, kind_of
from dagster_plus_k8s_helpers.agent.yaml_file import read_yaml
from dagster_plus_k8s_helpers.findings import Finding


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("x.yaml", "dagsterCloud: {}", FileKind.VALUES),
        ("x.yaml", "dagster_cloud: {}", FileKind.VALUES),
        ("x.yaml", "workspce: {}", FileKind.VALUES),
        ("x.yaml", "isolatedAgents: true\ncomputeLogs: {}", FileKind.VALUES),
        ("x.yaml", "locations: []", FileKind.LOCATIONS),
        ("x.yaml", "location: []", FileKind.LOCATIONS),
        ("x.yaml", "Locations: []\nimage: a", FileKind.LOCATIONS),
        ("x.yaml", "defaults: {}", FileKind.LOCATIONS),
        ("x.yaml", "k8s: {}", FileKind.CONTAINER_CONTEXT),
        ("x.yaml", "ecs: {}\ndocker: {}", FileKind.CONTAINER_CONTEXT),
        ("x.yaml", "registry: a", FileKind.BUILD),
        ("x.yaml", "directori: a", FileKind.BUILD),
        ("dagster_cloud.yaml", "nonsense: a", FileKind.LOCATIONS),
        ("dagster_cloud.prod.yaml", "[]", FileKind.LOCATIONS),
        ("values-prod.yaml", "nonsense: a", FileKind.VALUES),
        ("agent/values.yaml", "a", FileKind.VALUES),
        ("project/container_context.yaml", "K9S: {}", FileKind.CONTAINER_CONTEXT),
        ("build.yaml", "1: a", FileKind.BUILD),
        ("values.yaml", "locations: []", FileKind.LOCATIONS),
    ],
)
def test_a_file_is_told_by_what_it_holds_then_by_its_name(name: str, text: str, kind: FileKind) -> None:
    (document,), _ = read_yaml(text, name)

    assert kind_of(document) is kind


@pytest.mark.parametrize(
    ("text", "keys"),
    [("apiVersion: v1\nkind: Secret", "; its keys are 'apiVersion', 'kind'"), ("[1]", ""), ("text", "")],
)
def test_a_file_of_no_kind_is_a_finding(text: str, keys: str) -> None:
    (document,), _ = read_yaml(text, "x.yaml")

    finding = kind_of(document)

    assert isinstance(finding, Finding)
    assert str(finding) == (
        f"x.yaml:1:1: error DPK011: this is no file of the agent's or of code locations{keys}; give the agent's Helm "
        "values (dagsterCloud, workspace, ...), a dagster_cloud.yaml (locations), a container_context.yaml (k8s) or a "
        "build.yaml (registry, directory)"
    )
