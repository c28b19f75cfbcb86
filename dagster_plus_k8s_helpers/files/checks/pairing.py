"""Code locations and the agents that serve them, paired by their queues, and by the variables they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.documents.document import parse_path, shown_path
from dagster_plus_k8s_helpers.documents.shape import as_mapping, at
from dagster_plus_k8s_helpers.errors import ArgumentError, did_you_mean
from dagster_plus_k8s_helpers.files.checks.agent_variables import BARE_ENV_VAR, Given, given_by, not_given
from dagster_plus_k8s_helpers.files.locations.locations import DagsterCloudConfig
from dagster_plus_k8s_helpers.files.sections.keys import corrected
from dagster_plus_k8s_helpers.files.sections.placeholders import has_placeholder
from dagster_plus_k8s_helpers.files.values.agent_values import AgentValues
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity, Where

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_agents_and_locations", "check_queues", "served_by", "with_variables_of_agents"]

QUEUE_NOT_SERVED = Rule(
    "DPK312",
    Severity.ERROR,
    "A code location whose queue no agent reads never loads.",
    "add the queue to the agentQueues of an agent, or name a queue that one serves",
)


def served_by(data: object, index: int, agents: Sequence[object]) -> list[int]:
    """Which of the agents serve a location.

    Args:
        data: What the dagster_cloud.yaml holds.
        index: Number of the location in it.
        agents: Helm values of agents.
    """
    config = as_mapping(data)
    locations = config.get("locations")
    location = as_mapping(locations[index]) if isinstance(locations, list) else {}
    queue = location.get("agent_queue", as_mapping(config.get("defaults")).get("agent_queue"))
    return [
        number
        for number, agent in enumerate(map(as_mapping, agents))
        if (_serves_default(agent) if queue is None else isinstance(queue, str) and queue in _queues(agent))
    ]


def check_queues(locations: Sequence[YamlDocument], agents: Sequence[Mapping[str, object]]) -> list[Finding]:
    """Code locations that none of the agents serves; nothing when no agent is given.

    Args:
        locations: dagster_cloud.yaml files.
        agents: Helm values of agents, as they were read.
    """
    meant = [as_mapping(corrected(AgentValues, agent)) for agent in agents]
    return [
        finding
        for document in locations
        for finding in _check(as_mapping(corrected(DagsterCloudConfig, document.data)), meant, document.where)
    ]


def with_variables_of_agents(
    findings: Sequence[Finding], document: YamlDocument, agents: Sequence[Mapping[str, object]]
) -> list[Finding]:
    """What was found in a file of code locations, once it is known which variables the agents have.

    Args:
        findings: What was found in the file alone.
        document: The file.
        agents: Helm values of agents, as they were read; nothing changes when there is none.
    """
    settled: list[Finding] = []
    for finding in findings:
        path = parse_path(finding.where.path)
        name = at(document.data, path)
        if not agents or finding.code != BARE_ENV_VAR.code or not isinstance(name, str):
            settled.append(finding)
            continue
        given = given_by(_serving(document.data, path, agents), name)
        if given is Given.NO:
            settled.append(not_given(finding.where, name))
        elif given is Given.UNKNOWN:
            settled.append(finding)
    return settled


@answering
def check_agents_and_locations(
    agents: AgentValues | Sequence[AgentValues], config: DagsterCloudConfig
) -> list[Finding]:
    """What is wrong between agents and code locations.

    That is a location whose queue none of the agents serves, and a bare variable that none of them has.

    ``dagster-plus-k8s check`` says the same of files that are given together.

    Args:
        agents: The values of each agent of the deployment; nothing is found when there is none.
        config: Its code locations.
    """
    several = agents if isinstance(agents, Sequence) else [agents]
    wrong = next((agent for agent in several if not isinstance(agent, AgentValues)), None)
    if wrong is not None:
        raise ArgumentError(f"agents must be AgentValues, not {type(wrong).__name__}")
    if not isinstance(config, DagsterCloudConfig):
        raise ArgumentError(f"config must be a DagsterCloudConfig, not {type(config).__name__}")
    given = [agent.to_dict() for agent in several]
    data = config.to_dict()

    def where(path: Path) -> Where:
        return Where(path=shown_path(path))

    return [*_check(data, given, where), *_check_variables(data, given, where)]


def _check(
    data: Mapping[str, object], agents: Sequence[Mapping[str, object]], where: Callable[[Path], Where]
) -> list[Finding]:
    if not agents:
        return []
    served = {queue for agent in agents for queue in _queues(agent)}
    serves_default = any(_serves_default(agent) for agent in agents)
    default = as_mapping(data.get("defaults")).get("agent_queue")
    locations = data.get("locations")
    findings = []
    for index, location in enumerate(locations if isinstance(locations, list) else []):
        if not isinstance(location, Mapping):
            continue
        path: Path = ("locations", index)
        own = location.get("agent_queue")
        queue = own if own is not None else default
        if has_placeholder(queue) or any(map(has_placeholder, served)):
            continue
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


def _check_variables(
    data: Mapping[str, object], agents: Sequence[Mapping[str, object]], where: Callable[[Path], Where]
) -> Iterator[Finding]:
    """Bare variables of code locations that an agent is known not to have."""
    locations = data.get("locations")
    count = len(locations) if isinstance(locations, list) else 0
    for place in (("defaults",), *(("locations", index) for index in range(count))):
        path: Path = (*place, "container_context", "k8s", "env_vars")
        texts = at(data, path)
        for index, text in enumerate(texts if isinstance(texts, list) else ()):
            here = (*path, index)
            if agents and "=" not in text and given_by(_serving(data, here, agents), text) is Given.NO:
                yield not_given(where(here), text)


def _serving(
    data: object, path: Path, agents: Sequence[Mapping[str, object]]
) -> Sequence[Mapping[str, object]]:
    """The agents that serve the location at a path; all of them for what is said of no one location."""
    location = at(data, path[:2])
    if not isinstance(location, Mapping) or not isinstance(path[1], int):
        return agents
    queue = location.get("agent_queue", at(data, ("defaults", "agent_queue")))
    return [
        agent for agent in agents if (_serves_default(agent) if queue is None else queue in _queues(agent))
    ] or agents


def _queues(agent: Mapping[str, object]) -> set[str]:
    queues = _agent_queues(agent).get("additionalQueues")
    return {queue for queue in queues if isinstance(queue, str)} if isinstance(queues, list) else set()


def _serves_default(agent: Mapping[str, object]) -> bool:
    return _agent_queues(agent).get("includeDefaultQueue", True) is not False


def _agent_queues(agent: Mapping[str, object]) -> Mapping[str, object]:
    return as_mapping(as_mapping(as_mapping(agent).get("dagsterCloud")).get("agentQueues"))
