"""Which kind of file a document is, mistakes in it or not."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, kind_of
from dagster_plus_k8s_helpers.findings.finding import Finding


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
        # One section too high, and not what it resembles.
        ("values.yaml", "tolerations: []", FileKind.VALUES),
        ("x.yaml", "tolerations: []", FileKind.VALUES),
        ("x.yaml", "nodeSelector: {}\nreplicas: 2", FileKind.VALUES),
        ("container_context.yaml", "resources: {}", FileKind.CONTAINER_CONTEXT),
        # Of the chart that is not the agent's.
        ("x.yaml", "dagsterWebserver: {}\npostgresql: {}", FileKind.VALUES),
        ("x.yaml", "dagster-user-deployments: {}", FileKind.VALUES),
        ("x.yaml", "instance_class: {module: dagster_cloud.instance}", FileKind.INSTANCE),
        ("values.yaml", "dagster_cloud_api: {}\nisolated_agents: {}\nagent_queues: {}", FileKind.INSTANCE),
        ("x.yaml", "run_launcher: {}\ncompute_logs: {}\npython_logs: {}", FileKind.INSTANCE),
        ("dagster.yaml", "telemetry: {}", FileKind.INSTANCE),
    ],
)
def test_a_file_is_told_by_what_it_holds_then_by_its_name(name: str, text: str, kind: FileKind) -> None:
    (document,), _ = read_yaml(text, name)

    assert kind_of(document) is kind


AGENT_INSTANCE = b"""\
instance_class: {module: dagster_cloud.instance, class: DagsterCloudAgentInstance}
dagster_cloud_api: {agent_token: {env: TOKEN}}
user_code_launcher: {module: dagster_cloud.workspace.kubernetes, class: K8sUserCodeLauncher}
isolated_agents: {enabled: true}
"""


def test_the_agent_s_own_dagster_yaml_is_no_values_file() -> None:
    assert [str(finding) for finding in check_sources([Source("conf/dagster.yaml", AGENT_INSTANCE)])] == [
        "conf/dagster.yaml:1:1: notice DPK106: this is the dagster.yaml of an agent, which is not checked; give the "
        "Helm values that it is written from"
    ]


def test_any_other_instance_is_not_taken_for_values_either() -> None:
    (finding,) = check_sources([Source("dagster.yaml", b"compute_logs: {module: a, class: b}")])

    assert finding.message == "this is a dagster.yaml, which is not checked"


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


def test_a_name_in_which_a_kind_occurs_says_nothing_of_a_file_with_other_keys() -> None:
    (document,), _ = read_yaml("models: []\n", "custom_field_values.yml")

    kind = kind_of(document)

    assert isinstance(kind, Finding)
    assert kind.code == "DPK011"


def test_what_stands_one_level_too_high_is_sent_there() -> None:
    (document,), _ = read_yaml("env_vars: [A=b]\n", "x.yaml")

    kind = kind_of(document)

    assert isinstance(kind, Finding)
    assert kind.fix == "write it under k8s of a container_context"
