"""Code locations and the agents that serve them, paired by their queues."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.agent.helm_values import AgentValues
from dagster_plus_k8s_helpers.agent.keys import corrected, names_of
from dagster_plus_k8s_helpers.agent.location_rules import QUEUE_NOT_SERVED
from dagster_plus_k8s_helpers.agent.locations import DagsterCloudConfig
from dagster_plus_k8s_helpers.agent.yaml_file import shown_path
from dagster_plus_k8s_helpers.errors import did_you_mean
from dagster_plus_k8s_helpers.findings import Where

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.agent.yaml_file import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings import Finding

__all__ = ["check_agents_and_locations", "check_queues", "served_by"]


def served_by(data: object, index: int, agents: Sequence[object]) -> list[int]:
    """Which of the agents serve a location.

    Args:
        data: What the dagster_cloud.yaml holds.
        index: Number of the location in it.
        agents: Helm values of agents.
    """
    config = _mapping(data)
    locations = config.get("locations")
    location = _mapping(locations[index]) if isinstance(locations, list) else {}
    queue = location.get("agent_queue", _mapping(config.get("defaults")).get("agent_queue"))
    return [
        number
        for number, agent in enumerate(map(_mapping, agents))
        if (_serves_default(agent) if queue is None else isinstance(queue, str) and queue in _queues(agent))
    ]


def check_queues(locations: Sequence[YamlDocument], agents: Sequence[Mapping[str, object]]) -> list[Finding]:
    """Code locations that none of the agents serves; nothing when no agent is given.

    Args:
        locations: dagster_cloud.yaml files.
        agents: Helm values of agents, as they were read.
    """
    meant = [_mapping(corrected(names_of(AgentValues), agent, {})) for agent in agents]
    return [
        finding
        for document in locations
        for finding in _check(
            _mapping(corrected(names_of(DagsterCloudConfig), document.data, {})), meant, document.where
        )
    ]


def check_agents_and_locations(
    agents: AgentValues | Sequence[AgentValues], config: DagsterCloudConfig
) -> list[Finding]:
    """What is wrong between agents and code locations: locations whose queue none of the agents serves.

    ``dagster-plus-k8s check`` says the same of files that are given together.

    Args:
        agents: The values of each agent of the deployment; nothing is found when there is none.
        config: Its code locations.
    """
    given = agents if isinstance(agents, Sequence) else [agents]
    data = config.to_dict()
    return _check(data, [agent.to_dict() for agent in given], lambda path: Where(path=shown_path(path)))


def _check(
    data: Mapping[str, object], agents: Sequence[Mapping[str, object]], where: Callable[[Path], Where]
) -> list[Finding]:
    if not agents:
        return []
    served = {queue for agent in agents for queue in _queues(agent)}
    serves_default = any(_serves_default(agent) for agent in agents)
    default = _mapping(data.get("defaults")).get("agent_queue")
    locations = data.get("locations")
    findings = []
    for index, location in enumerate(locations if isinstance(locations, list) else []):
        if not isinstance(location, Mapping):
            continue
        path: Path = ("locations", index)
        own = location.get("agent_queue")
        queue = own if own is not None else default
        if isinstance(queue, str) and queue not in served:
            spot = where((*path, "agent_queue") if own is not None else ("defaults", "agent_queue"))
            known = f"; the agents serve {', '.join(map(repr, sorted(served)))}" if served else ""
            message = f"no agent serves the queue {queue!r}{did_you_mean(queue, served) or known}"
            findings.append(QUEUE_NOT_SERVED.at(spot, message))
        elif queue is None and not serves_default:
            message = "the location is in the default queue, which no agent serves"
            fix = "write agent_queue and one of the queues served"
            findings.append(QUEUE_NOT_SERVED.at(where((*path, "location_name")), message, fix=fix))
    return list(dict.fromkeys(findings))


def _queues(agent: Mapping[str, object]) -> set[str]:
    queues = _agent_queues(agent).get("additionalQueues")
    return {queue for queue in queues if isinstance(queue, str)} if isinstance(queues, list) else set()


def _serves_default(agent: Mapping[str, object]) -> bool:
    return _agent_queues(agent).get("includeDefaultQueue", True) is not False


def _agent_queues(agent: Mapping[str, object]) -> Mapping[str, object]:
    return _mapping(_mapping(_mapping(agent).get("dagsterCloud")).get("agentQueues"))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
