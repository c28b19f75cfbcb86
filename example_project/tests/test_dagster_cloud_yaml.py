"""dagster_cloud.yaml says what the project means, and the platform takes it."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from flight_delays import pods

from dagster_plus_k8s_helpers import CodeLocation, DagsterCloudConfig
from dagster_plus_k8s_helpers.cli import main

PROJECT = Path(__file__).parent.parent
FILE = PROJECT / "dagster_cloud.yaml"
WORKFLOW = PROJECT / ".github" / "workflows" / "deploy.yml"


@pytest.fixture
def location() -> CodeLocation:
    (found,) = DagsterCloudConfig.from_yaml(FILE).locations
    return found


def test_check_finds_nothing() -> None:
    result = CliRunner().invoke(main, ["check", str(FILE), "--fail-on", "warning"])

    assert result.output == "nothing found\n"


def test_check_of_the_whole_project_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.delitem(sys.modules, "flight_delays.definitions", raising=False)  # to be loaded as in prod
    given = ["-m", "flight_delays.definitions", "--agent", "deploy/values.yaml", "--location", FILE.name]
    given += ["--nodes", "deploy/nodes.yaml", "--kubernetes-version", "1.31"]

    result = CliRunner().invoke(main, ["check", *given, "--fail-on", "warning"])

    assert (result.output, result.exit_code) == ("nothing found\n", 0)


def test_dagster_plus_reads_it() -> None:
    from dagster_cloud_cli.config.models import load_dagster_cloud_yaml

    assert load_dagster_cloud_yaml(FILE.read_text()).locations[0].location_name == "flight_delays"


def test_the_module_has_definitions(location: CodeLocation) -> None:
    assert location.code_source is not None
    assert hasattr(importlib.import_module(str(location.code_source.module_name)), "defs")


def test_a_run_pod_has_the_size_that_pods_has_for_it(location: CodeLocation) -> None:
    assert location.container_context is not None
    assert location.container_context.k8s is not None
    assert location.container_context.k8s.run_k8s_config is not None
    assert location.container_context.k8s.run_k8s_config.resources == pods.RUN.resources


def test_dagster_takes_its_container_context() -> None:
    from dagster_k8s.container_context import K8sContainerContext

    context = yaml.safe_load(FILE.read_text())["locations"][0]["container_context"]

    merged = K8sContainerContext.create_from_config(context)

    assert merged.server_k8s_config.container_config["resources"]["limits"]["memory"] == "1Gi"
    assert merged.server_k8s_config.pod_template_spec_metadata == {"labels": {"component": "code-server"}}


def test_the_workflow_names_every_action_with_its_version_and_holds_no_secret() -> None:
    workflow = yaml.safe_load(WORKFLOW.read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]

    actions = [step["uses"] for step in steps if "uses" in step]
    assert [action for action in actions if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", action)] == []
    check = (
        "dagster-plus-k8s check -m flight_delays.definitions --agent deploy/values.yaml "
        "--location dagster_cloud.yaml deploy/values*.yaml --nodes deploy/nodes.yaml "
        "--kubernetes-version 1.31 --format github"
    )
    assert check in [step.get("run") for step in steps]
    assert re.findall(r"(?:TOKEN|PASSWORD|password): (?!\$\{\{)", WORKFLOW.read_text()) == []
