"""Writes the floors of the house into CONTRIBUTING.md, from the contract in pyproject.toml and the rooms.

python scripts/generate_floors.py, and with --lines it prints how many lines each room has.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dagster_plus_k8s_helpers"
TARGET = ROOT / "CONTRIBUTING.md"
_TABLE = re.compile(r"\| floor \|.*?\n\n", re.DOTALL)


def main() -> None:
    """Write the table, or print the lines."""
    if "--lines" in sys.argv[1:]:
        for floor in floors():
            for room in floor:
                print(f"{lines(room):6} {room}")
        return
    text = TARGET.read_text("utf-8")
    TARGET.write_text(_TABLE.sub(lambda _: f"{table()}\n", text, count=1), "utf-8")
    print(f"wrote {TARGET}")


def floors() -> list[list[str]]:
    """The rooms of each floor, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    return [floor.split(" | ") for floor in contracts[0]["layers"]]


def table() -> str:
    """The floors as a table: a row for each room, with the sentence that it says of itself."""
    found = floors()
    rows = [
        f"| {len(found) - index} | `{room}` | {_sentence(room)} |"
        for index, floor in enumerate(found)
        for room in floor
    ]
    return "\n".join(["| floor | room | what it is |", "| --- | --- | --- |", *rows]) + "\n"


def lines(room: str) -> int:
    """How many lines of Python a room has."""
    path = PACKAGE / room
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    return sum(len(file.read_text("utf-8").splitlines()) for file in files)


def _sentence(room: str) -> str:
    path = PACKAGE / room
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n")[0].replace("``", "`")


if __name__ == "__main__":
    main()
