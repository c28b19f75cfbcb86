"""Looking at a project that there is; nothing of it is run, and nothing is written."""

from __future__ import annotations

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
from dagster_plus_k8s_helpers.starting.existing.settings_files import Module, modules_in, platform_file

if TYPE_CHECKING:
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
        return shlex.join(words)


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
    kinds = [found for found in map(platform_file, files) if found]
    code = reduce(or_, (code_of(file) for file in python if not _is_test(file.name)), Code())
    modules: dict[tuple[str, str], Module] = {}
    for file in files:
        for module in modules_in(file, known):
            modules.setdefault((module.name, module.folder), module)
    existing = Existing(
        list(modules.values()) or _made_in(code),
        [document for kind, document in kinds if kind is FileKind.LOCATIONS],
        [document for kind, document in kinds if kind is FileKind.VALUES],
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


def _made_in(code: Code) -> list[Module]:
    """The module that makes definitions, where no settings name one."""
    made = [item for item in code.collected if not item.is_folder]
    if not made:
        return []
    folder, _, name = made[0].file.removesuffix(".py").rpartition("/")
    return [Module(name, folder or ".", spot(made[0].file, made[0].line))]
