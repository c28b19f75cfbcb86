"""Builds the wheel, installs it in a clean environment and uses it without the source tree."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SMOKE = """
import pathlib, sys
import dagster_plus_k8s_helpers as package

root = pathlib.Path(sys.argv[1])
assert root not in pathlib.Path(package.__file__).resolve().parents, package.__file__
assert (pathlib.Path(package.__file__).parent / "py.typed").exists()
for name in package.__all__:
    getattr(package, name)
config = package.K8sConfig(pod_spec_config={"hostNetwork": True}) | package.gpu(1)
assert package.K8sConfig.from_tags(config.tags) == config
import subprocess
for arguments in (["--version"], ["explain-code", "DPK533"]):
    subprocess.run([pathlib.Path(sys.executable).parent / "dagster-plus-k8s", *arguments], check=True)
print("passed: wheel smoke test of", len(package.__all__), "public names")
"""

INIT = """
import pathlib, subprocess, sys

program = pathlib.Path(sys.executable).parent / "dagster-plus-k8s"
subprocess.run([program, "init", "shop", "--yes"], check=True)
assert pathlib.Path("shop", "tests", "snapshots", "nightly.yaml").exists()
print("passed: a new project from the template in the wheel")
"""


def main() -> None:
    """Build, install, import, and make a project."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", str(work), str(ROOT))
        (wheel,) = work.glob("*.whl")
        python = make_environment(work / "venv", wheel, "init")
        run(str(python), "-c", SMOKE, str(ROOT), cwd=work)
        run(str(python), "-c", INIT, cwd=work)


def make_environment(venv: Path, wheel: Path, extras: str = "") -> Path:
    """A new virtual environment with the wheel in it and nothing else of ours; returns its Python."""
    python = environment(venv)
    wanted = f"dagster-plus-k8s-helpers[{extras}] @ {wheel.as_uri()}" if extras else str(wheel)
    install(python, "-c", str(ROOT / "constraints.txt"), wanted)
    return python


def environment(venv: Path, python: str = sys.executable) -> Path:
    """A new virtual environment with nothing in it; returns its Python."""
    if uv := shutil.which("uv"):
        run(uv, "venv", "--quiet", "--python", python, str(venv))
    else:
        run(python, "-m", "venv", str(venv))
    return venv / "bin" / "python"


def install(python: Path, *wanted: str) -> None:
    """Install requirements into the environment of an interpreter."""
    if uv := shutil.which("uv"):
        run(uv, "pip", "install", "--quiet", "--python", str(python), *wanted)
    else:
        run(str(python), "-m", "pip", "install", "--quiet", *wanted)


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a command, show what it prints, stop when it fails."""
    subprocess.run(command, check=True, cwd=cwd)


if __name__ == "__main__":
    main()
