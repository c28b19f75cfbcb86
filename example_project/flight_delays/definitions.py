"""The code location: what Dagster loads, on a laptop and in the cluster alike."""

from pathlib import Path

import dagster as dg

from dagster_plus_k8s_helpers import (
    Deployment,
    EnvSecrets,
    SecretsResource,
    VaultKubernetesAuth,
    VaultSecrets,
    current_deployment,
    executor_for_deployment,
    k8s_executor,
    secrets_for_deployment,
)
from flight_delays import assets, checks, jobs, pods, schedules
from flight_delays.scripts import Scripts

DEVELOPMENT_SECRETS = EnvSecrets(env_file=str(Path(__file__).parent / "development.env"))


def definitions_for(
    deployment: Deployment, development_secrets: SecretsResource = DEVELOPMENT_SECRETS
) -> dg.Definitions:
    """Everything, as it is in one deployment; a test asks for prod's without being there."""
    at_home = deployment.kind == "local"
    return dg.Definitions(
        assets=dg.load_assets_from_package_module(assets),
        asset_checks=dg.load_asset_checks_from_modules([checks]),
        jobs=[jobs.nightly, jobs.monthly_reports],
        schedules=[schedules.every_night],
        executor=executor_for_deployment(
            local=dg.multiprocess_executor,
            default=k8s_executor(max_concurrent=10, step_config=pods.STORAGE),
            deployment=deployment,
        ),
        resources={
            # Pods share no disk but the one that pods.STORAGE mounts; at home DAGSTER_HOME will do.
            "io_manager": dg.FilesystemIOManager(base_dir=None if at_home else pods.STORAGE_PATH),
            # A pod is not enough: tests may run in one that belongs to the CI.
            "scripts": Scripts(in_cluster=deployment.in_cluster and not at_home),
            # Each pod logs in with the token of its own service account: no credential to hand out.
            "secrets": secrets_for_deployment(
                local=development_secrets,
                default=VaultSecrets(
                    url=dg.EnvVar("VAULT_ADDR"), auth=VaultKubernetesAuth(role="flight-delays")
                ),
                deployment=deployment,
            ),
        },
    )


defs = definitions_for(current_deployment())
