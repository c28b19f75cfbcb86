"""`copier update` of a project that `dagster-plus-k8s init` made, from a repository as this one is."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import copier
import pytest
from made_projects import files_of

from dagster_plus_k8s_helpers.starting.answers import Answers
from dagster_plus_k8s_helpers.starting.new_project import TEMPLATE, rendered

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="copier updates by git")


@pytest.fixture(autouse=True)
def _as_somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody's own settings of git."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "somebody")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "somebody@example.com")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run([str(shutil.which("git")), *arguments], cwd=folder, check=True, capture_output=True)


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """This one, of which copier reads two things, in two versions."""
    folder = tmp_path / "repository"
    below = folder / TEMPLATE.relative_to(ROOT)
    shutil.copytree(TEMPLATE, below)
    shutil.copy(ROOT / "copier.yml", folder)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "one")
    git(folder, "tag", "v0.1.0")
    replace(
        below / "project/src/[[ package ]]/pods.py.jinja",
        "Steps that read a table",
        "Steps that read one table",
    )
    (below / "project/src/[[ package ]]/defs/later.py.jinja").write_text('"""Of [[ package ]]."""\n')
    git(folder, "commit", "--quiet", "--all", "--message", "two")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "three")
    git(folder, "tag", "v0.2.0")
    return folder


def test_the_repository_is_the_same_template_as_the_wheel(repository: Path, tmp_path: Path) -> None:
    answers = Answers("shop", "eks", "aws", gpu=True)
    rendered(tmp_path / "of_the_wheel", answers.as_data())
    copier.run_copy(
        f"git+file://{repository}",
        tmp_path / "of_git",
        data=answers.as_data(),
        defaults=True,
        quiet=True,
        vcs_ref="v0.1.0",
    )

    of_git, of_the_wheel = files_of(tmp_path / "of_git"), files_of(tmp_path / "of_the_wheel")

    lines = of_git.pop(".copier-answers.yml").splitlines()
    assert [line for line in lines if not line.startswith("_")] == of_the_wheel.pop(
        ".copier-answers.yml"
    ).splitlines()
    assert of_git == of_the_wheel


def test_an_update_brings_what_is_new_and_keeps_what_is_yours(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "shop"
    rendered(project, {**Answers("shop").as_data(), "version": "0.1.0"})
    answers = project / ".copier-answers.yml"
    assert "_" not in answers.read_text("utf-8")
    with answers.open("a") as file:
        file.write(f"_src_path: git+file://{repository}\n_commit: v0.1.0\n")
    replace(project / "src/shop/pods.py", 'memory="4Gi"', 'memory="6Gi"')
    (project / "src/shop/defs/mine.py").write_text('"""Mine."""\n')
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "mine")
    before = files_of(project)

    monkeypatch.chdir(project)
    copier.run_update(defaults=True, overwrite=True, quiet=True)

    after = files_of(project)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {".copier-answers.yml", "src/shop/pods.py", "src/shop/defs/later.py"}
    assert "_commit: v0.2.0" in after[".copier-answers.yml"]
    assert after["src/shop/defs/later.py"] == '"""Of shop."""\n'
    assert "Steps that read one table" in after["src/shop/pods.py"]
    assert 'memory="6Gi"' in after["src/shop/pods.py"]
