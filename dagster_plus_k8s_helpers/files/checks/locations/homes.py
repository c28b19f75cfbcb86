"""Where a key belongs that stands at another level of a code location's files, or in another of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.files.locations.container_context import ContainerContext, K8sContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import (
    Build,
    CodeLocation,
    CodeSource,
    LocationDefaults,
)
from dagster_plus_k8s_helpers.files.locations.pods import RUN_KEYS, SERVER_KEYS
from dagster_plus_k8s_helpers.files.sections.keys import ALSO_CALLED, meant_key
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path
    from dagster_plus_k8s_helpers.files.sections.section import Section

__all__ = ["home_of"]

_OF_PROJECT = {"agent_queue", "image"}
"""Keys of a code location that a dg project has in its pyproject.toml."""


def home_of(key: str, path: Path, section: type[Section]) -> str:
    """Where a key is read that was written at ``path``; empty when nowhere else.

    Args:
        key: The key.
        path: Where the mapping stands that has it.
        section: What reads the file.
    """
    level = _level(path, section)
    if level is None:
        return ""
    if section in {ContainerContext, Build}:
        return _in_other_file(key, section) or _in_config(key, _TO_K8S[level])
    if level != "k8s" and key in K8sContainerContext.model_fields:
        return _TO_K8S[level]
    if key in CodeLocation.model_fields:
        return _in_location(key, level)
    return _below_location(key, level) or _in_config(key, _TO_K8S[level])


# How to get from each level to that of K8sContainerContext.
_TO_K8S = {
    "": "container_context.k8s of a location",
    "locations": "container_context.k8s",
    "defaults": "container_context.k8s",
    "container_context": "k8s",
    "k8s": "",
}


def _level(path: Path, section: type[Section]) -> str | None:
    if section is ContainerContext and not path:
        return "container_context"
    if section is CodeLocation and not path:
        return "locations"
    level = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    level = meant_key(level, _TO_K8S)
    return level if level in _TO_K8S else None


def _in_location(key: str, level: str) -> str:
    if level == "locations":
        return ""
    if key not in LocationDefaults.model_fields:
        return "an entry of locations"
    return "" if level == "defaults" else "defaults or an entry of locations"


def _below_location(key: str, level: str) -> str:
    if level not in {"locations", "defaults"}:
        return ""
    source = ALSO_CALLED.get(key, key)
    if source in CodeSource.model_fields:
        of = "" if level == "locations" else " of a location"
        return f"code_source{of}" if source == key else f"code_source{of} as {source}"
    return "container_context" if key in ContainerContext.model_fields else ""


def _in_other_file(key: str, section: type[Section]) -> str:
    """The file of a dg project that has a key."""
    if key in _OF_PROJECT:
        return "[tool.dg.project] of pyproject.toml"
    if section is ContainerContext:
        return "build.yaml" if key in Build.model_fields else ""
    if key in ContainerContext.model_fields:
        return "container_context.yaml"
    return "k8s of container_context.yaml" if key in K8sContainerContext.model_fields else ""


def _in_config(key: str, to_k8s: str) -> str:
    inner = f"{to_k8s}." if to_k8s else ""
    if to_k8s and key in K8sContainerContext.model_fields:
        return to_k8s
    if key in {*RUN_KEYS, *SERVER_KEYS}:
        return f"{inner}run_k8s_config or {inner}server_k8s_config"
    if key in K8sConfig.FIELDS:
        field = K8sConfig.FIELDS[key]
        return f"{inner}run_k8s_config as {field.section}: {{{field.key}: ...}}"
    return ""
