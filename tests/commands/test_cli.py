"""The command dagster-plus-k8s."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from dagster_plus_k8s_helpers import K8sConfig, Resources, gpu
from dagster_plus_k8s_helpers.cli import main

TRAIN = K8sConfig(resources=Resources(cpu=("2", "4"), memory="16Gi")) | gpu(1)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cli_pods.py").write_text(
        "from dagster_plus_k8s_helpers import K8sConfig, Resources, gpu\n"
        "TRAIN = K8sConfig(resources=Resources(cpu=('2', '4'), memory='16Gi')) | gpu(1)\n"
        "SHORT = K8sConfig(ttl_seconds_after_finished=60)\n"
    )
    (tmp_path / "broken.py").write_text(
        "from dagster_plus_k8s_helpers import k8s_tags\nTRAIN = k8s_tags(memory='512m')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "cli_pods", raising=False)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "rendered"),
    [
        ([], TRAIN.tags),
        (["--as", "tags"], TRAIN.tags),
        (["--as", "container-context"], {"container_context": TRAIN.container_context()}),
        (
            ["--as", "container-context", "--pods", "both"],
            {"container_context": TRAIN.container_context("run", "server")},
        ),
        (["--as", "helm-values", "--pods", "server"], TRAIN.helm_values("server")),
        (["--as", "pod-spec"], TRAIN.pod_spec()),
    ],
)
def test_render_prints_a_config_as_yaml(arguments: list[str], rendered: object) -> None:
    result = call("render", "cli_pods:TRAIN", *arguments)

    assert result.exit_code == 0, result.output
    assert yaml.safe_load(result.output) == rendered


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cli_pods"], "'cli_pods' must be MODULE:NAME, such as my_project.pods:TRAIN"),
        (["cli_pods:TRAN"], "cli_pods has no K8sConfig called 'TRAN'; it has TRAIN, SHORT"),
        (["json:loads"], "json has no K8sConfig called 'loads'; it has none"),
        (
            ["no_such_module:X"],
            "cannot import 'no_such_module': ModuleNotFoundError: No module named 'no_such_module'",
        ),
        (["./cli_pods.py:TRAIN"], "cannot import './cli_pods.py'; write it as Python imports it"),
        (["broken:TRAIN"], "cannot import 'broken': K8sConfigError: memory: 512m is 0.512 bytes"),
        (["broken:TRAIN"], "(broken.py, line 2)"),
        (
            ["cli_pods:TRAIN", "--pods", "both"],
            "--pods goes with --as container-context and --as helm-values",
        ),
        (["cli_pods:SHORT", "--as", "pod-spec"], "a pod outside a Job has no ttl_seconds_after_finished"),
        (["cli_pods:SHORT", "--as", "helm-values", "--pods", "both"], "a code server is no Job"),
    ],
)
def test_render_says_what_is_wrong(arguments: list[str], message: str) -> None:
    result = call("render", *arguments)

    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


def test_the_command_is_installed(project: Path) -> None:
    command = Path(sys.executable).parent / "dagster-plus-k8s"

    output = subprocess.run(
        [command, "render", "cli_pods:TRAIN"], check=True, capture_output=True, cwd=project
    )

    assert yaml.safe_load(output.stdout) == TRAIN.tags
