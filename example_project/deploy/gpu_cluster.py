"""The Helm values of the agents of another cluster, for what needs a GPU.

dagster-plus-k8s agent values --module deploy.gpu_cluster:GPU_CLUSTER > deploy/values-gpu-cluster.yaml
"""

from dagster_plus_k8s_helpers import AgentQueues, AgentValues, ComputeLogs, DagsterCloud
from deploy import agent

GPU_CLUSTER = AgentValues(
    dagster_cloud=DagsterCloud(
        agent_token_secret_name="dagster-cloud-agent-token",  # noqa: S106 - the name of a Secret
        deployments=["prod"],
        branch_deployments=False,
        agent_label="GPU cluster",
        agent_queues=AgentQueues(include_default_queue=False, additional_queues=["gpu"]),
    ),
    dagster_cloud_agent=agent.AGENT,
    workspace=agent.WORKSPACE,
    image_pull_secrets=["registry"],
    compute_logs=ComputeLogs.dagster_plus(),
    isolated_agents=True,
    extra_manifests=agent.MANIFESTS,
)
"""The agents of another cluster, for the code locations of prod that say ``agent_queue: gpu``."""
