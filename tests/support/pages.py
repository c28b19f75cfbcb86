"""A page of the documentation as what it has its reader do: blocks, in their order.

What a block is follows from its language alone, so that none is left out:

- ``python``: pasted into one session, from top to bottom; a first line such as ``# shop/definitions.py`` is also
  the file that it is saved as. A value in a comment behind an expression is what it gives.
- ``pycon``: typed into the same session, with what it answers.
- ``yaml``: as the file of its first line, if it names one.
- ``toml``: the same of TOML.
- ``console``: commands after ``$``, each with what it prints; ``...`` stands for lines that are left out.
- ``shell``: commands alone, which succeed.
- ``text``: what a cluster says, and nothing that can be run; `tests/executor` holds it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
PROJECT = ROOT / "example_project"
PAGES = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted(PROJECT.rglob("*.md")),  # read within the project, a copy of which is then the working folder
)
ELSEWHERE = frozenset(
    {"dagster", "dagster-cloud", "docker", "helm", "kubectl", "make", "pip", "pytest", "vault"}
)
"""Commands of others, which want a network, a cluster or a server, or are one."""

_FENCE = re.compile(r"^ *```(.*)$")
_FILE = re.compile(r"# ([\w./-]+\.\w+)$")


class Block(NamedTuple):
    """Something for the reader to do or to see.

    Attributes:
        language: What it is.
        text: What it says.
        line: Line of the page that it begins on, from 1.
    """

    language: str
    text: str
    line: int

    @property
    def file(self) -> str | None:
        """The file that it is, as its first line says."""
        named = _FILE.match(self.text.partition("\n")[0])
        return named[1] if named else None


class Command(NamedTuple):
    """A command, and the lines that it prints."""

    text: str
    output: tuple[str, ...]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in their order."""
    found: list[Block] = []
    language, start, inside, before = "", 0, list[str](), ""
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        fence = _FENCE.match(line)
        if fence and not start:
            language, start, inside = fence[1].strip(), number + 1, []
        elif fence:
            found.append(Block(language, "\n".join(inside) + "\n", start))
            start = 0
        elif start:
            inside.append(line)
        elif line.startswith("    ") and not before.strip():
            raise ValueError(f"{page.name}:{number}: code that is indented has no language; fence it")
        before = line
    if start:
        raise ValueError(f"{page.name}:{start}: the block does not end")
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a block of ``console`` or ``shell``."""
    text = block.text.replace("\\\n", " ")
    if block.language == "shell":
        return [Command(line, ()) for line in text.splitlines() if line and not line.startswith("#")]
    first, *others = re.split(r"^\$ ", text, flags=re.MULTILINE)
    if first.strip() or not others:
        raise ValueError(f"line {block.line}: a block of console begins with $ and a command")
    return [Command(line, tuple(output)) for line, *output in (part.splitlines() for part in others)]


def is_elsewhere(command: Command) -> bool:
    """Whether a command is that of another tool."""
    return command.text.split()[0] in ELSEWHERE


def is_printed(shown: tuple[str, ...], printed: list[str]) -> bool:
    """Whether what a page shows is what was printed, but for what it says it leaves out."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line) + r"\n"
        for line in _text(shown).splitlines()
    )
    return re.fullmatch(pattern, _text(printed)) is not None


def _text(lines: Iterable[str]) -> str:
    """Lines without the blanks at their ends, before the first and after the last."""
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return f"{text}\n" if text else ""


def options(page: Path) -> list[tuple[str, str]]:
    """Every command of this package that a page names anywhere, with each option that it gives it."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    found = re.findall(r"dagster-plus-k8s ([a-z][a-z -]*[a-z])((?: [^`\n|>]*)?)", text)
    return [
        (command, option) for command, rest in found for option in re.findall(r"(?<!\S)--?[a-z][\w-]*", rest)
    ]
