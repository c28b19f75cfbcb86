"""What is wrong with dagster_cloud.yaml, container_context.yaml and build.yaml, all of it, with positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.documents.shape import as_list, as_mapping
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.checks.locations.env import check_env, check_mounts
from dagster_plus_k8s_helpers.files.checks.locations.keys import REFUSED_KEY
from dagster_plus_k8s_helpers.files.checks.locations.reading import (
    WRONG_VALUE,
    Reading,
)
from dagster_plus_k8s_helpers.files.checks.locations.resources import check_merged_resources
from dagster_plus_k8s_helpers.files.locations.container_context import ContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import (
    Build,
    CodeLocation,
    DagsterCloudConfig,
    LocationDefaults,
)
from dagster_plus_k8s_helpers.files.locations.variables import K8sPart
from dagster_plus_k8s_helpers.files.sections.image_texts import check_image_text
from dagster_plus_k8s_helpers.files.sections.keys import UNKNOWN_KEY
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding, Where

__all__ = [
    "NEWER",
    "check_build",
    "check_container_context",
    "check_image",
    "check_location",
    "check_locations",
]

NEWER = frozenset({UNKNOWN_KEY.code, REFUSED_KEY.code})
"""Codes of what only a newer version reads, and the installed one refuses."""

DUPLICATE_LOCATION = Rule(
    "DPK305",
    Severity.ERROR,
    "Dagster+ tells code locations apart by their names and refuses the file.",
    "give each location a name of its own",
)
LOST_SHALLOW = Rule(
    "DPK310",
    Severity.WARNING,
    "For runs without a dagster-k8s/config tag Dagster merges this in depth, whatever is written here; step "
    "pods honour it.",
    "set merge_behavior in the tags of the job as well, or do without it",
)


_OF_ONE = frozenset({"location_name", "code_source"})


def check_locations(document: YamlDocument) -> list[Finding]:
    """What is wrong with a dagster_cloud.yaml, in the order in which it stands there."""
    keys = document.data.keys() if isinstance(document.data, Mapping) else set()
    if keys >= _OF_ONE and "locations" not in keys:
        whole = WRONG_VALUE.at(
            document.where(()),
            "the file holds one location, and not a list of locations",
            fix="write locations: at the top, and the location below it as an item of a list",
        )
        return [whole, *check_location(document)]
    reading = Reading(document, DagsterCloudConfig)
    findings = reading.findings()
    data = reading.data
    if isinstance(data, Mapping):
        default = _k8s_part(reading, data.get("defaults"), ("defaults",))
        parts = [
            _k8s_part(reading, location, ("locations", index))
            for index, location in enumerate(as_list(data.get("locations")))
        ]
        findings += [*_check_shape(reading, data, default, parts), *_check_names(reading, data)]
        findings += check_env(parts, default)
        findings += [*check_mounts(parts, default), *check_merged_resources(parts, default)]
        findings += [item for part in [default, *parts] for item in _check_shallow(part)]
    else:
        findings += reading.problems(DagsterCloudConfig, data, ())
    return _in_order(findings)


def check_location(document: YamlDocument) -> list[Finding]:
    """What is wrong with one entry of dagster_cloud.yaml that is a document by itself."""
    reading = Reading(document, CodeLocation)
    part = _k8s_part(reading, reading.data, ())
    findings = [*reading.findings(), *reading.problems(CodeLocation, reading.data, (), part)]
    return _in_order([*findings, *check_env([part], None), *_check_shallow(part)])


def check_container_context(document: YamlDocument) -> list[Finding]:
    """What is wrong with a container_context.yaml, in the order in which it stands there."""
    reading = Reading(document, ContainerContext, _wrapped_in(document, "container_context"))
    path = (*reading.base, "k8s")
    part = K8sPart(as_mapping(as_mapping(reading.data).get("k8s")), path, reading.where)
    findings = [*reading.findings(), *reading.problems(ContainerContext, reading.data, reading.base, part)]
    findings += [*check_env([part], None), *_check_shallow(part)]
    return _in_order(findings)


def check_build(document: YamlDocument) -> list[Finding]:
    """What is wrong with a build.yaml, in the order in which it stands there."""
    reading = Reading(document, Build, _wrapped_in(document, "build"))
    return _in_order([*reading.findings(), *reading.problems(Build, reading.data, reading.base)])


def check_image(image: object, where: Where) -> Iterator[Finding]:
    """What is wrong with the image of a location, if it has one.

    Args:
        image: What the location has there.
        where: Where it stands.
    """
    try:
        check_image_text(image if isinstance(image, str) else "")
    except K8sConfigError as error:
        yield WRONG_VALUE.at(where, error.reason)


def _wrapped_in(document: YamlDocument, key: str) -> Path:
    """The path of what a file should hold, where it stands under a key as in dagster_cloud.yaml."""
    data = document.data
    return (key,) if isinstance(data, Mapping) and data.keys() == {key} else ()


def _check_shape(
    reading: Reading, data: Mapping[str, object], default: K8sPart, parts: list[K8sPart]
) -> Iterator[Finding]:
    """Everything that keeps the defaults and each location from being read."""
    if data.get("defaults") is not None:
        yield from reading.problems(LocationDefaults, data["defaults"], ("defaults",), default)
    if "locations" not in data:
        yield WRONG_VALUE.at(
            reading.where(()),
            "the file has no locations",
            fix="write locations: and a list of them",
        )
    elif not isinstance(data["locations"], list):
        yield from (
            finding for finding in reading.problems(DagsterCloudConfig, {"locations": data["locations"]}, ())
        )
    for index, (location, part) in enumerate(zip(as_list(data.get("locations")), parts, strict=True)):
        yield from reading.problems(CodeLocation, location, ("locations", index), part)


def _check_names(reading: Reading, data: Mapping[str, object]) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for index, location in enumerate(as_list(data.get("locations"))):
        name = as_mapping(location).get("location_name")
        path = ("locations", index, "location_name")
        if isinstance(name, str) and name in first:
            line = reading.where(first[name]).line
            yield DUPLICATE_LOCATION.at(
                reading.where(path), f"the location {name!r} is there already, on line {line}"
            )
        elif isinstance(name, str):
            first[name] = path


def _check_shallow(part: K8sPart) -> Iterator[Finding]:
    config = as_mapping(part.k8s.get("run_k8s_config"))
    if config.get("merge_behavior") == "SHALLOW":
        where = part.where((*part.path, "run_k8s_config", "merge_behavior"))
        yield LOST_SHALLOW.at(where, "SHALLOW is lost for run pods whose job has no dagster-k8s/config tag")


def _k8s_part(reading: Reading, location: object, path: Path) -> K8sPart:
    context = as_mapping(as_mapping(location).get("container_context"))
    return K8sPart(as_mapping(context.get("k8s")), (*path, "container_context", "k8s"), reading.where)


def _in_order(findings: list[Finding]) -> list[Finding]:
    """In the order of the file, and each once: an anchor brings what is below it to several places."""
    unique: dict[tuple[object, ...], Finding] = {}
    for item in findings:
        unique.setdefault((item.code, item.where.line, item.where.column, item.message), item)
    return sorted(unique.values(), key=lambda item: (item.where.line, item.where.column, item.code))
