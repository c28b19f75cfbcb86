"""dagster-plus-k8s agent values and agent commands."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from dagster_plus_k8s_helpers import AgentValues, DagsterCloud, Workspace
from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.files.editing.install import agent_commands

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
from dagster_plus_k8s_helpers import AgentValues, DagsterCloud
VALUES = AgentValues(dagster_cloud=DagsterCloud(deployments=["prod"]))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cli_agent.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "cli_agent", raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["agent", *arguments])


@pytest.mark.usefixtures("project")
def test_values_of_a_module_are_printed() -> None:
    result = call("values", "--module", "cli_agent:VALUES")

    assert result.output == "dagsterCloud:\n  deployments:\n    - prod\n"


@pytest.mark.usefixtures("project")
def test_a_name_that_is_not_there_is_refused_with_those_that_are() -> None:
    result = call("values", "--module", "cli_agent:VALUE")

    assert result.exit_code == 2
    assert result.output == "Error: cli_agent has no AgentValues called 'VALUE'; it has VALUES\n"


def test_each_registry_has_variables_of_its_own() -> None:
    commands = agent_commands(AgentValues(image_pull_secrets=["team-a", "ghcr.io"]), "values.yaml")

    assert (
        "# Registries to pull images from: export REGISTRY_TEAM_A, REGISTRY_TEAM_A_USER and "
        "REGISTRY_TEAM_A_PASSWORD; REGISTRY_GHCR_IO, REGISTRY_GHCR_IO_USER and REGISTRY_GHCR_IO_PASSWORD\n"
        "kubectl --namespace dagster-cloud create secret docker-registry team-a \\\n"
        '  --docker-server="$REGISTRY_TEAM_A" --docker-username="$REGISTRY_TEAM_A_USER" '
        '--docker-password="$REGISTRY_TEAM_A_PASSWORD" \\\n'
        "  --dry-run=client --output yaml | kubectl --namespace dagster-cloud apply --server-side --force-conflicts --filename -\n"
        "kubectl --namespace dagster-cloud create secret docker-registry ghcr.io \\\n"
        '  --docker-server="$REGISTRY_GHCR_IO" --docker-username="$REGISTRY_GHCR_IO_USER" '
        '--docker-password="$REGISTRY_GHCR_IO_PASSWORD" \\\n'
        "  --dry-run=client --output yaml | kubectl --namespace dagster-cloud apply --server-side --force-conflicts --filename -\n"
    ) in commands


def test_the_commands_for_the_defaults() -> None:
    assert agent_commands(AgentValues(), "values.yaml") == (
        "# Namespace of the agent\n"
        "kubectl create namespace dagster-cloud --dry-run=client --output yaml | kubectl apply --server-side --force-conflicts --filename -\n"
        "\n"
        "# Agent token: make one in Dagster+ under Organization settings, Tokens, and export DAGSTER_CLOUD_AGENT_TOKEN\n"
        "kubectl --namespace dagster-cloud create secret generic dagster-cloud-agent-token \\\n"
        '  --from-literal=DAGSTER_CLOUD_AGENT_TOKEN="$DAGSTER_CLOUD_AGENT_TOKEN" --dry-run=client --output yaml \\\n'
        "  | kubectl --namespace dagster-cloud apply --server-side --force-conflicts --filename -\n"
        "\n"
        "# Chart repository\n"
        "helm repo add dagster-cloud https://dagster-io.github.io/helm-user-cloud\n"
        "helm repo update dagster-cloud\n"
        "\n"
        "# What the chart would refuse\n"
        "helm --namespace dagster-cloud upgrade --install agent dagster-cloud/dagster-cloud-agent --values values.yaml --dry-run\n"
        "\n"
        "# Install, and wait for the agents to be ready\n"
        "helm --namespace dagster-cloud upgrade --install agent dagster-cloud/dagster-cloud-agent --values values.yaml --wait --timeout 15m\n"
        "\n"
        "# Upgrade the chart, or apply changed values\n"
        "helm repo update dagster-cloud\n"
        "helm search repo dagster-cloud/dagster-cloud-agent\n"
        "helm --namespace dagster-cloud upgrade --install agent dagster-cloud/dagster-cloud-agent --values values.yaml --wait --timeout 15m\n"
        "\n"
        "# Back to the release before\n"
        "helm --namespace dagster-cloud rollback agent\n"
        "\n"
        "# Logs\n"
        "kubectl --namespace dagster-cloud logs --selector deployment=agent --all-containers --prefix --tail=200 --follow\n"
        "\n"
        "# Health\n"
        "helm --namespace dagster-cloud status agent\n"
        "helm --namespace dagster-cloud get values agent\n"
        "kubectl --namespace dagster-cloud get pods --selector deployment=agent --output wide\n"
        "kubectl --namespace dagster-cloud get events --sort-by=.lastTimestamp\n"
    )


def test_the_names_are_those_of_the_values(tmp_path: Path) -> None:
    file = tmp_path / "my values.yaml"
    values = AgentValues(
        dagster_cloud=DagsterCloud(agent_token_secret_name="token"),
        image_pull_secrets=["regcred"],
        workspace=Workspace(namespace="code", env_secrets=["warehouse"]),
    )
    file.write_text(values.to_yaml())

    result = call("commands", "--values", str(file), "--namespace", "agents", "--release", "blue")

    assert result.exit_code == 0, result.output
    lines = result.output.split("\n")
    for line in (
        "kubectl create namespace agents --dry-run=client --output yaml | kubectl apply --server-side --force-conflicts --filename -",
        "kubectl create namespace code --dry-run=client --output yaml | kubectl apply --server-side --force-conflicts --filename -",
        "kubectl --namespace agents create secret generic token \\",
        "kubectl --namespace code create secret generic token \\",
        "kubectl --namespace code create secret docker-registry regcred \\",
        "kubectl --namespace code get secret warehouse",
        f"helm --namespace agents upgrade --install blue dagster-cloud/dagster-cloud-agent --values '{file}' --dry-run",
    ):
        assert line in lines
    subprocess.run(["/bin/sh", "-n", "-c", result.output], check=True)


def test_a_token_value_needs_no_secret_and_is_not_printed() -> None:
    values = AgentValues(dagster_cloud=DagsterCloud(agent_token_value="agent:acme:1"))

    shown = agent_commands(values, "values.yaml")

    assert "create secret generic" not in shown
    assert "agent:acme:1" not in shown


def test_values_with_mistakes_get_no_commands(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("isolatedAgents: true\n")

    result = call("commands", "--values", str(file))

    assert result.exit_code == 2
    assert result.output == (
        f"Error: {file}:1:17 isolatedAgents: error DPK201: must be a mapping, not true or false; "
        "write isolatedAgents: {enabled: true}\n"
    )


def test_a_version_of_the_chart_is_pinned_wherever_it_is_installed(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("{}\n")

    result = call("commands", "--values", str(file), "--chart-version", "1.13.27")

    installs = [line for line in result.output.split("\n") if "upgrade --install" in line]
    assert len(installs) == 3
    assert all("/dagster-cloud-agent --version 1.13.27 --values " in line for line in installs)


def test_a_release_is_as_long_as_helm_takes_it(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("{}\n")

    longest = call("commands", "--values", str(file), "--release", "a" * 53)
    longer = call("commands", "--values", str(file), "--release", "a" * 54)

    assert longest.exit_code == 0
    assert longer.output == f"Error: release '{'a' * 54}' has 54 letters, and Helm takes 53\n"


def test_a_namespace_that_kubernetes_refuses_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("{}\n")

    result = call("commands", "--values", str(file), "--namespace", "My_Space; rm")

    assert result.exit_code == 2
    assert result.output.startswith("Error: namespace 'My_Space; rm' must be at most 63 of a-z")


def test_the_commands_import_neither_dagster_nor_kubernetes(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("{}\n")
    code = (
        "import sys\n"
        "from dagster_plus_k8s_helpers.cli import main\n"
        f"main(['agent', 'commands', '--values', {str(file)!r}], standalone_mode=False)\n"
        "print([name for name in ('dagster', 'kubernetes') if name in sys.modules], file=sys.stderr)\n"
    )

    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert ran.stderr.strip() == "[]"
