"""Checking files: each by its kind, and those together that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.check.files.pairs import pairs_of
from dagster_plus_k8s_helpers.check.files.source import Source
from dagster_plus_k8s_helpers.documents.document import YamlDocument, read_yaml
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, check_of, kind_of, may_be_empty
from dagster_plus_k8s_helpers.files.checks.pairing import (
    QUEUE_NOT_SERVED,
    check_queues,
    with_variables_of_agents,
)
from dagster_plus_k8s_helpers.findings.finding import Finding, Place, not_too_many
from dagster_plus_k8s_helpers.findings.waivers import after_waivers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Source", "check_sources", "one_a_cause"]


def check_sources(sources: Sequence[Source]) -> list[Finding]:
    """Everything that is wrong with files, in their order.

    Code locations are paired with the agents whose values are among the files.
    """
    findings: dict[str, list[Finding]] = {source.name: [] for source in sources}
    by_kind: dict[FileKind, list[YamlDocument]] = {kind: [] for kind in FileKind}
    for source in {source.name: source for source in sources}.values():
        documents, found = read_yaml(source.content, source.name)
        findings[source.name] += [] if may_be_empty(source.name, found) else found
        for document in documents:
            kind = kind_of(document)
            if isinstance(kind, Finding):
                findings[source.name].append(kind)
            else:
                by_kind[kind].append(document)
                findings[source.name] += check_of(kind)(document)
    agents = [document.data for document in by_kind[FileKind.VALUES] if isinstance(document.data, Mapping)]
    for finding in check_queues(by_kind[FileKind.LOCATIONS], agents):
        findings[finding.where.file].append(finding)
    for document in (*by_kind[FileKind.LOCATIONS], *by_kind[FileKind.CONTAINER_CONTEXT]):
        findings[document.file] = with_variables_of_agents(findings[document.file], document, agents)
    causes = _check_pods(by_kind, [finding for found in findings.values() for finding in found])
    for finding in causes:
        findings[finding.where.file].append(finding)
    texts = {source.name: source.content.decode("utf-8-sig", errors="replace") for source in sources}
    return [
        finding
        for name, found in findings.items()
        # Each document of a file says where the second one begins.
        for finding in not_too_many(
            one_a_cause(
                sorted(after_waivers(texts[name], name, list(dict.fromkeys(found))), key=_position), causes
            )
        )
    ]


def one_a_cause(findings: Iterable[Finding], causes: Mapping[Finding, str]) -> Iterator[Finding]:
    """Once what many lines show: a queue that no agent serves, a Secret of which each reads a key.

    Args:
        findings: What was found.
        causes: What is at the root of those that the pods of files have.
    """
    found: dict[tuple[object, ...], list[Finding]] = {}
    for item in findings:
        line = () if item.code == QUEUE_NOT_SERVED.code else (item.where, item.fix)
        cause = causes.get(item)
        found.setdefault(
            (item.code, item.severity, *((cause,) if cause else (item.message, *line))), []
        ).append(item)
    for first, *others in found.values():
        places = tuple(Place(item.where) for item in (first, *others)) if others else ()
        yield replace(first, places=places or first.places)


def _check_pods(
    by_kind: Mapping[FileKind, Sequence[YamlDocument]], known: Sequence[Finding]
) -> dict[Finding, str]:
    """What is wrong with the pods that the files make together, where one can be wrong; with its cause."""
    kinds = (FileKind.VALUES, FileKind.LOCATIONS, FileKind.CONTAINER_CONTEXT)
    pairs = [pair for pair in pairs_of(*(by_kind[kind] for kind in kinds)) if not pair.is_plain]
    if not pairs:
        return {}
    from dagster_plus_k8s_helpers.check.files.pods import check_pods  # noqa: PLC0415 - needs dagster_k8s

    return check_pods(pairs, known)


def _position(finding: Finding) -> tuple[int, int, str]:
    return finding.where.line, finding.where.column, finding.code
