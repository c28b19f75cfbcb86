"""Agents and the code locations that they serve, out of the files that are checked together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.check.files.plain_pods import PlainPods
from dagster_plus_k8s_helpers.files.checks.pairing import served_by
from dagster_plus_k8s_helpers.files.places import LayerFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.documents.document import YamlDocument
    from dagster_plus_k8s_helpers.files.places import PodsOf

__all__ = ["Pair", "longest_list", "pair_of_agent", "pairs_of"]


@dataclass(frozen=True)
class Pair:
    """An agent and a code location that it serves, or one of them alone.

    Attributes:
        values: The agent's Helm values.
        location: The location's entry in dagster_cloud.yaml, without the defaults.
        defaults: The defaults of its file.
        files: Where they are written, by the names of their layers.
        plain_pods: Of the agent.
    """

    values: Mapping[str, Any] | None
    location: Mapping[str, Any] | None
    defaults: Mapping[str, Any] | None
    files: Mapping[str, LayerFile]
    plain_pods: PlainPods

    @cached_property
    def to_merge(self) -> tuple[PodsOf, ...]:
        """Whose pods a rule may have something to say of that it has not to say of the agent alone."""
        return self.plain_pods.not_plain(self._contexts)

    @cached_property
    def is_allowed(self) -> bool:
        """Whether the agent plainly lets pass what the location says."""
        return self.location is None or self.plain_pods.are_allowed(self._contexts)

    @property
    def is_plain(self) -> bool:
        """Whether no rule has anything to say."""
        return not self.to_merge and self.is_allowed

    @cached_property
    def longest(self) -> int:
        """Entries of the longest list that is merged for its pods."""
        workspace = (self.values or {}).get("workspace")
        return max(map(longest_list, [workspace, *self._contexts]), default=0)

    @property
    def _contexts(self) -> list[object]:
        if self.location is None:
            return []
        return [entry.get("container_context") for entry in (self.defaults or {}, self.location)]


def pairs_of(
    values: Sequence[YamlDocument], locations: Sequence[YamlDocument], contexts: Sequence[YamlDocument]
) -> list[Pair]:
    """Each agent alone, and each location with each of the agents that serve it, or alone without any.

    Args:
        values: Helm values of agents.
        locations: dagster_cloud.yaml files.
        contexts: container_context.yaml files; of the only agent, if there is one.
    """
    agents = [pair_of_agent(document.data, LayerFile.of_values(document)) for document in _mappings(values)]
    found = [*agents]
    for document in _mappings(locations):
        defaults = document.data.get("defaults")
        defaults = defaults if isinstance(defaults, Mapping) else None
        for index, location in _locations(document.data):
            file = LayerFile.of_location(document, index)
            serving = served_by(document.data, index, [agent.values for agent in agents])
            found += _with_agents(location, defaults, file, [agents[number] for number in serving])
    for document in _mappings(contexts):
        base = ("container_context",) if document.data.keys() == {"container_context"} else ()
        context = document.data["container_context"] if base else document.data
        file = LayerFile.of_context(document, base)
        one = agents if len(agents) == 1 else []
        found += _with_agents({"container_context": context}, None, file, one)
    return found


def pair_of_agent(values: Mapping[str, Any], file: LayerFile) -> Pair:
    """An agent alone."""
    return Pair(values, None, None, {"agent": file}, PlainPods(values))


def _with_agents(
    location: Mapping[str, Any],
    defaults: Mapping[str, Any] | None,
    file: LayerFile,
    agents: Sequence[Pair],
) -> Iterator[Pair]:
    for agent in agents or (_NO_AGENT,):
        files = {**agent.files, "location": file}
        yield replace(agent, location=location, defaults=defaults, files=files)


_NO_AGENT = Pair(None, None, None, {}, PlainPods(None))


def longest_list(value: object) -> int:
    """Entries of the longest list in a value."""
    if isinstance(value, Mapping):
        return max(map(longest_list, value.values()), default=0)
    return max([len(value), *map(longest_list, value)]) if isinstance(value, list) else 0


def _mappings(documents: Sequence[YamlDocument]) -> list[Any]:
    return [document for document in documents if isinstance(document.data, Mapping)]


def _locations(data: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    given = data.get("locations")
    for index, location in enumerate(given if isinstance(given, list) else ()):
        if isinstance(location, Mapping):
            yield index, location
