"""A code location that talks too much, for ``test_redact.py``; no ``from __future__ import annotations``."""

import logging
import sys

import dagster as dg

from dagster_plus_k8s_helpers.secrets import VaultSecrets, VaultTokenAuth, redact_secrets

redact_secrets()


@dg.asset
def talkative(context: dg.AssetExecutionContext, secrets: VaultSecrets) -> None:
    password = secrets.get("talk#password").reveal()
    context.log.info("logged %s", password)
    dg.get_dagster_logger().warning(f"dagster logger {password}")
    logging.getLogger("library").error("python logging %s", password)
    print("printed", password)
    sys.stderr.write(f"stderr {password}\n")
    metadata = {"text": password, "json": {"deep": [password]}, "orders": 42}
    context.log_event(
        dg.AssetObservation("talkative", description=f"described {password}", metadata=metadata)
    )
    try:
        raise ValueError(f"cause {password}")  # noqa: TRY301  (what is being tested)
    except ValueError as failure:
        raise RuntimeError(f"failed with {password}") from failure


@dg.asset
def quiet(secrets: VaultSecrets) -> None:
    secrets.get("talk#password")


defs = dg.Definitions(
    assets=[talkative, quiet],
    jobs=[dg.define_asset_job("talk", [talkative, quiet])],
    resources={
        "secrets": VaultSecrets(
            url=dg.EnvVar("TALK_VAULT"), auth=VaultTokenAuth(token=dg.EnvVar("TALK_TOKEN"))
        )
    },
    executor=dg.multiprocess_executor.configured({"max_concurrent": 2, "start_method": {"forkserver": {}}}),
)


def talk_job() -> dg.JobDefinition:
    return defs.resolve_job_def("talk")
