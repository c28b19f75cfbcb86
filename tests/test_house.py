"""The plan of the house: its floors, what each room opens, and that a rule says its code once."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any

import grimp
import pytest

from dagster_plus_k8s_helpers.check.all_rules import ALL_RULES
from dagster_plus_k8s_helpers.findings.finding import Rule
from scripts import generate_floors

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = "dagster_plus_k8s_helpers"
LAYERS = "Imports run downward: what stands below knows nothing of what stands above"


def opened(room: str) -> set[str]:
    return {"", *getattr(import_module(f"{PACKAGE}.{room}"), "OPEN", ())}


def reaching_past() -> Iterator[str]:
    """Imports, those for types alone too, of what a room does not open."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    for importer in sorted(graph.modules):
        for imported in sorted(graph.find_modules_directly_imported_by(importer)):
            room, _, module = imported.removeprefix(f"{PACKAGE}.").partition(".")
            is_outside = importer.split(".")[1:2] != [room] and imported != PACKAGE
            if is_outside and module not in opened(room):
                yield f"{importer} imports {imported}, which {PACKAGE}.{room} does not open"


def test_nothing_outside_of_a_room_reaches_past_what_it_opens() -> None:
    assert list(reaching_past()) == []


@pytest.mark.parametrize("room", [path.parent.name for path in (ROOT / PACKAGE).glob("*/__init__.py")])
def test_a_room_says_in_a_sentence_what_it_is_and_opens_what_there_is(room: str) -> None:
    module = import_module(f"{PACKAGE}.{room}")

    assert (module.__doc__ or "").split("\n")[0].endswith(".")
    for name in opened(room) - {""}:
        assert list((ROOT / PACKAGE / room).glob(f"{name.replace('.', '/')}*")), name


def test_an_import_that_runs_upward_fails_with_the_rule_that_it_breaks(tmp_path: Path) -> None:
    """A house of the same floors, with two rooms of which the lower knows the upper."""
    contract: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = contract["contracts"][0]
    assert layers["name"] == LAYERS
    for name in {name for layer in layers["layers"] for name in layer.split(" | ")} - {"pod"}:
        (tmp_path / PACKAGE / name).mkdir(parents=True)
        (tmp_path / PACKAGE / name / "__init__.py").touch()
    (tmp_path / PACKAGE / "__init__.py").touch()
    (tmp_path / PACKAGE / "pod.py").write_text(f"import {PACKAGE}.executor\n")
    floors = "".join(f"    {layer}\n" for layer in layers["layers"])
    (tmp_path / ".importlinter").write_text(
        f"[importlinter]\nroot_package = {PACKAGE}\n\n[importlinter:contract:floors]\nname = {LAYERS}\n"
        f"type = layers\ncontainers = {PACKAGE}\nlayers =\n{floors}"
    )

    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 1, result.stderr
    assert f"{LAYERS} BROKEN" in result.stdout
    assert f"- {PACKAGE}.pod -> {PACKAGE}.executor (l.1)" in result.stdout


def test_every_rule_of_the_package_is_known_and_has_a_code_of_its_own() -> None:
    calls = [
        node.value
        for path in (ROOT / PACKAGE).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        if ast.unparse(node.value.func) == "Rule"
    ]
    codes = [ast.literal_eval(call.args[0]) for call in calls]

    assert sorted(codes) == [rule.code for rule in ALL_RULES]


def test_the_rules_that_are_read_in_the_source_are_those_that_python_has() -> None:
    rooms = [
        import_module(f"{PACKAGE}.{name}") for name in ("capacity", "check", "documents", "files", "findings")
    ]
    modules = [
        import_module(found.name)
        for room in rooms
        for found in walk_packages(room.__path__, f"{room.__name__}.")
    ]
    # A name with an underscore is that of a copy, with another severity.
    rules = {
        value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, Rule) and not name.startswith("_")
    }

    assert sorted(rules, key=lambda rule: rule.code) == list(ALL_RULES)


def test_contributing_shows_the_floors_that_there_are() -> None:
    assert generate_floors.table() in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
