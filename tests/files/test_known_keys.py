"""What the agent, dagster_k8s and Dagster+ read: each key a field of ours, or said not to be one."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from textwrap import dedent

import pytest

from dagster_plus_k8s_helpers import AgentValues, DagsterCloudConfig
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.files.checks.values.check import check_values_file
from dagster_plus_k8s_helpers.files.locations.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import CodeLocation
from dagster_plus_k8s_helpers.files.sections.known_keys import agent_reads, known_keys
from dagster_plus_k8s_helpers.files.values.cloud import DagsterCloud
from dagster_plus_k8s_helpers.files.values.pods import (
    ALLOWED_MODELS,
    RUN_MODELS,
    SERVER_MODELS,
    AllowedFields,
)
from dagster_plus_k8s_helpers.files.values.workspace import Workspace

ROOT = Path(__file__).parents[2]
OF_AGENT = known_keys("the agent's dagster.yaml")
OF_LOCATION = known_keys("a location, as the agent's package has it")
OF_DAGSTER_K8S = known_keys("container_context.k8s")

NO_VALUE_OF_WORKSPACE = {
    "agent_metrics": "a section of its own",
    "code_server_metrics": "a section of its own",
    "dagster_home": "the chart's",
    "direct_snapshot_uploads": "no chart is known to pass it on",
    "instance_config_map": "the chart's",
    "k8s_api_ssl_ca_cert_file": "dagsterCloudAgent.k8sApiCaBundlePath",
    "kubeconfig_file": "dagsterCloudAgent.kubeconfigFile",
    "image_pull_secrets": "a section of its own",
    "requires_healthcheck": "the chart's, by the readiness probe",
    "server_replica_count": "no chart is known to pass it on",
    "upload_snapshots_on_startup": "no chart is known to pass it on",
}
NO_VALUE_OF_DAGSTER_CLOUD = {
    "agent_token": "by its Secret, its value or its variable",
    "all_serverless_deployments": "unused by such agents",
    "cookies": "no chart is known to pass it on",
    "headers": "no chart is known to pass it on",
    "method": "no chart is known to pass it on",
    "url": "dagsterCloud.endpoint",
    "verify": "no chart is known to pass it on",
}
NO_KEY_OF_A_LOCATION = {
    "defs_state_info": "set by Dagster+",
    "git": "set by dagster-cloud ci",
    "pex_bundle": "set by dagster-cloud ci",
    "pex_metadata": "set by dagster-cloud ci",
}


def below(keys: frozenset[str], prefix: str) -> set[str]:
    """The keys of one mapping."""
    return {
        key.removeprefix(prefix)
        for key in keys
        if key.startswith(prefix) and "." not in key.removeprefix(prefix)
    }


def test_the_table_is_what_the_installed_packages_read() -> None:
    pytest.importorskip("dagster_cloud", reason="the agent's own package, which development installs")
    spec = importlib.util.spec_from_file_location("known", ROOT / "scripts" / "generate_known_keys.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    written = json.loads(script.TARGET.read_text("utf-8"))

    assert written == script.read_schemas(), "call make known-keys"


def test_the_values_have_what_the_agent_reads() -> None:
    workspace = below(OF_AGENT, "user_code_launcher.config.")
    cloud = below(OF_AGENT, "dagster_cloud_api.")
    at_the_top = {"agent_queues", "allowed_full_deployment_locations", "allowed_branch_deployment_locations"}

    assert workspace - Workspace.model_fields.keys() == NO_VALUE_OF_WORKSPACE.keys()
    assert cloud - DagsterCloud.model_fields.keys() == NO_VALUE_OF_DAGSTER_CLOUD.keys()
    assert at_the_top <= DagsterCloud.model_fields.keys() & OF_AGENT


@pytest.mark.parametrize(
    ("section", "ours"),
    [
        ("run_k8s_config", RUN_MODELS.keys()),
        ("server_k8s_config", SERVER_MODELS.keys()),
        ("only_allow_user_defined_k8s_config_fields", {*ALLOWED_MODELS, "namespace"}),
    ],
)
def test_the_pod_sections_of_values_are_those_of_the_agent(section: str, ours: set[str]) -> None:
    theirs = below(OF_AGENT, f"user_code_launcher.config.{section}.")

    # What job_config holds Dagster overwrites.
    assert {name.replace("_", "") for name in theirs - {"job_config"}} == {name.lower() for name in ours}
    assert {name for name in AllowedFields.model_fields if name not in theirs} == (
        set() if section.startswith("only") else AllowedFields.model_fields.keys() - theirs
    )


def test_a_location_has_what_the_agent_s_package_reads() -> None:
    assert below(OF_LOCATION, "") - CodeLocation.model_fields.keys() == NO_KEY_OF_A_LOCATION.keys()
    assert below(OF_LOCATION, "container_context.k8s.") <= K8sContainerContext.model_fields.keys()


def test_only_env_is_read_by_dagster_k8s_alone() -> None:
    of_agent = below(OF_LOCATION, "container_context.k8s.")

    assert below(OF_DAGSTER_K8S, "") - of_agent == {"env"}
    assert of_agent <= OF_DAGSTER_K8S


@pytest.mark.parametrize("config", ["run_k8s_config", "server_k8s_config"])
def test_the_pod_sections_of_a_location_are_the_same_to_both(config: str) -> None:
    assert below(OF_LOCATION, f"container_context.k8s.{config}.") == below(OF_DAGSTER_K8S, f"{config}.")


CURRENT = """\
dagsterCloud:
  agentTokenSecretName: token
  agentTokenEnvVarName: AGENT_TOKEN
  allowedFullDeploymentLocations:
    prod:
      - etl
      - ml
  allowedBranchDeploymentLocations:
    - etl
dagsterCloudAgent:
  env:
    - name: REGION
      value: eu
    - name: PROXY
      valueFrom:
        secretKeyRef:
          name: proxy
          key: url
  k8sApiCaBundlePath: /etc/ca/ca.pem
workspace:
  serverK8sConfig:
    serviceSpecConfig:
      type: ClusterIP
  onlyAllowUserDefinedK8sConfigFields:
    containerConfig:
      resources: true
    serviceSpecConfig:
      type: true
  failPodOnRunFailure: true
"""


def test_a_current_file_is_all_right_and_comes_back_as_it_was() -> None:
    assert check_values_file(CURRENT, "values.yaml")[1] == []
    assert AgentValues.from_yaml(CURRENT).to_yaml() == CURRENT


MISTAKES_IN_CURRENT = [
    (
        "dagsterCloud: {agentTokenEnvVarName: 'A=B'}",
        "DPK201",
        "'A=B' cannot name an environment variable",
    ),
    (
        "dagsterCloud: {allowedFullDeploymentLocations: [prod]}",
        "DPK201",
        "must be a mapping, not a list",
    ),
    (
        "dagsterCloud: {allowedBranchDeploymentLocations: {a: b}}",
        "DPK201",
        "must be a list, not a mapping",
    ),
    (
        "dagsterCloudAgent: {env: [{name: A, value: 1}]}",
        "DPK201",
        "must be text, not a number",
    ),
    (
        "dagsterCloudAgent: {env: [{name: A, value: a}, {name: A, value: b}]}",
        "DPK209",
        "names 'A' twice",
    ),
    (
        "dagsterCloudAgent: {env: [{name: DB_PASSWORD, value: hunter22}]}",
        "DPK012",
        "this looks like a credential",
    ),
    (
        "dagsterCloudAgent: {env: [{name: A}]}",
        "DPK210",
        "'A' has neither a value nor a valueFrom",
    ),
    (
        "workspace: {serverK8sConfig: {serviceSpecConfig: {typo: a}}}",
        "DPK101",
        "ServiceSpec has no field 'typo'",
    ),
    (
        "workspace: {runK8sConfig: {serviceSpecConfig: {}}}",
        "DPK204",
        "a run has no Deployment and no Service",
    ),
    (
        "workspace: {failPodOnRunFailure: 'yes'}",
        "DPK201",
        "must be true or false",
    ),
]


@pytest.mark.parametrize(("text", "code", "message"), MISTAKES_IN_CURRENT)
def test_what_current_charts_read_is_checked(text: str, code: str, message: str) -> None:
    (finding,) = check_values_file(text + "\n", "values.yaml")[1]

    assert (finding.code, finding.message[: len(message)]) == (code, message)


NEWER_VALUES = """\
topologyHints: 1
dagsterCloud:
  shards: 2
workspace:
  runK8sConfig:
    containerConfig:
      resources:
        limits:
          cpu: "1"
    networkConfig:
      mesh: true
  serverK8sConfig:
    deploymentSpecConfig:
      paused: false
  directSnapshotUploads: false
"""


def test_what_only_a_newer_chart_can_read_is_a_notice_with_the_versions() -> None:
    findings = check_values_file(NEWER_VALUES, "values.yaml")[1]

    unknown = "neither the chart 1.8.13 nor the agent 1.13.27 is known to read the key {!r} here"
    assert [(str(finding.severity), finding.message) for finding in findings] == [
        ("notice", unknown.format("topologyHints")),
        ("notice", unknown.format("shards")),
        ("notice", unknown.format("networkConfig")),
        ("notice", unknown.format("deploymentSpecConfig")),
        (
            "notice",
            "the agent 1.13.27 reads the key 'directSnapshotUploads', which the chart 1.8.13 does not pass on to it",
        ),
    ]


def test_what_is_not_known_is_neither_refused_nor_lost_nor_the_same_as_another() -> None:
    values = AgentValues.from_yaml(NEWER_VALUES)

    assert AgentValues.from_yaml(values.to_yaml()) == values
    assert all(key in values.to_yaml() for key in ("topologyHints", "shards", "mesh: true", "paused: false"))
    assert AgentValues.from_yaml(NEWER_VALUES.replace("mesh: true", "mesh: false")) != values


NEWER_LOCATIONS = """\
locations:
  - location_name: etl
    container_context:
      k8s:
        run_k8s_config:
          network_config:
            mesh: true
        server_k8s_config:
          deployment_spec_config:
            paused: true
        topology: a
      nomad:
        a: b
    shards: 2
"""


def test_the_same_of_locations() -> None:
    findings = check_sources([Source("dagster_cloud.yaml", NEWER_LOCATIONS.encode())])

    assert [(str(finding.severity), finding.message) for finding in findings] == [
        ("notice", "dagster-k8s 0.29.27 does not know the key 'network_config' here"),
        ("notice", "dagster-k8s 0.29.27 does not know the key 'deployment_spec_config' here"),
        ("notice", "dagster-k8s 0.29.27 does not know the key 'topology' here"),
        ("notice", "dagster-cloud 1.13.27 does not know the key 'nomad' here"),
        ("notice", "dagster-cloud-cli 1.13.27 does not know the key 'shards' here"),
    ]
    assert DagsterCloudConfig.from_yaml(NEWER_LOCATIONS).to_yaml() == NEWER_LOCATIONS


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("workspace: {runK8sConfig: {podConfig: {}}}", "write 'podSpecConfig'"),
        ("workspace: {serverK8sConfig: {deploymentMetadatas: {}}}", "write 'deploymentMetadata'"),
        ("workspace: {failPodOnRunFailures: true}", "write 'failPodOnRunFailure'"),
        ("dagsterCloud: {allowedFullDeploymentLocation: {}}", "write 'allowedFullDeploymentLocations'"),
        ("workspace: {runK8sConfig: {hostNetwork: true}}", "write podSpecConfig: {hostNetwork: ...}"),
    ],
)
def test_what_a_slip_explains_stays_an_error(text: str, fix: str) -> None:
    (finding,) = check_values_file(text + "\n", "values.yaml")[1]

    assert (str(finding.severity), finding.fix) == ("error", fix)


def test_a_key_of_values_is_looked_for_where_the_agent_has_it() -> None:
    assert agent_reads(("workspace", "serverTTL", "fullDeployments", "ttlSeconds"))
    assert agent_reads(("dagsterCloud", "agentQueues"))
    assert not agent_reads(("dagsterCloudAgent", "replicas"))
    assert not agent_reads(("zebra",))


def test_variables_beside_k8s_are_read_by_dagster_and_not_by_the_schema_of_the_agent() -> None:
    text = dedent("""\
        locations:
          - location_name: etl
            container_context:
              env_vars: [A=b]
    """)

    (finding,) = check_sources([Source("dagster_cloud.yaml", text.encode())])

    assert (str(finding.severity), finding.code) == ("warning", "DPK340")
    assert "container_context.env_vars" not in OF_LOCATION
