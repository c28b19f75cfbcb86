"""How long `dagster-plus-k8s check` takes for a large installation, start-up included.

An agent's values and a dagster_cloud.yaml of 200 locations, each with resources for runs and code servers.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dagster_plus_k8s_helpers import (
    AgentQueues,
    AgentValues,
    ComputeLogs,
    DagsterCloud,
    DagsterCloudAgent,
    K8sConfig,
    Resources,
    SecretEnvSource,
    Toleration,
    Volume,
    Workspace,
    spot,
)
from dagster_plus_k8s_helpers.agent.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.agent.locations import CodeLocation, DagsterCloudConfig, LocationDefaults
from dagster_plus_k8s_helpers.agent.manifests import START_STEPS, role, service_account

LOCATIONS = 200
ROUNDS = 7
VALUES = AgentValues(
    image_pull_secrets=["registry"],
    dagster_cloud=DagsterCloud(
        agent_token_secret_name="dagster-cloud-agent-token",  # noqa: S106 - the name of a Secret
        deployments=["prod", "staging"],
        branch_deployments=True,
        agent_queues=AgentQueues(additional_queues=["queue-0", "queue-1", "queue-2"]),
    ),
    dagster_cloud_agent=DagsterCloudAgent.without_downtime(
        resources=Resources(cpu=("250m", "1"), memory="1Gi"),
        env={"LEVEL": "info"},
        node_selector={"pool": "platform"},
        tolerations=[Toleration("platform", effect="NoSchedule")],
    ),
    workspace=Workspace(
        service_account_name="dagster",
        env_vars={f"VARIABLE_{number}": str(number) for number in range(20)},
        env_secrets=[SecretEnvSource("warehouse"), SecretEnvSource("tuning", optional=True)],
        labels={"team": "data"},
        volumes=[Volume.secret("tls", "/etc/tls")],
        run_k8s_config=K8sConfig(resources=Resources(cpu=("1", "2"), memory="4Gi")) | spot("gke"),
        server_k8s_config=K8sConfig(resources=Resources(cpu="250m", memory="1Gi")),
        only_allow_user_defined_k8s_config_fields=[
            *(
                "resources",
                "env",
                "env_from",
                "labels",
                "node_selector",
                "service_account_name",
                "tolerations",
            )
        ],
    ),
    compute_logs=ComputeLogs(enabled=True),
    extra_manifests=[
        service_account("dagster"),
        *role("start-steps", *START_STEPS, service_account="dagster"),
    ],
)
"""An agent as in production: two replicas, a locked-down workspace, an account with its rights."""


def main() -> None:
    """Print the fastest of several, beside a Python that imports what any such check must."""
    command = Path(sys.executable).parent / "dagster-plus-k8s"
    with tempfile.TemporaryDirectory() as folder:
        locations, values = Path(folder, "dagster_cloud.yaml"), Path(folder, "values.yaml")
        locations.write_text(config().to_yaml())
        values.write_text(VALUES.to_yaml())
        lines = sum(file.read_text().count("\n") for file in (locations, values))
        checked = fastest(str(command), "check", str(locations), str(values))
    print(f"check of {LOCATIONS} locations in {lines} lines {checked * 1000:8.0f} ms")
    print(f"import yaml, pydantic, click alone {fastest(sys.executable, '-c', IMPORTS) * 1000:17.0f} ms")


IMPORTS = "import yaml, pydantic, click"


def config() -> DagsterCloudConfig:
    """The locations."""
    return DagsterCloudConfig(
        defaults=LocationDefaults(container_context=K8sContainerContext(env_secrets=["common"])),
        locations=tuple(location(number) for number in range(LOCATIONS)),
    )


def location(number: int) -> CodeLocation:
    """One of them."""
    run = K8sConfig(resources=Resources(cpu=("1", "2"), memory="4Gi"), labels={"team": f"team-{number}"})
    context = K8sContainerContext(
        env_vars=[f"LOCATION={number}", "LEVEL=info"],
        service_account_name=f"location-{number}",
        run_k8s_config=run | spot("gke"),
        server_k8s_config=K8sConfig(resources=Resources(cpu="250m", memory="1Gi")),
    )
    return CodeLocation.from_dict(
        {
            "location_name": f"location-{number}",
            "code_source": {"module_name": f"team_{number}.definitions"},
            "image": f"registry.example.com/team-{number}:1.0",
            "container_context": {"k8s": context.to_dict()},
            "agent_queue": f"queue-{number % 3}",
        }
    )


def fastest(*command: str) -> float:
    """Seconds that the command takes, the least of several rounds."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return min(taken)


if __name__ == "__main__":
    main()
