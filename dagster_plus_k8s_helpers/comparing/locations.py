"""What is different between two dagster_cloud.yaml: by code location, its pods and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.comparing.files import (
    PodsOfFiles,
    key_rows,
    locations_of,
    mapping_of,
    new_and_gone,
    pod_rows,
)
from dagster_plus_k8s_helpers.comparing.report import Report, Row
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster_plus_k8s_helpers.check.files.sources import Source

__all__ = ["compare_locations"]


def compare_locations(old: Source, new: Source, agent: Source | None = None) -> Report:
    """Locations that came and went, what is different in the pods and keys of the others, and findings.

    Args:
        old: A dagster_cloud.yaml.
        new: Another.
        agent: Helm values of the agent beneath both.

    Raises:
        PlanError: A file cannot be read, or is of another kind.
    """
    before, after = mapping_of(old, FileKind.LOCATIONS), mapping_of(new, FileKind.LOCATIONS)
    values = None if agent is None else mapping_of(agent, FileKind.VALUES)
    locations, others = locations_of(before), locations_of(after)
    rows, notes = pod_rows(PodsOfFiles(values, locations), PodsOfFiles(values, others))
    found, gone = new_and_gone(old, new, agent)
    return Report(
        f"{old.name} -> {new.name}",
        (*_came_and_went(locations, others), *rows),
        key_rows(_by_name(before), _by_name(after)),
        notes=notes,
        found=found,
        gone=gone,
    )


def _came_and_went(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Row]:
    for name in new:
        if name not in old:
            yield Row("added", "", None, _image(new[name]), pods=(f"location {name!r}",))
    for name in old:
        if name not in new:
            yield Row("removed", "", _image(old[name]), None, pods=(f"location {name!r}",))


def _image(entry: Mapping[str, Any]) -> str:
    image = entry.get("image")
    return f"image {image}" if image else "without an image"


def _by_name(config: Mapping[str, Any]) -> dict[str, Any]:
    """The file with its locations by name, so that each is compared with itself wherever it stands."""
    entries = config.get("locations")
    if not isinstance(entries, list):
        return dict(config)
    names = [entry.get("location_name") if isinstance(entry, dict) else None for entry in entries]
    if None in names or len(set(map(str, names))) < len(names):
        return dict(config)
    return {**config, "locations": {str(name): entry for name, entry in zip(names, entries, strict=True)}}
