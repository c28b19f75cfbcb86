"""Which deployment this is, and the executor that goes with it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import (
    Deployment,
    DeploymentError,
    EnvSecrets,
    FileSecrets,
    current_deployment,
    executor_for_deployment,
    secrets_for_deployment,
)

PROD = {
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": "prod",
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "0",
    "DAGSTER_CLOUD_LOCATION_NAME": "etl",
    "DAGSTER_CLOUD_GIT_SHA": "abc",
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
}
BRANCH = {
    "DAGSTER_CLOUD_DEPLOYMENT_NAME": "12ab",
    "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "1",
    "DAGSTER_CLOUD_GIT_BRANCH": "feature",
    "DAGSTER_CLOUD_PULL_REQUEST_ID": "7",
}


@pytest.mark.parametrize(
    ("environ", "deployment"),
    [
        ({}, Deployment("local")),
        ({"DAGSTER_CLOUD_DEPLOYMENT_NAME": ""}, Deployment("local")),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, Deployment("local", in_cluster=True)),
        (PROD, Deployment("full", "prod", in_cluster=True, location_name="etl", git_sha="abc")),
        (BRANCH, Deployment("branch", "12ab", git_branch="feature", pull_request_id="7")),
        ({**BRANCH, "DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT": "true"}, Deployment("branch", "12ab", git_branch="feature", pull_request_id="7")),
    ],
)  # fmt: skip
def test_the_environment_tells_the_deployment(environ: dict[str, str], deployment: Deployment) -> None:
    assert current_deployment(environ) == deployment


def test_the_process_environment_is_read_when_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PROD.items():
        monkeypatch.setenv(name, value)

    assert current_deployment().name == "prod"


def named(name: str) -> dg.ExecutorDefinition:
    @dg.executor(name=name)
    def definition(_context: dg.InitExecutorContext) -> Any: ...

    return definition


LOCAL, BRANCHES, PRODUCTION, DEFAULT = map(named, ["local", "branches", "production", "default"])


@pytest.mark.parametrize(
    ("deployment", "given", "picked"),
    [
        (Deployment("local"), {"local": LOCAL, "default": DEFAULT}, LOCAL),
        (Deployment("local"), {"branch": BRANCHES, "default": DEFAULT}, DEFAULT),
        (Deployment("branch", "b"), {"branch": BRANCHES, "default": DEFAULT}, BRANCHES),
        (Deployment("branch", "b"), {"local": LOCAL, "default": DEFAULT}, DEFAULT),
        (Deployment("branch", "b"), {"branch": BRANCHES, "deployments": {"b": PRODUCTION}}, PRODUCTION),
        (Deployment("full", "prod"), {"deployments": {"prod": PRODUCTION}, "default": DEFAULT}, PRODUCTION),
        (Deployment("full", "data"), {"deployments": {"prod": PRODUCTION}, "default": DEFAULT}, DEFAULT),
    ],
)
def test_the_most_specific_executor_given_is_picked(
    deployment: Deployment, given: dict[str, Any], picked: dg.ExecutorDefinition
) -> None:
    assert executor_for_deployment(**given, deployment=deployment) is picked


@pytest.mark.parametrize(
    ("deployment", "given", "message"),
    [
        (
            Deployment("local"),
            {},
            "no executor was given for running locally; add local=... or default=...",
        ),
        (
            Deployment("branch", "b"),
            {"local": LOCAL},
            "no executor was given for the branch deployment 'b', only local=...; add deployments={'b': ...} or "
            "branch=... or default=...",
        ),
        (
            Deployment("full", "data"),
            {"branch": BRANCHES, "deployments": {"prod": PRODUCTION}},
            "no executor was given for the full deployment 'data', only branch=... and deployments['prod']; add "
            "deployments={'data': ...} or default=...",
        ),
    ],
)
def test_a_deployment_nothing_was_given_for_is_named(
    deployment: Deployment, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(DeploymentError) as refusal:
        executor_for_deployment(**given, deployment=deployment)

    assert str(refusal.value) == message


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Deployment("prod"), "'prod' is no kind of deployment; write one of local, branch, full"),
        (lambda: Deployment("full"), "a full deployment needs a name"),
        (lambda: Deployment("local", "prod"), "a local deployment has no name"),
        (
            lambda: executor_for_deployment(default=DEFAULT, deployment="prod"),
            "deployment='prod' must be a Deployment",
        ),
        (lambda: executor_for_deployment(deployments=[DEFAULT]), "must map names, such as {'prod': ...}"),
    ],
)
def test_nonsense_is_refused(make: Any, message: str) -> None:
    with pytest.raises(DeploymentError) as refusal:
        make()

    assert message in str(refusal.value)


def test_definitions_load_without_a_cluster_and_without_a_kubeconfig(tmp_path: Any) -> None:
    code = """
import sys
import dagster as dg
from dagster_plus_k8s_helpers import executor_for_deployment, k8s_executor

@dg.asset
def one(): ...

k8s = k8s_executor(max_concurrent=5)
local = executor_for_deployment(local=dg.multiprocess_executor, default=k8s)
dg.Definitions.validate_loadable(dg.Definitions(assets=[one], executor=local))
assert "dagster_k8s" not in sys.modules, "an executor that is not picked costs its import"
picked = dg.Definitions(assets=[one], executor=executor_for_deployment(default=k8s))
dg.Definitions.validate_loadable(picked)
assert picked.resolve_implicit_global_asset_job_def().executor_def.config_schema.as_field()
assert "dagster_k8s" in sys.modules
"""
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "KUBECONFIG": str(tmp_path / "missing")}

    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def test_secrets_are_picked_as_executors_are() -> None:
    home, vault = EnvSecrets(), FileSecrets(directory="/etc/secrets")

    assert secrets_for_deployment(local=home, default=vault, deployment=Deployment("local")) is home
    assert secrets_for_deployment(local=home, default=vault, deployment=Deployment("full", "prod")) is vault
    assert secrets_for_deployment(local=home) is home
    with pytest.raises(DeploymentError, match="no secrets resource was given for the branch deployment 'b'"):
        secrets_for_deployment(local=home, deployment=Deployment("branch", "b"))
