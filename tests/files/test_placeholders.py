"""Values that a template, a pipeline or a shell fills in: nothing is said of what they are not yet."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers import InvalidFileError, K8sConfigError, K8sContainerContext
from dagster_plus_k8s_helpers.check.files.sources import Source, check_sources
from dagster_plus_k8s_helpers.files.locations.locations import DagsterCloudConfig

OF_LOCATIONS = [
    'namespace: "${NS}"',
    'service_account_name: "{{ account }}"',
    "service_account_name: __ACCOUNT__",
    'labels: {version: "${VERSION}", "${KEY}": a}',
    'env_vars: ["${MORE}", "A=${B}"]',
    'env_secrets: ["%SECRET%"]',
    'image_pull_policy: "$(Policy)"',
    'resources: {limits: {cpu: "${CPU}", memory: "${{ vars.MEMORY }}"}, requests: {cpu: "2"}}',
    'resources: "${RESOURCES}"',
    'server_replica_count: "${REPLICAS}"',
    'volumes: [{name: "${VOLUME}", emptyDir: {}}]',
    'run_k8s_config: {container_config: {image: "${IMAGE}"}}',
    'run_k8s_config: {pod_spec_config: {termination_grace_period_seconds: "${GRACE}"}}',
    'run_k8s_config: {job_spec_config: {ttl_seconds_after_finished: "${TTL}"}}',
]
OF_VALUES = [
    "dagsterCloud: {agentTokenSecretName: $AGENT_TOKEN_SECRET}",
    'dagsterCloudAgent: {replicas: "${REPLICAS}"}',
    'dagsterCloudAgent: {image: {repository: "${REPOSITORY}", tag: "${TAG}"}}',
    'imagePullSecrets: [{name: "${PULL}"}]',
    'workspace: {namespace: "${NS}"}',
    'workspace: {envVars: ["${MORE}"]}',
    'workspace: {serverTTL: {fullDeployments: {enabled: true, ttlSeconds: "${TTL}"}}}',
    'workspace: {resources: {limits: {cpu: "${CPU}"}}}',
    'workspace: {runK8sConfig: {podSpecConfig: {terminationGracePeriodSeconds: "${GRACE}"}}}',
]


def codes(name: str, text: str) -> list[str]:
    return [finding.code for finding in check_sources([Source(name, text.encode())])]


def location(k8s: str) -> str:
    return f"locations:\n  - location_name: a\n    container_context:\n      k8s:\n        {k8s}\n"


@pytest.mark.parametrize("k8s", OF_LOCATIONS)
def test_nothing_is_said_of_what_is_filled_into_a_location(k8s: str) -> None:
    assert codes("dagster_cloud.yaml", location(k8s)) == []


@pytest.mark.parametrize("text", OF_VALUES)
def test_nothing_is_said_of_what_is_filled_into_values(text: str) -> None:
    assert codes("values.yaml", text) == []


def test_a_queue_that_is_filled_in_may_be_served() -> None:
    values = Source("values.yaml", b"dagsterCloud: {agentQueues: {additionalQueues: [prod]}}")
    locations = Source("dagster_cloud.yaml", b"locations: [{location_name: a, agent_queue: '${QUEUE}'}]")

    assert check_sources([values, locations]) == []


@pytest.mark.parametrize(
    ("k8s", "code"),
    [
        ("{namespace: Bad, labels: {a: '${A}'}}", "DPK301"),
        ("{volumes: [{name: '${A}', emptyDir: {}}, {name: '${A}', emptyDir: {}}]}", "DPK504"),
        ("{run_k8s_config: {container_config: {image: 'ghcr.io/Acme/etl:${TAG}'}}}", "DPK301"),
    ],
)
def test_what_is_wrong_whatever_is_filled_in_is_still_found(k8s: str, code: str) -> None:
    assert codes("container_context.yaml", f"k8s: {k8s}") == [code]


@pytest.mark.parametrize(
    ("name", "code"), [("dagster_cloud.yaml", "DPK301"), ("values.yaml", "DPK213"), ("build.yaml", "DPK301")]
)
def test_a_file_that_is_all_text_is_none_whatever_is_filled_in(name: str, code: str) -> None:
    assert codes(name, "'{{ all.of.it }}'") == [code]


def test_objects_hold_no_placeholders() -> None:
    with pytest.raises(K8sConfigError, match=r"namespace: '\$\{NS\}' must be"):
        K8sContainerContext(namespace="${NS}")
    with pytest.raises(InvalidFileError, match=r"DPK301: '\$\{NS\}' must be"):
        DagsterCloudConfig.from_yaml(location('namespace: "${NS}"'))
