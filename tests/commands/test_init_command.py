"""The command dagster-plus-k8s init."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from made_projects import files_of

from dagster_plus_k8s_helpers.cli import main
from dagster_plus_k8s_helpers.starting import new_project

COMMAND = str(Path(sys.executable).with_name("dagster-plus-k8s"))


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def _without_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """The snapshot takes a process that loads the definitions; tests/starting looks at what comes of it."""
    monkeypatch.setattr(new_project, "write_snapshot", lambda *_: None)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


def answers(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path(folder, ".copier-answers.yml").read_text("utf-8"))
    return found


def test_yes_takes_the_defaults_and_says_what_to_do_next() -> None:
    result = call("shop-orders", "--yes")

    assert (result.exit_code, result.output) == (
        0,
        "made shop-orders in shop-orders; next:\n"
        "  cd shop-orders && pip install --editable . --group dev\n"
        "  pytest\n"
        "  dg dev\n",
    )
    assert answers("shop-orders") == {
        "name": "shop-orders",
        "cloud": "gke",
        "secrets": "kubernetes",
        "gpu": False,
        "spot": False,
    }
    assert Path("shop-orders/src/shop_orders/definitions.py").exists()
    assert Path("shop-orders/tests/snapshots/nightly.yaml").read_text("utf-8").startswith("# run of nightly")
    assert [item.name for item in Path().iterdir()] == ["shop-orders"]


@pytest.mark.usefixtures("_without_snapshot")
def test_every_question_is_an_option(tmp_path: Path) -> None:
    result = call("here", "--name", "shop", "--cloud", "aks", "--secrets", "vault", "--gpu", "--spot")

    assert result.exit_code == 0, result.output
    assert answers("here") == {"name": "shop", "cloud": "aks", "secrets": "vault", "gpu": True, "spot": True}
    assert str(tmp_path) not in "".join(files_of(tmp_path / "here").values())


@pytest.mark.usefixtures("_without_snapshot")
def test_the_working_folder_with_a_new_repository_will_do() -> None:
    Path(".git").mkdir()

    result = call(".", "--name", "shop", "--yes")

    assert result.output.splitlines() == [
        "made shop in .; next:",
        "  pip install --editable . --group dev",
        "  pytest",
        "  dg dev",
    ]
    assert Path("src/shop/pods.py").exists()


def test_without_a_terminal_and_without_yes_it_says_which_options_are_missing() -> None:
    some = call("shop", "--cloud", "eks", "--no-gpu")
    none = call("shop")

    assert some.exit_code == none.exit_code == 2
    assert some.output.endswith(
        "Error: there is no terminal to ask on; give --name, --secrets, --spot or --no-spot, "
        "or --yes for the defaults\n"
    )
    assert "give --name, --cloud, --secrets, --gpu or --no-gpu, --spot or --no-spot, or --yes" in none.output
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.txt"], "shop is not empty, it has a.txt; name a new folder"),
        (
            ["a", "b", "c", "d", "e", "f", "g"],
            "shop is not empty, it has a, b, c, d, e and 2 more; name a new folder",
        ),
    ],
)
def test_a_folder_that_is_not_empty_is_refused(files: list[str], message: str) -> None:
    Path("shop").mkdir()
    for name in files:
        Path("shop", name).touch()

    result = call("shop", "--yes")

    assert (result.exit_code, result.output) == (2, f"Error: {message}\n")
    assert sorted(item.name for item in Path("shop").iterdir()) == files


def test_a_file_is_no_folder() -> None:
    Path("shop").touch()

    result = call("shop", "--yes")

    assert result.exit_code == 2
    assert "Directory 'shop' is a file" in result.output


def test_existing_takes_no_answers() -> None:
    result = call("--existing", "--gpu", "--name", "shop", "--yes")

    assert result.exit_code == 2
    assert "Error: --existing makes nothing; leave out --name, --gpu or --no-gpu, --yes\n" in result.output


def test_without_a_folder_it_says_what_to_give() -> None:
    result = call("--yes")

    assert result.exit_code == 2
    assert "Error: give the DIR to make, or --existing for what is in the working folder\n" in result.output


def test_a_name_that_will_not_do_is_refused_before_anything_is_asked() -> None:
    result = call("shop", "--name", "queue")

    assert result.exit_code == 2
    assert "the name 'queue' is a module of Python" in result.output
    assert list(Path().iterdir()) == []


def test_without_copier_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_project, "find_spec", lambda _: None)

    assert call("shop", "--yes").output == (
        "Error: this needs copier; install it with pip install 'dagster-plus-k8s-helpers[init]'\n"
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("is_there", [True, False])
def test_nothing_is_left_of_what_could_not_be_finished(
    error: Any, monkeypatch: pytest.MonkeyPatch, *, is_there: bool
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(new_project, "write_snapshot", fail)
    if is_there:
        Path("shop").mkdir()

    result = call("shop", "--yes")

    assert result.exit_code != 0
    assert list(Path().rglob("*")) == ([Path("shop")] if is_there else [])


def test_folders_that_were_made_around_it_go_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(new_project, "write_snapshot", fail)
    Path("there").mkdir()

    assert call("there/new/deep/shop", "--yes").exit_code == 2
    assert list(Path().rglob("*")) == [Path("there")]


@pytest.mark.usefixtures("_without_snapshot")
def test_what_was_moved_into_a_folder_goes_again_when_the_rest_cannot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("shop").mkdir()
    rename, moved = Path.rename, []

    def fail_at_the_third(self: Path, target: Path) -> Path:
        moved.append(self)
        if len(moved) == 3:
            raise OSError(28, "No space left on device", str(target))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_third)

    result = call("shop", "--yes")

    assert result.exit_code == 2
    assert "No space left on device" in result.output
    assert list(Path("shop").iterdir()) == []


def test_what_is_not_given_is_asked_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [COMMAND, "init", "shop", "--secrets", "vault", "--spot"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.close(theirs)
    os.write(ours, b"Shop!\nshop-orders\neks\ny\n")  # the name, the same again, the cloud, GPUs

    output, _ = process.communicate()
    os.close(ours)

    assert process.returncode == 0, output
    assert "the name 'Shop!' is not made of small letters" in output
    assert "Where does the cluster run (gke, eks, aks, other) [gke]" in output
    assert answers("shop") == {
        "name": "shop-orders",
        "cloud": "eks",
        "secrets": "vault",
        "gpu": True,
        "spot": True,
    }
