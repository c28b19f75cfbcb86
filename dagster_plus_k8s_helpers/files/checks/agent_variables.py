"""Which environment variables an agent has, by its values: of them a bare KEY is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.files.sections.env_entries import names_in_env
from dagster_plus_k8s_helpers.files.sections.placeholders import has_placeholder
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster_plus_k8s_helpers.findings.finding import Finding, Where

__all__ = ["Given", "given_by", "not_given"]

BARE_ENV_VAR = Rule(
    "DPK307",
    Severity.WARNING,
    "A bare KEY is read from the environment of the process that resolves it: the agent for code servers "
    "and runs, the run pod for steps. Where it is not set, nothing starts: an error when the agent's values "
    "are given and set none. An entry of env that has a name only is empty text.",
    "write KEY=VALUE, name a Secret in env_secrets, or give the agent's values with the file",
)

_ALWAYS = frozenset({"HOME", "HOSTNAME", "LANG", "PATH"})
_ALWAYS_BEGIN = ("DAGSTER_", "KUBERNETES_", "PYTHON")
"""What Kubernetes, the chart and the image set in every container of an agent."""
_IMAGE = "dagster/dagster-cloud-agent"


class Given(Enum):
    """Whether agents have a variable."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def given_by(agents: Sequence[Mapping[str, object]], name: str) -> Given:
    """Whether every one of the agents has a variable.

    What a Secret or a ConfigMap in ``envFrom`` gives, and what an image of one's own sets, is not in the
    values: the one is made to give variables, of the other nobody knows.

    Args:
        agents: Helm values of agents, one at least.
        name: The variable.
    """
    found = {_given(agent, name) for agent in agents}
    return Given.NO if Given.NO in found else Given.UNKNOWN if Given.UNKNOWN in found else Given.YES


def not_given(where: Where, name: str) -> Finding:
    """The finding for a variable that an agent is known not to have."""
    message = f"{name!r} has no value, and dagsterCloudAgent.env of the agent's values does not set it"
    fix = f"set {name} in dagsterCloudAgent.env or envFrom, or write {name}=VALUE"
    return replace(BARE_ENV_VAR.at(where, message, fix=fix), severity=Severity.ERROR)


def _given(agent: Mapping[str, object], name: str) -> Given:
    section = agent.get("dagsterCloudAgent")
    own = section if isinstance(section, Mapping) else {}
    if name in names_in_env(own.get("env")) or own.get("envFrom"):
        return Given.YES
    if has_placeholder(name):
        return Given.UNKNOWN
    if name in _ALWAYS or name.startswith(_ALWAYS_BEGIN):
        return Given.YES
    image = own.get("image")
    repository = image.get("repository") if isinstance(image, Mapping) else None
    return Given.UNKNOWN if repository and not str(repository).endswith(_IMAGE) else Given.NO
