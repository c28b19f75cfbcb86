"""How long `dagster-plus-k8s check` takes for a large installation, start-up included.

An agent's values and a dagster_cloud.yaml of 200 locations, each with resources for runs and code servers.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dagster_plus_k8s_helpers import K8sConfig, Resources, spot
from dagster_plus_k8s_helpers.agent.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.agent.locations import CodeLocation, DagsterCloudConfig, LocationDefaults

LOCATIONS = 200
ROUNDS = 7
VALUES = """\
dagsterCloud:
  agentQueues: {additionalQueues: [queue-0, queue-1, queue-2]}
"""


def main() -> None:
    """Print the fastest of several, beside a Python that imports what any such check must."""
    command = Path(sys.executable).parent / "dagster-plus-k8s"
    with tempfile.TemporaryDirectory() as folder:
        locations, values = Path(folder, "dagster_cloud.yaml"), Path(folder, "values.yaml")
        locations.write_text(config().to_yaml())
        values.write_text(VALUES)
        lines = locations.read_text().count("\n")
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
