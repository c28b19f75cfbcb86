"""Tries the built wheel and sdist on every interpreter at hand, with the lowest and the newest Dagster.

Each combination has an environment of its own and tests of the quick kind, both outside of the source tree:
what is tried is what would be uploaded. ``make matrix PYTHONS="3.12 3.13"`` names the interpreters.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from smoke_test_wheel import ROOT, SMOKE, environment, install

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
EXTRAS = "aws,vault,check,cloud"
RELEASED_TOGETHER = re.compile(r"dagster($|-)")
"""Dagster and its libraries: the lowest of one go with the lowest of the others."""

# The tests that need neither a server nor the source tree.
TESTS = (
    "capacity",
    "documents",
    "findings",
    "pod",
    "sizing",
    "test_tags.py",
    "test_with_k8s_config.py",
    "plan",
)
CLIENTS_TABLE = "tests/pod/test_schema.py::test_the_table_is_what_the_installed_kubernetes_package_says"
TOOLS = ("pytest", "pytest-xdist", "pytest-cov", "pytest-randomly", "hypothesis", "jsonschema", "numpy")


def main() -> int:
    """Try them all; print a line for each. 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "pythons", nargs="*", help=f"interpreters, such as 3.12; by default all at hand of {PYTHONS}"
    )
    wanted = parser.parse_args().pythons
    found = dict(interpreters(wanted or PYTHONS))
    for missing in sorted(set(wanted or PYTHONS) - set(found)):
        print(f"{missing}: no such interpreter at hand", file=sys.stderr)
    failed = not found or any(missing not in found for missing in wanted)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--outdir", str(work / "dist"), str(ROOT))
        (wheel,), (sdist,) = (work / "dist").glob("*.whl"), (work / "dist").glob("*.tar.gz")
        for version, python in found.items():
            for dagster, pins in (("lowest", lowest()), ("newest", ())):
                artifact = sdist if dagster == "newest" and version == min(found) else wheel
                name = f"Python {version}, {dagster} dagster, {artifact.suffix.lstrip('.')}"
                try:
                    said = attempt(work / f"{version}-{dagster}", python, artifact, pins)
                except subprocess.CalledProcessError as error:
                    failed = True
                    print(f"FAILED  {name}: {error}", flush=True)
                else:
                    print(f"passed  {name}: {said}", flush=True)
    return int(failed)


def interpreters(wanted: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The interpreters at hand: those on the PATH, of pyenv, and those that uv has already."""
    for version in wanted:
        places = [shutil.which(f"python{version}"), *map(str, pyenv(version)), uv_python(version)]
        for place in places:
            if place and runs(place, version):
                yield version, place
                break


def pyenv(version: str) -> list[Path]:
    """What pyenv has of a version, the newest first."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    return sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True)


def uv_python(version: str) -> str:
    """What uv has of a version, without a download."""
    if not (uv := shutil.which("uv")):
        return ""
    command = [uv, "python", "find", "--no-python-downloads", version]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def runs(python: str, version: str) -> bool:
    """Whether a file is an interpreter of that version: a shim of pyenv need not be."""
    command = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def lowest() -> tuple[str, ...]:
    """The lowest release that pyproject.toml allows of each of Dagster's packages."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    said = [
        *project["dependencies"],
        *project["optional-dependencies"]["aws"],
        *project["optional-dependencies"]["cloud"],
    ]
    pins = {}
    for requirement in map(Requirement, said):
        if RELEASED_TOGETHER.match(requirement.name):
            (bound,) = (spec.version for spec in requirement.specifier if spec.operator == ">=")
            pins[requirement.name] = f"{requirement.name}=={bound}"
    return tuple(pins.values())


def attempt(folder: Path, python: str, artifact: Path, pins: Iterable[str]) -> str:
    """Install an artifact in an environment of its own, use it, and test it; the last line of the tests."""
    own = environment(folder / "venv", python)
    install(own, f"dagster-plus-k8s-helpers[{EXTRAS}] @ {artifact.as_uri()}", *pins, *TOOLS)
    run(str(own), "-c", SMOKE, str(ROOT), cwd=folder, quiet=True)
    for name in ("tests", "benchmarks", "scripts"):  # a test of a benchmark or a script reads that
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    # Another release may deprecate what this one calls, and another client of Kubernetes has other fields;
    # that is not what is asked here.
    calm = (
        "-o",
        "filterwarnings=",
        "-o",
        "pythonpath=tests/support .",
        "-p",
        "no:cacheprovider",
        "--deselect",
        CLIENTS_TABLE,
    )
    tests = (str(Path("tests") / name) for name in TESTS)
    return run(str(own), "-m", "pytest", *calm, "--quick", "-q", "-n", "2", *tests, cwd=folder, quiet=True)


def run(*command: str, cwd: Path | None = None, quiet: bool = False) -> str:
    """Run a command; the last line of what it printed, all of which is shown when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-6000:], done.stderr[-6000:], sep="\n", flush=True)
        done.check_returncode()
    lines = done.stdout.strip().splitlines()
    return lines[-1] if quiet and lines else ""


if __name__ == "__main__":
    sys.exit(main())
