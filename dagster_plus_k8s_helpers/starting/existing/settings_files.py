"""What settings say of a project: the module of its definitions, its code locations, its agent's values."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from dagster_plus_k8s_helpers.documents.document import YamlDocument, read_yaml
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, kind_of
from dagster_plus_k8s_helpers.starting.existing.project_files import spot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.starting.existing.project_files import ProjectFile

__all__ = ["Module", "listed", "modules_in", "modules_of", "platform_file"]


class Module(NamedTuple):
    """Definitions, as settings name them.

    Attributes:
        name: As Python imports it.
        folder: Where to import it from, in the project; a dot for the project itself.
        said_at: The place that says so.
        location: Name of its code location, if the place says that.
    """

    name: str
    folder: str
    said_at: str
    location: str = ""


def platform_file(file: ProjectFile) -> tuple[FileKind, YamlDocument] | None:
    """The agent's values or a dagster_cloud.yaml, told by what they hold."""
    if not file.name.endswith((".yaml", ".yml")):
        return None
    documents, _ = read_yaml(file.text, file.name)
    if len(documents) != 1 or not isinstance(documents[0].data, Mapping):
        return None
    kind = kind_of(documents[0])
    data = documents[0].data
    if kind is FileKind.LOCATIONS and isinstance(data.get("locations"), list):
        return FileKind.LOCATIONS, documents[0]
    # One key may be in any file; what is the agent's names the platform.
    is_agents = any(key in data for key in ("dagsterCloud", "dagsterCloudAgent"))
    return (FileKind.VALUES, documents[0]) if kind is FileKind.VALUES and is_agents else None


def modules_in(file: ProjectFile, known: frozenset[str], *, is_of_locations: bool) -> Iterator[Module]:
    """The definitions that a file names.

    Args:
        file: A file of settings.
        known: Every file of Python in the project, by which the folder is found that a module is in.
        is_of_locations: Whether it is a dagster_cloud.yaml, whatever its name.
    """
    name = PurePosixPath(file.name).name
    if name in {"pyproject.toml", "dg.toml"}:
        named = _in_toml(file)
    elif name in {"workspace.yaml", "workspace.yml"}:
        named = _in_workspace(file)
    elif is_of_locations:
        named = _in_locations(file)
    else:
        return
    base = PurePosixPath(file.name).parent
    for module, below, key, location in named:
        folder = _folder_of(module, base / below, known)
        yield Module(module, folder, spot(file.name, _line_of(file.text, key)), location)


_Named = tuple[str, str, str, str]
"""A module, the folder it is said to be in, the text by which the line is found, and the code location."""


def _in_toml(file: ProjectFile) -> Iterator[_Named]:
    try:
        said: dict[str, Any] = tomllib.loads(file.text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    tool = said if file.name.endswith("dg.toml") else said.get("tool", {})
    project = _at(tool if file.name.endswith("dg.toml") else _at(tool, "dg"), "project")
    root = project.get("root_module")
    target = project.get("code_location_target_module")
    name = str(project.get("code_location_name") or "")
    if isinstance(target, str):
        yield target, ".", "code_location_target_module", name
    elif isinstance(root, str):
        yield f"{root}.definitions", ".", "root_module", name
    dagster = _at(tool, "dagster")
    one = dagster.get("module_name")
    several = [_at({"it": item}, "it") for item in listed(dagster, "modules")]
    for item in [{"name": one}] if one else several:
        if isinstance(item.get("name"), str) and item["name"] not in {target, f"{root}.definitions"}:
            folder = str(dagster.get("working_directory") or ".")
            yield item["name"], folder, item["name"], str(dagster.get("code_location_name") or "")


def _in_workspace(file: ProjectFile) -> Iterator[_Named]:
    documents, _ = read_yaml(file.text, file.name)
    data = documents[0].data if documents else None
    for item in listed(data, "load_from"):
        if not isinstance(item, Mapping):
            continue
        module, python_file = item.get("python_module"), item.get("python_file")
        if isinstance(module, str):
            yield module, ".", module, ""
        elif isinstance(module, Mapping) and isinstance(module.get("module_name"), str):
            folder = str(module.get("working_directory") or ".")
            yield module["module_name"], folder, module["module_name"], str(module.get("location_name") or "")
        elif isinstance(python_file, str):
            yield *_as_module(python_file), python_file, ""
        elif isinstance(python_file, Mapping) and isinstance(python_file.get("relative_path"), str):
            path = python_file["relative_path"]
            yield *_as_module(path), path, str(python_file.get("location_name") or "")


def _in_locations(file: ProjectFile) -> Iterator[_Named]:
    documents, _ = read_yaml(file.text, file.name)
    data = documents[0].data if documents else None
    for item in listed(data, "locations"):
        source = _at(item, "code_source") if isinstance(item, Mapping) else {}
        name = str(item.get("location_name") or "") if isinstance(item, Mapping) else ""
        build = _at(item, "build") if isinstance(item, Mapping) else {}
        said = str(_at({"it": item}, "it").get("working_directory") or ".")
        # One that begins with / is in the image.
        folder = str(build.get("directory") or ".") if said.startswith("/") or said == "." else said
        for key in ("module_name", "package_name"):
            if isinstance(source.get(key), str):
                yield source[key], folder, source[key], name
        if isinstance(source.get("python_file"), str):
            module, below = _as_module(source["python_file"])
            yield module, str(PurePosixPath(folder) / below), source["python_file"], name


def modules_of(entry: Mapping[str, Any]) -> set[str]:
    """The module or package that a code location names."""
    source = _at(entry, "code_source")
    names = (source.get(key) for key in ("module_name", "package_name", "autoload_defs_module_name"))
    return {name for name in names if isinstance(name, str)}


def _as_module(path: str) -> tuple[str, str]:
    """A file as a module and the folder that it is in."""
    pure = PurePosixPath(path.replace("\\", "/"))
    return pure.stem, str(pure.parent)


def _folder_of(module: str, base: PurePosixPath, known: frozenset[str]) -> str:
    """The folder to import a module from: the one that is said, ``src`` in it, or one around it."""
    first = module.split(".", maxsplit=1)[0]
    for folder in (place for around in (base, *base.parents) for place in (around, around / "src")):
        inside = [f"{folder / first}.py", f"{folder / first}/"]
        if any(name == inside[0] or name.startswith(inside[1]) for name in known):
            return str(folder)
    return str(base)


def _at(data: Any, key: str) -> dict[str, Any]:
    found = data.get(key) if isinstance(data, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


def listed(data: Any, key: str) -> list[Any]:
    """The list under a key; an empty one where there is none, or something else."""
    found = data.get(key) if isinstance(data, Mapping) else None
    return found if isinstance(found, list) else []


def _line_of(text: str, wanted: str) -> int:
    """The first line that has a word, as it stands; the first one when none has."""
    pattern = re.compile(rf"(?<![\w.]){re.escape(wanted)}(?![\w.])")
    lines = [line.partition("#")[0] for line in text.splitlines()]
    return next((number for number, line in enumerate(lines, start=1) if pattern.search(line)), 1)
