"""What is wrong with an agent's values, or a code location, that are given in Python: as in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from dagster_plus_k8s_helpers.check.files.pairs import Pair, pair_of_agent
from dagster_plus_k8s_helpers.check.files.plain_pods import PlainPods
from dagster_plus_k8s_helpers.check.files.pods import check_pods
from dagster_plus_k8s_helpers.check.files.sources import one_a_cause
from dagster_plus_k8s_helpers.documents.document import read_yaml
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind, check_of
from dagster_plus_k8s_helpers.files.checks.locations.check import check_image
from dagster_plus_k8s_helpers.files.checks.pairing import with_variables_of_agents
from dagster_plus_k8s_helpers.files.places import LayerFile
from dagster_plus_k8s_helpers.findings.finding import Finding, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.documents.document import YamlDocument

__all__ = ["FromFile", "check_settings", "files_of"]


class FromFile(dict[str, Any]):
    """Settings out of a file that is checked itself, with its positions.

    Args:
        settings: What it holds.
        file: Where the settings stand in it, when findings are to be shown there.
    """

    def __init__(self, settings: Mapping[str, Any], file: LayerFile | None = None) -> None:
        super().__init__(settings)
        self.file = file


def files_of(agent: Mapping[str, Any] | None, location: Mapping[str, Any] | None) -> dict[str, LayerFile]:
    """Where settings stand, by the names of their layers: in their files, or in themselves.

    Args:
        agent: The agent's Helm values.
        location: The code location's entry in ``dagster_cloud.yaml``.
    """
    found = {"agent": _layer_file(agent, "agent"), "location": _layer_file(location, "location")}
    return {name: file for name, file in found.items() if file is not None}


def _layer_file(settings: Mapping[str, Any] | None, name: str) -> LayerFile | None:
    if isinstance(settings, FromFile):
        return settings.file
    document = None if settings is None else _document(settings, name)
    if document is None:
        return None
    if name == "agent":
        return LayerFile.of_values(document, name=name)
    return LayerFile.of_context(document, ("container_context",), name=name)


def check_settings(
    agent: Mapping[str, Any] | None, location: Mapping[str, Any] | None, known: Sequence[Finding]
) -> Iterator[Finding]:
    """What is wrong with settings.

    Args:
        agent: The agent's Helm values.
        location: The code location's entry in ``dagster_cloud.yaml``; its ``container_context`` and its image
            are looked at.
        known: What is found in files already, among which may be the ones that the settings are from.
    """
    said = {(finding.code, finding.message) for finding in known}
    agents = [] if agent is None else [agent]

    def check_context(document: YamlDocument) -> list[Finding]:
        return with_variables_of_agents(check_of(FileKind.CONTAINER_CONTEXT)(document), document, agents)

    found = [*_found(check_of(FileKind.VALUES), agent, "agent"), *_found(check_context, *_context(location))]
    if location is not None and not isinstance(location, FromFile):
        found += check_image(location.get("image"), Where(path="location.image"))
    if not all(isinstance(settings, FromFile | None) for settings in (agent, location)):
        found += _of_pods(agent, location, found)
    yield from (finding for finding in found if (finding.code, finding.message) not in said)


def _of_pods(
    agent: Mapping[str, Any] | None, location: Mapping[str, Any] | None, found: Sequence[Finding]
) -> list[Finding]:
    files = files_of(agent, location)
    pairs = [pair_of_agent(agent, files["agent"])] if agent is not None and "agent" in files else []
    if location is not None and "location" in files:
        pairs.append(Pair(agent, location, None, files, PlainPods(agent)))
    of_pods = check_pods([pair for pair in pairs if not pair.is_plain], found)
    return list(one_a_cause(of_pods, of_pods))


def _context(location: Mapping[str, Any] | None) -> tuple[Mapping[str, Any] | None, str]:
    context = (
        None if location is None or isinstance(location, FromFile) else location.get("container_context")
    )
    return (context if isinstance(context, Mapping) else None), "location.container_context"


def _found(
    check: Callable[[YamlDocument], list[Finding]], settings: Mapping[str, Any] | None, name: str
) -> Iterator[Finding]:
    if not settings or isinstance(settings, FromFile):
        return
    document = _document(settings, name)
    for finding in () if document is None else check(document):
        path = finding.where.path
        yield replace(finding, where=Where(path=f"{name}.{path}" if path else name))


def _document(settings: Mapping[str, Any], name: str) -> YamlDocument | None:
    """Settings as a file would hold them; ``None`` for what no file can hold, which the plan refuses."""
    try:
        text = yaml.safe_dump(_plain(settings), sort_keys=False)
    except yaml.YAMLError:
        return None
    documents, _ = read_yaml(text.encode(), name)
    return documents[0] if documents else None


def _plain(value: object) -> object:
    """A value of the types that YAML has: a mapping or tuple of another kind is one of those."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
