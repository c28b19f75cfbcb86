"""Writes what the example project shares with the template of `dagster-plus-k8s init`, from the template.

python scripts/generate_example.py

The example is larger. What it has of its own, it has in other files; OWN are those that the template has too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from dagster_plus_k8s_helpers.starting.new_project import rendered

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "example_project"
ANSWERS = {
    "name": "flight_delays",
    "cloud": "gke",
    "secrets": "vault",
    "gpu": True,
    "spot": True,
    "example": True,
}
OWN = {
    ".copier-answers.yml": "the example is not made by copier",
    ".dockerignore": "the package of the example is not in src",
    ".gitignore": "that of this repository covers it",
    "README.md": "it says what the example has besides",
    "deploy/README.md": "the example has two clusters",
    "deploy/storage.yaml": "README.md of the example shows it",
    "flight_delays/__init__.py": "its sentence",
    "flight_delays/definitions.py": "the example has other assets, and no folder that dg looks into",
    "flight_delays/development.env": "another secret",
    "flight_delays/warehouse.py": "the example has real data",
    "pyproject.toml": "other dependencies, and no src",
    "tests/test_assets.py": "other assets",
    "tests/test_pods.py": "the example looks at manifests, which needs no file",
}
"""Files of the template that the example has otherwise or not at all, and why; beside them all ``defs/``."""


def main() -> None:
    """Write the files."""
    for name, text in shared().items():
        (EXAMPLE / name).write_text(text, "utf-8")
        print(f"wrote {EXAMPLE / name}")


def shared() -> dict[str, str]:
    """The files that the two share, by their paths in the example, as the template has them."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        rendered(made, ANSWERS)
        texts = {
            path.relative_to(made).as_posix().removeprefix("src/"): path.read_text("utf-8")
            for path in sorted(made.rglob("*"))
            if path.is_file()
        }
    return {
        name: _as_here(text, name) for name, text in texts.items() if name not in OWN and "/defs/" not in name
    }


def _as_here(text: str, name: str) -> str:
    """A file as this repository formats it: imports of the package are its own here."""
    if not name.endswith(".py"):
        return text
    for command in (["check", "--fix-only", "--select", "I"], ["format"]):
        text = subprocess.run(
            [
                Path(sys.executable).with_name("ruff"),
                *command,
                "--quiet",
                "--stdin-filename",
                EXAMPLE / name,
                "-",
            ],
            input=text,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return text


if __name__ == "__main__":
    main()
