"""Everything that is wrong with an agent's Helm values, each with its place and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.credentials.telling import check_credentials
from dagster_plus_k8s_helpers.documents.document import Path, parse_path, read_yaml
from dagster_plus_k8s_helpers.documents.shape import at
from dagster_plus_k8s_helpers.errors import did_you_mean
from dagster_plus_k8s_helpers.files.checks.reasons import NO_SUCH_FIELD, finding_of, unknown_field
from dagster_plus_k8s_helpers.files.checks.values.homes import sections
from dagster_plus_k8s_helpers.files.checks.values.keys import (
    MISPLACED_KEY,
    newer_key,
    sharpened,
)
from dagster_plus_k8s_helpers.files.checks.values.pairs import check_pairs
from dagster_plus_k8s_helpers.files.sections.all_problems import all_problems
from dagster_plus_k8s_helpers.files.sections.image_texts import is_filled_in_later
from dagster_plus_k8s_helpers.files.sections.keys import (
    MISSPELT_KEY,
    WRONG_CASE,
    Keys,
    each_shown,
    names_of,
)
from dagster_plus_k8s_helpers.files.sections.known_keys import (
    is_newer_section,
)
from dagster_plus_k8s_helpers.files.sections.kubernetes_keys import check_spelling, check_spelling_of_field
from dagster_plus_k8s_helpers.files.sections.kubernetes_values import Kubernetes
from dagster_plus_k8s_helpers.files.sections.refusals import refusals
from dagster_plus_k8s_helpers.files.values.agent_values import AgentValues
from dagster_plus_k8s_helpers.files.values.pods import ALLOWED_MODELS, SERVER_MODELS, AllowedFields, PodConfig
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, not_too_many
from dagster_plus_k8s_helpers.findings.waivers import after_waivers
from dagster_plus_k8s_helpers.pod.objects.schema import field_types

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import YamlDocument
    from dagster_plus_k8s_helpers.files.sections.section import Section
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_values", "check_values_file"]

LOG_MANAGER = Rule(
    "DPK211",
    Severity.ERROR,
    "A compute log manager needs a module, a class and a config.",
    "write all three; an empty config is {}",
)
LATER_DOCUMENT = Rule(
    "DPK212",
    Severity.ERROR,
    "Helm reads the first document of a values file and ignores the others without a word.",
    "put everything into one document, or the other documents into files of their own",
)
NOT_VALUES = Rule(
    "DPK213", Severity.ERROR, "A values file is one mapping.", "write keys such as dagsterCloud and workspace"
)


def check_values_file(content: bytes | str, file: str) -> tuple[list[YamlDocument], list[Finding]]:
    """The documents of a values file, and everything that is wrong with the file and not waived.

    Args:
        content: What the file holds.
        file: Its name, for the findings.
    """
    documents, findings = read_yaml(content, file)
    for document in documents:
        findings += check_values(document)
    text = content if isinstance(content, str) else content.decode("utf-8-sig", errors="replace")
    return documents, not_too_many(after_waivers(text, file, findings))


def check_values(document: YamlDocument) -> list[Finding]:
    """Everything that is wrong with the values in a document, in the order of the document.

    Args:
        document: One document of a values file.
    """
    data = document.data
    if not isinstance(data, Mapping):
        found = "a list" if isinstance(data, list) else "a single value"
        message = f"the values must be a mapping, not {found}"
        return [NOT_VALUES.at(document.where(()), message)]
    keys = Keys()
    meant = keys.read(names_of(AgentValues), data)
    findings = [
        *_later(document),
        *each_shown(keys.findings(document), lambda finding: [sharpened(document, data, finding)]),
        *check_pairs(document, data),
        *check_credentials(document),
    ]
    looked_at: list[Path] = []
    for marker, value, path in _kubernetes_in(AgentValues, data, ()):
        looked_at.append(path)
        findings += _check_pods(document, marker, value, path) if isinstance(marker, PodConfig) else []
        findings += _check_object(document, marker, value, path) if isinstance(marker, Kubernetes) else []
    for path in _ALLOWED:
        findings += _check_allowed(document, at(data, path), path)
        looked_at += [
            (*path, section) for section in ALLOWED_MODELS if _has_names(at(data, (*path, section)))
        ]
    said = {parse_path(finding.where.path) for finding in findings}
    for problem in all_problems(AgentValues, meant, [*looked_at, *_variables_in(said)]):
        path = keys.original(problem.path)
        # The keys have said which are no text.
        if path in said or problem.reason == "Keys should be strings":
            continue
        if is_filled_in_later(data, path, problem.reason):
            continue
        if problem.path[:2] == ("computeLogs", "custom") and problem.reason == "is missing":
            findings.append(LOG_MANAGER.at(document.where(path), f"{path[-1]} is missing"))
        else:
            findings.append(finding_of(document, path, problem.reason, problem.value))
    return sorted(findings, key=lambda finding: (finding.where.line, finding.where.column))


def _variables_in(said: set[Path]) -> list[Path]:
    """Variables that have a finding, so that reading need not stop at each of them."""
    return [path for path in said if path[:2] == ("workspace", "envVars")]


def _later(document: YamlDocument) -> Iterator[Finding]:
    if document.position:
        message = f"these values are document {document.position + 1} of the file"
        yield LATER_DOCUMENT.at(document.where(()), message)


_ALLOWED = [path for section, path in sections(AgentValues, ()) if section is AllowedFields]


def _kubernetes_in(
    section: type[Section], data: Mapping[Any, Any], path: Path
) -> Iterator[tuple[object, object, Path]]:
    """Every value that Kubernetes' own rules are for, what it is, and where it stands."""
    for inner, place in sections(section, path):
        values = at(data, place)
        if not isinstance(values, Mapping):
            continue
        for name, info in inner.model_fields.items():
            key = info.alias or name
            for marker in info.metadata:
                if values.get(key) is not None and _is_of_kubernetes(marker, values[key]):
                    yield marker, values[key], (*place, key)


def _is_of_kubernetes(marker: object, value: object) -> bool:
    if isinstance(marker, Kubernetes):
        return isinstance(value, list) or not marker.or_mapping
    return isinstance(marker, PodConfig)


def _check_object(document: YamlDocument, marker: Kubernetes, value: object, path: Path) -> Iterator[Finding]:
    if marker.field:
        field = field_types(marker.model)[marker.field]
        yield from check_spelling_of_field(document, field, value, path)
    else:
        yield from check_spelling(document, marker.model, value, path)
    yield from _refused(document, marker.read, value, path)


def _check_pods(document: YamlDocument, marker: PodConfig, value: object, path: Path) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield from _refused(document, marker.read, value, path)
        return
    models = marker.models
    for key in value:
        if key not in models:
            yield _unknown_section(document, str(key), models, (*path, str(key)))
    known = {key: said for key, said in value.items() if key in models}
    for key, said in known.items():
        yield from check_spelling(document, models[key], said, (*path, key))
    yield from _refused(document, marker.read, known, path)


def _unknown_section(document: YamlDocument, key: str, models: Mapping[str, str], path: Path) -> Finding:
    where = document.where(path, key=True)
    if key in ALLOWED_MODELS:
        owner = (
            "a run has no Deployment and no Service" if key in SERVER_MODELS else "a code server is no Job"
        )
        return NO_SUCH_FIELD.at(where, f"{owner} and takes no {key}", fix="delete it")
    by_plain = {name.lower(): name for name in models}
    plain = key.replace("_", "").lower()
    if plain in by_plain:
        message = f"this file does not spell the key {key!r}"
        return WRONG_CASE.at(where, message, fix=f"write {by_plain[plain]!r}")
    if is_newer_section(key):
        return newer_key(document, path)
    for name, model in models.items():
        if any(key in {field, row.camel} for field, row in field_types(model).items()) and key != "name":
            camel = next(row.camel for field, row in field_types(model).items() if key in {field, row.camel})
            message = f"{key!r} belongs one level further in"
            return MISPLACED_KEY.at(where, message, fix=f"write {name}: {{{camel}: ...}}")
    suggestion = did_you_mean(key, models)
    message = f"there is no key {key!r} here{suggestion}"
    if suggestion:
        return MISSPELT_KEY.at(where, message, fix=f"write {suggestion.split(chr(39))[1]!r}")
    return NO_SUCH_FIELD.at(where, message, fix=f"write one of {', '.join(models)}")


def _refused(document: YamlDocument, read: Any, value: object, path: Path) -> Iterator[Finding]:
    for refusal in refusals(read, value):
        here = (*path, *refusal.path)
        if refusal.reason.startswith("is given twice, as "):
            continue  # check_spelling has said so
        if is_filled_in_later(document.data, here, refusal.reason):
            continue
        if refusal.is_unknown_field:
            yield unknown_field(document, here, refusal.reason)
        else:
            yield finding_of(document, here, refusal.reason, quantity=refusal.is_quantity)


def _has_names(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(said, bool) for said in value.values())


def _check_allowed(document: YamlDocument, value: object, path: Path) -> Iterator[Finding]:
    """What is wrong with the names in the list of fields that users may set."""
    if not isinstance(value, Mapping):
        return
    for section, model in ALLOWED_MODELS.items():
        named = value.get(section)
        types = field_types(model)
        camel_names = [row.camel for row in types.values()]
        for key in named if isinstance(named, Mapping) else ():
            if key in camel_names:
                continue
            where = document.where((*path, section, str(key)), key=True)
            if key in types:
                message = f"this file does not spell the key {key!r}"
                yield WRONG_CASE.at(where, message, fix=f"write {types[key].camel!r}")
                continue
            suggestion = did_you_mean(str(key), camel_names)
            message = f"{section} has no field {key!r}{suggestion}"
            fix = f"write {suggestion.split(chr(39))[1]!r}" if suggestion else ""
            yield (MISSPELT_KEY if suggestion else NO_SUCH_FIELD).at(where, message, fix=fix)
