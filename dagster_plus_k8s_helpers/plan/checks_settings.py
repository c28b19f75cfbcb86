"""What is wrong with an agent's values, or a code location, that are given in Python: as in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from dagster_plus_k8s_helpers.agent.check_locations import check_container_context
from dagster_plus_k8s_helpers.agent.check_values import check_values
from dagster_plus_k8s_helpers.agent.image_texts import check_image_text
from dagster_plus_k8s_helpers.agent.location_rules import WRONG_VALUE
from dagster_plus_k8s_helpers.agent.pairing import with_variables_of_agents
from dagster_plus_k8s_helpers.agent.yaml_file import read_yaml
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.findings import Finding, Where

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

from dagster_plus_k8s_helpers.agent.yaml_file import YamlDocument

__all__ = ["FromFile", "check_settings"]


class FromFile(dict[str, Any]):
    """Settings out of a file that is checked itself, with its positions."""


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
        return with_variables_of_agents(check_container_context(document), document, agents)

    found = [*_found(check_values, agent, "agent"), *_found(check_context, *_context(location))]
    found += _image(location)
    yield from (finding for finding in found if (finding.code, finding.message) not in said)


def _image(location: Mapping[str, Any] | None) -> Iterator[Finding]:
    image = None if location is None or isinstance(location, FromFile) else location.get("image")
    try:
        check_image_text(image if isinstance(image, str) else "")
    except K8sConfigError as error:
        yield WRONG_VALUE.at(Where(path="location.image"), error.reason)


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
    try:
        text = yaml.safe_dump(_plain(settings), sort_keys=False)
    except yaml.YAMLError:  # what no file can hold, the plan refuses
        return
    documents, _ = read_yaml(text.encode(), name)
    for document in documents:
        for finding in check(document):
            path = finding.where.path
            yield replace(finding, where=Where(path=f"{name}.{path}" if path else name))


def _plain(value: object) -> object:
    """A value of the types that YAML has: a mapping or tuple of another kind is one of those."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
