"""The Helm values of the agents that run this project.

dagster-plus-k8s agent values --module deploy.agent:VALUES > deploy/values.yaml
"""

from flight_delays import pods

from dagster_plus_k8s_helpers import (
    AgentImage,
    AgentValues,
    BranchDeploymentTTL,
    ComputeLogs,
    DagsterCloud,
    DagsterCloudAgent,
    K8sConfig,
    Resources,
    SecretEnvSource,
    ServerTTL,
    Workspace,
)
from dagster_plus_k8s_helpers.manifests import START_PODS, START_STEPS, role, service_account

SERVICE_ACCOUNT = "flight-delays"
"""Under which every pod of the project runs; Vault and the cluster know it by this name."""

SERVER = K8sConfig(resources=Resources(cpu=("250m", "1"), memory="1Gi"))
"""A code server: it loads the definitions and evaluates schedules."""

KEPT_FOR_A_DAY = K8sConfig(ttl_seconds_after_finished=24 * 60 * 60)
"""Finished runs stay long enough to be looked at the next morning."""

AGENT = DagsterCloudAgent.without_downtime(
    replicas=2,
    image=AgentImage(tag="1.13.27"),  # not newer than the chart; upgrade both together
    resources=Resources(cpu=("250m", "1"), memory="1Gi"),
)

WORKSPACE = Workspace(
    service_account_name=SERVICE_ACCOUNT,
    env_vars={"VAULT_ADDR": "https://vault.example.com:8200"},
    env_secrets=[SecretEnvSource("flight-delays-env", optional=True)],
    run_k8s_config=pods.RUN | KEPT_FOR_A_DAY,
    server_k8s_config=SERVER,
    # Branch deployments are looked at for an hour and then forgotten; the next click starts them again.
    server_ttl=ServerTTL(branch_deployments=BranchDeploymentTTL(ttl_seconds=3600), max_servers=10),
    # What pods.py sets, and nothing by which a branch could become another service account.
    only_allow_user_defined_k8s_config_fields=[
        "annotations",
        "env",
        "labels",
        "node_selector",
        "pod_security_context",
        "resources",
        "tolerations",
        "volume_mounts",
        "volumes",
    ],
)

MANIFESTS = (
    service_account(SERVICE_ACCOUNT),
    *role("flight-delays-steps", *START_STEPS, *START_PODS, service_account=SERVICE_ACCOUNT),
)

VALUES = AgentValues(
    dagster_cloud=DagsterCloud(
        agent_token_secret_name="dagster-cloud-agent-token",  # noqa: S106 - the name of a Secret
        deployments=["prod"],
        branch_deployments=True,
        agent_label="main cluster",
    ),
    dagster_cloud_agent=AGENT,
    workspace=WORKSPACE,
    image_pull_secrets=["registry"],
    compute_logs=ComputeLogs.dagster_plus(),
    # The agents of two clusters cannot end each other's runs, so Dagster+ must not ask them to.
    isolated_agents=True,
    extra_manifests=MANIFESTS,
)
"""The agents of the main cluster: prod, and every branch deployment."""
