"""Looking at a project that there is; nothing of it is run, and nothing is written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from operator import or_
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import StartError
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind
from dagster_plus_k8s_helpers.starting.existing.first_changes import Change, changes
from dagster_plus_k8s_helpers.starting.existing.project_files import files_in, spot
from dagster_plus_k8s_helpers.starting.existing.python_code import Code, code_of
from dagster_plus_k8s_helpers.starting.existing.settings_files import (
    Module,
    listed,
    modules_in,
    modules_of,
    platform_file,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dagster_plus_k8s_helpers.documents.document import YamlDocument

__all__ = ["Existing", "look"]

_FIRST = 3
_SHOWN = 3
_HELD = "dagster_plus_k8s_helpers.plan"
"""What a test imports that looks at pods."""


@dataclass(frozen=True)
class Existing:
    """What a project has.

    Attributes:
        modules: Its definitions, each once.
        locations: Its files dagster_cloud.yaml.
        values: The values of its agents.
        code: What its Python says, but for its tests.
        is_held: Whether a test looks at its pods.
    """

    modules: list[Module] = field(default_factory=list)
    locations: list[YamlDocument] = field(default_factory=list)
    values: list[YamlDocument] = field(default_factory=list)
    code: Code = field(default_factory=Code)
    is_held: bool = False

    def rows(self) -> list[tuple[str, str]]:
        """What was found: what it is, and where."""
        rows = [
            ("definitions", f"{module.name} ({module.said_at})" if module.said_at else module.name)
            for module in self.modules
        ]
        for document in self.locations:
            data = document.data if isinstance(document.data, Mapping) else {}
            names = [
                str(item.get("location_name"))
                for item in data.get("locations") or ()
                if isinstance(item, Mapping)
            ]
            rows.append(("code locations", f"{', '.join(names)} ({document.file})"))
        rows += [("agent's values", document.file) for document in self.values]
        for name in dict.fromkeys(item.name for item in self.code.executors):
            places = [spot(item.file, item.line) for item in self.code.executors if item.name == name]
            rows.append(("executor", f"{name} ({_few(places)})"))
        if self.code.dictionaries:
            places = [spot(item.file, item.line) for item in self.code.dictionaries]
            rows.append(("dictionaries", f"{len(places)} written by hand ({_few(places)})"))
        return rows

    def first_changes(self) -> list[Change]:
        """The three changes to make first."""
        module = self.modules[0] if self.modules else None
        found = changes(self.code, module, self.locations, self.values, is_held=self.is_held)
        return list(islice(found, _FIRST))

    def plan_command(self) -> str:
        """The command that shows the pods."""
        return self._command("plan")

    def check_command(self) -> str:
        """The command that says what is wrong with them, and with the files beneath."""
        return self._command("check")

    def _command(self, name: str) -> str:
        module = self.modules[0] if self.modules else Module("MODULE", ".", "")
        words = ["dagster-plus-k8s", name, "-m", module.name]
        words += ["-d", module.folder] if module.folder != "." else []
        values = sorted((document.file for document in self.values), key=lambda name: not _is_plain(name))
        words += ["--agent", values[0]] if values else []
        words += ["--location", self.locations[0].file] if self.locations else []
        location = self._location_of(module)
        words += ["--location-name", location] if location else []
        return shlex.join(words)

    def _location_of(self, module: Module) -> str:
        """Name of the location that a module is, where the file has several and its module does not tell."""
        data = self.locations[0].data if self.locations else None
        entries = [entry for entry in listed(data, "locations") if isinstance(entry, Mapping)]
        if len(entries) < 2:
            return ""
        names = [str(entry.get("location_name")) for entry in entries]
        of_module = [
            name for name, entry in zip(names, entries, strict=True) if module.name in modules_of(entry)
        ]
        if len(of_module) == 1:
            return ""
        return module.location if module.location in names else (of_module or names)[0]


def look(folder: Path) -> Existing:
    """What a project has of Dagster and of Kubernetes.

    Args:
        folder: Of the project, or of a workspace with several.

    Raises:
        StartError: There is nothing of Dagster.
    """
    files = list(files_in(folder))
    python = [file for file in files if file.name.endswith(".py")]
    known = frozenset(file.name for file in python)
    kinds = {file.name: found for file in files if (found := platform_file(file))}
    code = reduce(or_, (code_of(file) for file in python if not _is_test(file.name)), Code())
    modules: dict[tuple[str, str], Module] = {}
    for file in files:
        is_of_locations = file.name in kinds and kinds[file.name][0] is FileKind.LOCATIONS
        for module in modules_in(file, known, is_of_locations=is_of_locations):
            modules.setdefault((module.name, module.folder), module)
    existing = Existing(
        list(modules.values()) or _made_in(code, {file.name: file.text for file in python}),
        [document for kind, document in kinds.values() if kind is FileKind.LOCATIONS],
        [document for kind, document in kinds.values() if kind is FileKind.VALUES],
        code,
        any(_is_test(file.name) and _HELD in file.text for file in python),
    )
    if not existing.rows() and not code.unsized:
        raise StartError(
            f"nothing of Dagster is in {folder}: no definitions, no dagster_cloud.yaml and no agent's "
            "values; name the folder of the project"
        )
    return existing


def _is_test(name: str) -> bool:
    """Whether a file is no part of what is deployed."""
    folders = name.split("/")
    return folders[-1].startswith(("test_", "conftest.")) or bool({"tests", "test"} & set(folders[:-1]))


def _is_plain(name: str) -> bool:
    """Whether values have the name that values have by default."""
    return name.rpartition("/")[2] == "values.yaml"


def _few(places: list[str]) -> str:
    more = f" and {len(places) - _SHOWN} more" if len(places) > _SHOWN else ""
    return ", ".join(places[:_SHOWN]) + more


def _made_in(code: Code, texts: Mapping[str, str]) -> list[Module]:
    """The module that makes definitions, where no settings name one.

    Args:
        code: What the Python of the project says.
        texts: Every file of Python, by its name.
    """
    made = [item for item in code.collected if not item.is_folder]
    if not made:
        return []
    *folders, file = made[0].file.removesuffix(".py").split("/")
    names = [] if file == "__init__" else [file]
    package = _first_package(folders, texts, texts[made[0].file])
    names = [*folders[package:], *names]
    place = spot(made[0].file, made[0].line)
    return [Module(".".join(names), "/".join(folders[:package]) or ".", place)] if names else []


def _first_package(folders: Sequence[str], texts: Mapping[str, str], text: str) -> int:
    """Which of the folders around a module is the first that is a package.

    Each is that has an ``__init__.py``, with those below, and one by whose name the module imports.
    """
    first = len(folders)
    while first and "/".join((*folders[:first], "__init__.py")) in texts:
        first -= 1
    if first == len(folders) and first and re.search(r"^\s*from\s+\.", text, re.MULTILINE):
        first -= 1
    for place, folder in enumerate(folders[:first]):
        below = rf"\.{re.escape(folders[place + 1])}\b" if place + 1 < len(folders) else r"\b"
        imports = rf"^\s*(?:from|import)\s+{re.escape(folder)}{below}"
        if folder != "dagster" and re.search(imports, text, re.MULTILINE):
            return place
    return first
