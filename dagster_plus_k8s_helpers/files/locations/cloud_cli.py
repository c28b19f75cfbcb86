"""What Dagster+ does with its files, done by its own package ``dagster_cloud_cli`` (extra ``cloud``)."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import K8sConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path as FilePath

    from dagster_plus_k8s_helpers.documents.document import Path
    from dagster_plus_k8s_helpers.files.sections.section import Section

__all__ = ["fields_of_dagster_plus", "merged_contexts", "merged_locations", "rendered_template"]


def merged_locations(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The locations of a dagster_cloud.yaml with its defaults merged in.

    Raises:
        MissingExtraError: The extra ``cloud`` is not installed.
        K8sConfigError: Dagster+ refuses the file, or cannot merge it.
    """
    models, merger = _dagster_cloud_cli()
    try:
        parsed = models.DagsterCloudYaml.model_validate(copy.deepcopy(dict(config)))
        locations = merger.process(parsed).locations
    # Its checks raise errors of their own, KeyError and plain Exception among them.
    except Exception as error:  # noqa: BLE001
        raise K8sConfigError(f"Dagster+ cannot merge the defaults into the locations: {error}") from None
    return [location.model_dump(exclude_none=True) for location in locations]


def merged_contexts(workspace: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    """Two container_context.yaml files as ``dg`` merges them; the project's wins.

    Raises:
        MissingExtraError: The extra ``cloud`` is not installed.
        K8sConfigError: The two cannot be merged.
    """
    _, merger = _dagster_cloud_cli()
    try:
        merged: dict[str, Any] = merger.merge(dict(workspace), copy.deepcopy(dict(project)))
    except Exception as error:  # noqa: BLE001 - as above
        raise K8sConfigError(f"the two container contexts cannot be merged: {error}") from None
    return merged


def fields_of_dagster_plus(section: type[Section], path: Path) -> frozenset[str]:
    """The keys that the installed Dagster+ reads at a place; none when it is not installed.

    Args:
        section: What reads the file.
        path: Where the mapping stands in it.
    """
    names = tuple(part for part in path if isinstance(part, str))
    return _fields(names if section.__name__ == "DagsterCloudConfig" else (section.__name__, *names))


@lru_cache(maxsize=256)
def _fields(names: tuple[str, ...]) -> frozenset[str]:
    try:
        models, _ = _dagster_cloud_cli()
    except MissingExtraError:
        return frozenset()
    name = {
        (): "DagsterCloudYaml",
        ("defaults",): "LocationDefaults",
        ("locations",): "Location",
        ("CodeLocation",): "Location",
        ("Build",): "Build",
    }.get(names) or {"code_source": "CodeSource", "build": "Build"}.get(names[-1], "")
    return frozenset(getattr(getattr(models, name, None), "model_fields", ()))


def rendered_template(path: FilePath, values: Mapping[str, Any]) -> str:
    """A file with its Jinja filled in.

    Raises:
        MissingExtraError: The extra ``cloud`` is not installed.
        K8sConfigError: The template is wrong.
    """
    try:
        from dagster_cloud_cli.config import JinjaTemplateLoader
    except ImportError:
        raise MissingExtraError("dagster_cloud_cli", extra="cloud") from None
    try:
        text: str = JinjaTemplateLoader().render(str(path), dict(values))
    # A template runs whatever it holds.
    except Exception as error:  # noqa: BLE001
        raise K8sConfigError(f"{path}: the template cannot be filled in: {error}") from None
    return text


def _dagster_cloud_cli() -> tuple[Any, Any]:
    try:
        from dagster_cloud_cli.config import DagsterCloudConfigDefaultsMerger, models
    except ImportError:
        raise MissingExtraError("dagster_cloud_cli", extra="cloud") from None
    merger: Any = DagsterCloudConfigDefaultsMerger
    return models, merger()
