"""What the template becomes, in every combination of answers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from made_projects import EVERY, SOME, files_of, modules_of, told
from packaging.requirements import Requirement

from dagster_plus_k8s_helpers import AgentValues, DagsterCloudConfig, Deployment
from dagster_plus_k8s_helpers.plan import check, plan, read_nodes
from dagster_plus_k8s_helpers.starting.answers import Answers
from dagster_plus_k8s_helpers.starting.new_project import new_project, rendered
from dagster_plus_k8s_helpers.testing import assert_fits, assert_no_findings
from scripts import generate_example

if TYPE_CHECKING:
    from collections.abc import Mapping

PROD = Deployment("full", "prod", in_cluster=True)
BIN = Path(sys.executable).parent


@pytest.mark.parametrize("answers", EVERY, ids=told)
def test_check_finds_nothing_and_every_pod_fits(answers: Answers, tmp_path: Path) -> None:
    rendered(tmp_path, answers.as_data())
    values, locations, nodes = (
        tmp_path / name for name in ("deploy/values.yaml", "dagster_cloud.yaml", "deploy/nodes.yaml")
    )
    (location,) = DagsterCloudConfig.from_yaml(locations).locations

    with modules_of(tmp_path, answers.package) as modules:
        made = modules["agent"].VALUES.to_yaml()
        prod = modules["definitions"].definitions_for(PROD)
        found = check(
            prod,
            files=[values, locations],
            agent=AgentValues.from_yaml(values),
            location=location,
            nodes=read_nodes(nodes.read_bytes(), str(nodes)),
            deployment=PROD,
        )
        nightly = plan(prod, job="nightly", deployment=PROD)

    assert values.read_text("utf-8") == made
    assert_no_findings(found)
    assert_fits(nightly, nodes)
    training = nightly.steps["forecast"].manifest["spec"]["template"]["spec"]
    assert ("nvidia.com/gpu" in training["containers"][0]["resources"]["limits"]) is answers.gpu
    assert bool(training.get("nodeSelector")) is (answers.gpu or answers.spot)


def test_nothing_of_the_template_is_left_over_and_what_is_written_is_as_ruff_writes_it(
    tmp_path: Path,
) -> None:
    for number, answers in enumerate(EVERY):
        name = "s" * 40 if number % 2 else "shop"
        rendered(tmp_path / str(number), replace(answers, name=name).as_data())

    for project in tmp_path.iterdir():
        for name, text in files_of(project).items():
            assert not any(mark in text for mark in ("[[", "[%", "[#")), name
            assert text.endswith("\n"), name
            assert not text.endswith("\n\n"), name
            if name.endswith((".yaml", ".yml")):
                assert list(yaml.safe_load_all(text)), name
        tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    for command in (["format", "--check"], ["check", "--select", "E,F,I,W,ANN,UP,B,PTH"]):
        done = subprocess.run(
            [BIN / "ruff", *command, "--no-cache", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("answers", SOME, ids=told)
def test_a_project_passes_its_own_tests_and_those_of_dg(answers: Answers, tmp_path: Path) -> None:
    project = tmp_path / answers.name
    new_project(project, answers)

    assert_succeeds(
        project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"
    )
    assert_succeeds(project, BIN / "dg", "check", "defs")


def test_a_project_passes_the_commands_of_its_readme(tmp_path: Path) -> None:
    rendered(tmp_path, Answers("shop").as_data())
    readme = (tmp_path / "README.md").read_text("utf-8")
    commands = [
        shlex.split(line)
        for line in readme.splitlines()
        if line.startswith(("dagster-plus-k8s ", "dg check"))
    ]

    assert [command[1:3] for command in commands] == [
        ["plan", "-m"],
        ["check", "-m"],
        ["check", "defs"],
        ["check", "yaml"],
    ]
    for command in commands:
        if command[:3] != ["dg", "check", "defs"]:  # as above
            assert_succeeds(tmp_path, BIN / command[0], *command[1:])


def assert_succeeds(project: Path, *command: Path | str) -> None:
    done = subprocess.run(
        command,
        cwd=project,
        env={**os.environ, "DAGSTER_DISABLE_TELEMETRY": "1", "PYTHONPATH": "src"},  # as if it were installed
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_secrets_of_a_cloud_come_as_that_cloud_gives_them(tmp_path: Path) -> None:
    def values(name: str, answers: Answers) -> str:
        rendered(tmp_path / name, answers.as_data())
        return (tmp_path / name / "deploy" / "values.yaml").read_text("utf-8")

    irsa = values("irsa", Answers("shop", "eks", "aws"))
    key = values("key", Answers("shop", "gke", "aws"))
    vault = values("vault", Answers("shop", "gke", "vault"))

    assert "eks.amazonaws.com/role-arn" in irsa
    assert "shop-aws" not in irsa
    assert "eks.amazonaws.com/role-arn" not in key
    assert "- name: shop-aws" in key
    assert "VAULT_ADDR" in vault
    assert "AWS" not in vault


def test_a_pull_request_that_is_merged_cancels_no_deployment_to_prod(tmp_path: Path) -> None:
    """github.ref of it is then the branch that it was merged into, as that of the push which deploys."""
    rendered(tmp_path, Answers("shop").as_data())
    workflow = yaml.safe_load((tmp_path / ".github" / "workflows" / "deploy.yml").read_text("utf-8"))

    assert workflow["concurrency"]["group"] == "deploy-${{ github.event.pull_request.number || github.ref }}"


def test_the_lowest_copier_has_what_is_called_of_it() -> None:
    """``copier.Settings`` is there since 9.5, and since 9.12 without a warning that it will go."""
    ours = tomllib.loads((generate_example.ROOT / "pyproject.toml").read_text("utf-8"))
    (copier,) = map(Requirement, ours["project"]["optional-dependencies"]["init"])

    assert not list(copier.specifier.filter(["9.4.1", "9.5.0", "9.11.3"]))


def test_the_example_has_what_the_template_says() -> None:
    shared = generate_example.shared()

    there = {name: (generate_example.EXAMPLE / name).read_text("utf-8") for name in shared}

    assert there == shared, "run python scripts/generate_example.py"
    assert {"flight_delays/pods.py", "deploy/agent.py", "deploy/values.yaml", "Dockerfile"} <= shared.keys()


def test_what_the_example_has_of_its_own_is_in_the_template_otherwise(tmp_path: Path) -> None:
    rendered(tmp_path, generate_example.ANSWERS)
    names = {name.removeprefix("src/"): text for name, text in files_of(tmp_path).items()}

    def in_example(name: str) -> str | None:
        path = generate_example.EXAMPLE / name
        return path.read_text("utf-8") if path.exists() else None

    assert [name for name in generate_example.OWN if name not in names] == []
    assert [name for name in generate_example.OWN if in_example(name) == names[name]] == []


def test_every_package_that_a_project_wants_is_one_that_this_one_knows(tmp_path: Path) -> None:
    ours = tomllib.loads((generate_example.ROOT / "pyproject.toml").read_text("utf-8"))
    known: set[str] = {*ours["project"]["dependencies"], *ours["dependency-groups"]["dev"]}
    for extra in ours["project"]["optional-dependencies"].values():
        known |= set(extra)

    for answers in EVERY:
        folder = tmp_path / told(answers)
        rendered(folder, answers.as_data())
        made: Mapping[str, dict[str, list[str]]] = tomllib.loads(
            (folder / "pyproject.toml").read_text("utf-8")
        )
        wanted = {*made["project"]["dependencies"], *made["dependency-groups"]["dev"]}
        assert {name for name in wanted - known if "plus-k8s-helpers" not in name} == set(), json.dumps(
            list(wanted)
        )
