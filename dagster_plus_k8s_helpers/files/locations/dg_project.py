"""build.yaml and container_context.yaml of a dg project, merged with those of its workspace as ``dg`` does.

``dg plus deploy`` makes the entry of dagster_cloud.yaml from these files and from pyproject.toml; so does
`project_location`, without starting ``dg``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.errors import ArgumentError, InvalidFileError, K8sConfigError
from dagster_plus_k8s_helpers.files.locations.cloud_cli import merged_contexts
from dagster_plus_k8s_helpers.files.locations.container_context import ContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import Build, CodeLocation
from dagster_plus_k8s_helpers.files.sections.section import Section

__all__ = ["merge_builds", "merge_container_contexts", "project_location"]

S = TypeVar("S", bound=Section)


def merge_builds(workspace: Build, project: Build) -> Build:
    """What ``dg`` makes of two build.yaml files: the project's wins, field by field."""
    both = {**_without_none(workspace.to_dict()), **_without_none(project.to_dict())}
    return Build.from_dict(both)


@answering
def merge_container_contexts(workspace: ContainerContext, project: ContainerContext) -> ContainerContext:
    """What ``dg`` makes of two container_context.yaml files: merged in depth, the project's wins.

    Lists are appended and lose nothing but equal items, ``env_vars`` too: ``dg`` does not replace a
    variable by its name as the defaults of dagster_cloud.yaml do, so that one which both have is refused.

    Raises:
        MissingExtraError: The extra ``cloud`` is not installed.
        K8sConfigError: The two cannot be merged, or do not fit together.
    """
    for name, context in (("workspace", workspace), ("project", project)):
        if not isinstance(context, ContainerContext):
            raise ArgumentError(f"{name} must be a ContainerContext, not {type(context).__name__}")
    return ContainerContext.from_dict(merged_contexts(workspace.to_dict(), project.to_dict()))


@answering
def project_location(project: Path | str, workspace: Path | str | None = None) -> CodeLocation:
    """The code location that ``dg plus deploy`` makes of a project.

    Args:
        project: Folder of the project, with pyproject.toml.
        workspace: Folder of the workspace it is in, if any.

    Raises:
        MissingExtraError: The extra ``cloud`` is not installed.
        InvalidFileError: A file that is not YAML.
        K8sConfigError: A file that says what Dagster+ would refuse, or no ``[tool.dg.project]``.
    """
    project = Path(project)
    settings = _project_settings(project / "pyproject.toml")
    folders = [Path(folder) for folder in (workspace, project) if folder is not None]
    build, context = Build(), ContainerContext()
    for folder in folders:
        build = merge_builds(build, _build(folder))
        context = merge_container_contexts(
            context, _read(ContainerContext, folder / "container_context.yaml")
        )
    target = settings.get("code_location_target_module", f"{settings['root_module']}.definitions")
    optional = {
        "build": build.to_dict(),
        "container_context": context.to_dict(),
        "agent_queue": settings.get("agent_queue"),
        "image": settings.get("image"),
    }
    return CodeLocation.from_dict(
        {
            "location_name": settings.get("code_location_name", project.resolve().name),
            "code_source": {"module_name": target},
            **{name: value for name, value in optional.items() if value},
        }
    )


def _project_settings(path: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise K8sConfigError(f"cannot be read: {error}", where=str(path)) from None
    settings = data.get("tool", {}).get("dg", {}).get("project", {})
    if "root_module" not in settings:
        raise K8sConfigError("has no root_module in [tool.dg.project]", where=str(path))
    found: dict[str, Any] = settings
    return found


def _build(folder: Path) -> Build:
    """A build.yaml, its folder made absolute as ``dg`` does."""
    build = _read(Build, folder / "build.yaml")
    if not build.directory:
        return build
    return Build.from_dict({**build.to_dict(), "directory": str((folder / build.directory).resolve())})


def _read(kind: type[S], path: Path) -> S:
    if not path.exists():
        return kind()
    documents, findings = read_yaml(path.read_bytes(), str(path))
    if findings:
        raise InvalidFileError(findings)
    if len(documents) != 1 or not isinstance(documents[0].data, dict):
        raise K8sConfigError("must be one mapping", where=str(path))
    return kind.from_dict(documents[0].data)


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value is not None}
