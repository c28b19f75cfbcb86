"""What is wrong with dagster_cloud.yaml, container_context.yaml and build.yaml, all of it, with positions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.documents.document import parse_path
from dagster_plus_k8s_helpers.files.checks.catalogue.locations import (
    AMOUNT_OUTSIDE_LIMITS,
    DUPLICATE_LOCATION,
    LATER_DOCUMENT,
    LOST_SHALLOW,
    MISPLACED_KEY,
    WRONG_VALUE,
)
from dagster_plus_k8s_helpers.files.checks.locations.env import check_env, check_mounts
from dagster_plus_k8s_helpers.files.checks.locations.keys import check_location_keys, with_config_keys
from dagster_plus_k8s_helpers.files.checks.locations.resources import check_merged_resources
from dagster_plus_k8s_helpers.files.checks.reasons import (
    IS_ABOVE_LIMIT,
    above_limit,
    as_written,
    both_spellings,
    first_line,
)
from dagster_plus_k8s_helpers.files.locations.container_context import ContainerContext
from dagster_plus_k8s_helpers.files.locations.locations import (
    Build,
    CodeLocation,
    DagsterCloudConfig,
    LocationDefaults,
)
from dagster_plus_k8s_helpers.files.locations.variables import K8sPart, repeated
from dagster_plus_k8s_helpers.files.sections.all_problems import all_problems, innermost
from dagster_plus_k8s_helpers.files.sections.credentials import check_credentials
from dagster_plus_k8s_helpers.files.sections.image_texts import is_filled_in_later
from dagster_plus_k8s_helpers.files.sections.keys import corrected, names_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.files.sections.section import Problem, Section
    from dagster_plus_k8s_helpers.findings.finding import Finding, Where

__all__ = ["check_build", "check_container_context", "check_location", "check_locations"]


def check_locations(document: YamlDocument) -> list[Finding]:
    """What is wrong with a dagster_cloud.yaml, in the order in which it stands there."""
    reading = _Reading(document, DagsterCloudConfig)
    findings = reading.findings()
    data = reading.data
    if isinstance(data, Mapping):
        default = _k8s_part(reading, data.get("defaults"), ("defaults",))
        parts = [
            _k8s_part(reading, location, ("locations", index))
            for index, location in enumerate(_list(data.get("locations")))
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
    reading = _Reading(document, CodeLocation)
    part = _k8s_part(reading, reading.data, ())
    findings = [*reading.findings(), *reading.problems(CodeLocation, reading.data, (), part)]
    return _in_order([*findings, *check_env([part], None), *_check_shallow(part)])


def check_container_context(document: YamlDocument) -> list[Finding]:
    """What is wrong with a container_context.yaml, in the order in which it stands there."""
    reading = _Reading(document, ContainerContext, _wrapped_in(document, "container_context"))
    path = (*reading.base, "k8s")
    part = K8sPart(_mapping(_mapping(reading.data).get("k8s")), path, reading.where)
    findings = [*reading.findings(), *reading.problems(ContainerContext, reading.data, reading.base, part)]
    findings += [*check_env([part], None), *_check_shallow(part)]
    return _in_order(findings)


def check_build(document: YamlDocument) -> list[Finding]:
    """What is wrong with a build.yaml, in the order in which it stands there."""
    reading = _Reading(document, Build, _wrapped_in(document, "build"))
    return _in_order([*reading.findings(), *reading.problems(Build, reading.data, reading.base)])


def _wrapped_in(document: YamlDocument, key: str) -> Path:
    """The path of what a file should hold, where it stands under a key as in dagster_cloud.yaml."""
    data = document.data
    return (key,) if isinstance(data, Mapping) and data.keys() == {key} else ()


class _Reading:
    """A document as a section should read it: with the keys that were meant, and where they stand.

    Attributes:
        base: Where it stands that the section should read.
        data: What is there, every key as it was meant.
    """

    def __init__(self, document: YamlDocument, section: type[Section], base: Path = ()) -> None:
        self.document = document
        self.base = base
        self._renamed: dict[Path, str] = {}
        written = _mapping(document.data)[str(base[0])] if base else document.data
        found = corrected(names_of(section), written, self._renamed, base)
        self.data = with_config_keys(found, self._renamed, base)
        self._key_findings = check_location_keys(document, section, written, base)
        if base:
            where = document.where(base, key=True)
            message = f"the file holds what {base[0]!r} has in dagster_cloud.yaml, and not the key itself"
            fix = f"write at the top what stands below {base[0]!r}"
            self._key_findings.append(MISPLACED_KEY.at(where, message, fix=fix))
        self._said = {parse_path(finding.where.path) for finding in self._key_findings}

    def findings(self) -> list[Finding]:
        """What is wrong with the keys, what looks like a credential, and a document too many."""
        found = [*self._key_findings, *check_credentials(self.document)]
        if self.document.second is not None:
            found.append(LATER_DOCUMENT.at(self.document.second, "a second document begins here"))
        return found

    def where(self, path: Path, *, key: bool = False) -> Where:
        """Where a path into `data` stands in the file."""
        return self.document.where(self._original(path), key=key)

    def problems(
        self, section: type[Section], data: object, path: Path, part: K8sPart | None = None
    ) -> list[Finding]:
        """What keeps the data at ``path`` from being read, and `check_env` does not find in ``part``."""
        known = [found[len(path) :] for found in repeated(part)] if part else []
        found = all_problems(section, data, known)
        return [finding for problem in found for finding in self._said_of(problem, path)]

    def _said_of(self, problem: Problem, path: Path) -> Iterator[Finding]:
        here = (*path, *problem.path)
        original = self._original(here)
        if original in self._said or problem.reason == "Keys should be strings":
            return
        if is_filled_in_later(self.document.data, original, problem.reason):
            return
        in_two = both_spellings(self.document, original, problem.reason)
        if in_two:
            yield in_two
            return
        reason = _without_value(here, as_written(self.document, original, problem.reason))
        if reason.endswith(" twice; keep one of the two"):
            reason = reason.replace(" twice;", f" twice{first_line(self.document, original)};")
        is_amount = len(here) > 1 and here[-2] == "resources"
        if is_amount and self._is_there(here) and _AMOUNT.fullmatch(str(here[-1])):
            yield AMOUNT_OUTSIDE_LIMITS.at(
                self.where(here, key=True),
                f"{here[-1]!r} stands outside of limits and requests",
                fix=f"write resources: {{limits: {{{here[-1]}: ...}}}}",
            )
            return
        message, advice = _message_and_advice(reason)
        # A field that does not exist is named by the message and pointed at itself.
        is_field = bool(here) and isinstance(here[-1], str) and repr(here[-1]) in message
        shown = message if is_field else f"{_last(original)}{message}"
        fix = advice or _in_short(here, problem.value) or _advice(original, message)
        yield WRONG_VALUE.at(self.where(here, key=is_field), shown, fix=fix)

    def _is_there(self, path: Path) -> bool:
        return innermost(self.data, path) == path

    def _original(self, path: Path) -> Path:
        return tuple(self._renamed.get(path[: end + 1], part) for end, part in enumerate(path))


_AMOUNT = re.compile(r"cpu|memory|gpu|storage|ephemeral[-_]?storage|hugepages-.*|.*/.*", re.IGNORECASE)


def _message_and_advice(reason: str) -> tuple[str, str]:
    """What is wrong, and what to write instead where the reason says so."""
    if IS_ABOVE_LIMIT in reason:
        return above_limit(reason)
    message, _, advice = reason.partition("; ")
    if advice in _ADVICE_FOR_PYTHON:
        return message, "leave it out"
    meant = re.fullmatch(r"did you mean ('.*')\?", advice, re.DOTALL)
    return (reason, f"write {meant[1]}") if meant else (message, advice)


_ADVICE_FOR_PYTHON = ("leave it out with .without(...)", "only .pod_spec() can have them")


def _in_short(path: Path, value: object) -> str:
    """What to write in a list of texts instead of the mapping that Kubernetes would have there."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return ""
    ((key, said),) = value.items()
    if path[-2:-1] == ("env_vars",) and not isinstance(said, Mapping | list):
        return f"write {key}=..."
    return f"write {said}" if path[-2:-1] in _NAMES and key == "name" and isinstance(said, str) else ""


_NAMES = (("env_secrets",), ("env_config_maps",))
"""Lists of names."""


def _advice(path: Path, message: str) -> str:
    """What to write instead where the reason leaves it open."""
    wanted = re.match(r"must be (.+), not ", message)
    if wanted:
        return f"write {wanted[1]}"
    if message == "is missing":
        return f"add the key {path[-1]!r}" if path else ""
    if message.startswith("must name one of"):
        return "write module_name and the module" if message.endswith("none") else "keep exactly one of them"
    return ""


def _last(path: Path) -> str:
    """The name of the value that a message is about."""
    named = [part for part in path if isinstance(part, str)]
    return f"{named[-1]}: " if named else ""


def _without_value(path: Path, reason: str) -> str:
    """The reason without advice that repeats the value of an environment variable, which may be a secret."""
    return reason.partition("; write")[0] if path[-1:] == ("value",) else reason


def _check_shape(
    reading: _Reading, data: Mapping[str, object], default: K8sPart, parts: list[K8sPart]
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
    for index, (location, part) in enumerate(zip(_list(data.get("locations")), parts, strict=True)):
        yield from reading.problems(CodeLocation, location, ("locations", index), part)


def _check_names(reading: _Reading, data: Mapping[str, object]) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for index, location in enumerate(_list(data.get("locations"))):
        name = _mapping(location).get("location_name")
        path = ("locations", index, "location_name")
        if isinstance(name, str) and name in first:
            line = reading.where(first[name]).line
            yield DUPLICATE_LOCATION.at(
                reading.where(path), f"the location {name!r} is there already, on line {line}"
            )
        elif isinstance(name, str):
            first[name] = path


def _check_shallow(part: K8sPart) -> Iterator[Finding]:
    config = _mapping(part.k8s.get("run_k8s_config"))
    if config.get("merge_behavior") == "SHALLOW":
        where = part.where((*part.path, "run_k8s_config", "merge_behavior"))
        yield LOST_SHALLOW.at(where, "SHALLOW is lost for run pods whose job has no dagster-k8s/config tag")


def _k8s_part(reading: _Reading, location: object, path: Path) -> K8sPart:
    context = _mapping(_mapping(location).get("container_context"))
    return K8sPart(_mapping(context.get("k8s")), (*path, "container_context", "k8s"), reading.where)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _in_order(findings: list[Finding]) -> list[Finding]:
    """In the order of the file, and each once: an anchor brings what is below it to several places."""
    unique: dict[tuple[object, ...], Finding] = {}
    for item in findings:
        unique.setdefault((item.code, item.where.line, item.where.column, item.message), item)
    return sorted(unique.values(), key=lambda item: (item.where.line, item.where.column, item.code))
