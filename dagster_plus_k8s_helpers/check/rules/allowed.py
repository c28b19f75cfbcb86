"""Rules for the agent's allowlist: what it refuses or takes away, and what it does not get to see.

The agent holds the merged config of a code location and of run tags against the list, and that of the code
server against the same one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.check.subjects.registry import of_plans, of_tags
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_RUN, OF_SERVER, Hit, shown
from dagster_plus_k8s_helpers.documents.shape import plain_key
from dagster_plus_k8s_helpers.errors import PlanError
from dagster_plus_k8s_helpers.files.places import GENERAL, Element, Field
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.plan.merge.from_files import launcher_config, location_of
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dagster_plus_k8s_helpers.check.subjects.subjects import (
        Asked,
        Planned,
        Surroundings,
    )
    from dagster_plus_k8s_helpers.files.places import PodsOf
    from dagster_plus_k8s_helpers.plan.merge.layers import LayerName

__all__ = ["NOT_ALLOWED", "refused_of_location"]


_FIELDS = "onlyAllowUserDefinedK8sConfigFields"
_VARIABLES = "onlyAllowUserDefinedEnvVars"


NOT_ALLOWED = Rule(
    "DPK518",
    Severity.ERROR,
    "The agent launches nothing that sets a field outside its onlyAllowUserDefinedK8sConfigFields.",
    "leave the field out, or allow it in the agent's values",
)


@of_tags(NOT_ALLOWED)
def not_allowed(asked: Asked) -> Iterator[Hit]:
    """Fields that the code location or the tags of runs set, and the agent refuses."""
    yield from _refused_by_agent(asked.around, _written(asked), _no_fields)


VARIABLE_DROPPED = Rule(
    "DPK542",
    Severity.ERROR,
    "The agent takes every variable away that its onlyAllowUserDefinedEnvVars does not name, and says so in "
    "its own log only.",
    "name the variable in onlyAllowUserDefinedEnvVars of the agent's values, or leave it out",
)


@of_tags(VARIABLE_DROPPED)
def variable_dropped(asked: Asked) -> Iterator[Hit]:
    """Environment variables that the code location or the tags of runs set, and the agent takes away."""
    yield from _refused_by_agent(asked.around, _written(asked), _no_variables)


def refused_of_location(around: Surroundings) -> Iterator[Hit]:
    """The same of the code location alone, whatever it runs."""
    for find in (_no_fields, _no_variables):
        yield from _refused_by_agent(around, _written_by_location(around), find)


def _refused_by_agent(
    around: Surroundings,
    written: Iterable[_Written],
    find: Callable[[_Allowed, _Written], Iterator[Hit]],
) -> Iterator[Hit]:
    allowed = _Allowed.by(around.agent)
    if allowed is not None:
        yield from (hit for item in written for hit in find(allowed, item))


def _no_fields(allowed: _Allowed, written: _Written) -> Iterator[Hit]:
    # The labels of a code location become those of four objects.
    by_key: dict[tuple[object, str], list[tuple[str, object]]] = {}
    for field, value in _fields(written.config):
        if not allowed.has_field(field):
            section, _, key = field.partition(".")
            said = GENERAL.get((section, key), field)
            by_key.setdefault((said, shown(value)), []).append((field, value))
    for (general, _), found in by_key.items():
        fields = [field for field, _ in found]
        text = _no_such_field(fields, found[0][1], written.source)
        at = Field(written.layer, tuple(fields[0].split(".")), written.pods)
        yield _hit(NOT_ALLOWED, text, written, at, cause=str(general))


def _no_variables(allowed: _Allowed, written: _Written) -> Iterator[Hit]:
    for variable in _variables(written.config):
        if not allowed.has_variable(variable["name"]):
            text = _no_such_variable(variable["name"], written.source)
            at = Field(written.layer, ("container_config", "env", Element(variable)), written.pods)
            yield _hit(VARIABLE_DROPPED, text, written, at, cause=variable["name"])


def _hit(rule: Rule, text: str, written: _Written, at: Field, *, cause: str) -> Hit:
    part = f"by {written.source}"
    return Hit(rule, text, of=written.of, layer=written.layer, cause=cause, part=part, fields=(at,))


ALLOWLIST_EVADED = Rule(
    "DPK519",
    Severity.WARNING,
    "The agent applies its allowlist to code locations and run tags. It does not see what the run's pod asks "
    "for its steps: this passes, against what the list is there for.",
    "leave the field out, or allow it in the agent's values",
)


@of_plans(ALLOWLIST_EVADED)
def allowlist_evaded(job: Planned) -> Iterator[Hit]:
    """Fields and variables that the agent would refuse or take away, in layers that it never sees."""
    allowed = _Allowed.by(job.asked.around.agent)
    if allowed is None:
        return
    for group in job.groups[1:]:
        for layer in group.pod.layers:
            if layer.name not in {"executor", "op tags", "per_step_k8s_config"}:
                continue
            config = {**layer.config, **({"namespace": layer.namespace} if layer.namespace else {})}
            for field, value in _fields(config):
                if not allowed.has_field(field):
                    text = _no_such_field([field], value, layer)
                    yield group.hit(ALLOWLIST_EVADED, text, cause=field, part=f"{shown(value)} by {layer}")
            for variable in _variables(config):
                name = variable["name"]
                if not allowed.has_variable(name):
                    text = _no_such_variable(name, layer)
                    yield group.hit(ALLOWLIST_EVADED, text, cause=f"the variable {name}", part=f"by {layer}")


@dataclass(frozen=True)
class _Allowed:
    """What an agent lets code locations and runs set; ``None`` where it lets them set all."""

    fields: frozenset[str] | None
    variables: frozenset[str] | None

    @classmethod
    def by(cls, agent: Mapping[str, Any] | None) -> _Allowed | None:
        """The lists of an agent's values; ``None`` without an agent, or with values that are none."""
        if agent is None:
            return None
        try:
            config = launcher_config(agent)
        except PlanError:  # what the plan will say
            return None
        variables = config.get("only_allow_user_defined_env_vars")
        # Read from the values, for what is a code server's alone does not reach the launcher of runs.
        given = (agent.get("workspace") or {}).get(_FIELDS)
        return cls(
            None if given is None else frozenset(_allowed_fields(given)),
            None if variables is None else frozenset(variables),
        )

    def has_field(self, field: str) -> bool:
        # Of the environment, the names are looked at.
        return self.fields is None or field == "container_config.env" or plain_key(field) in self.fields

    def has_variable(self, name: str) -> bool:
        return self.variables is None or name in self.variables


def _no_such_field(fields: Sequence[str], value: object, source: object) -> str:
    verb, such = ("is", "field") if len(fields) == 1 else ("are", "fields")
    named = " and ".join(fields)
    return f"{named} {verb} {shown(value)} by {source}, and {_FIELDS} of the agent has no such {such}"


def _no_such_variable(name: str, source: object) -> str:
    return f"{name!r} in the environment by {source} is not in {_VARIABLES} of the agent"


def _allowed_fields(given: Mapping[str, Any]) -> Iterator[str]:
    for section, fields in given.items():
        if isinstance(fields, Mapping):
            yield from (plain_key(f"{section}.{name}") for name, is_allowed in fields.items() if is_allowed)
        elif fields:
            yield plain_key(section)


@dataclass(frozen=True)
class _Written:
    """A config that the agent looks at.

    Attributes:
        config: What it says.
        source: Where it is written.
        of: Whose pod it is for.
        layer: Which layer that is.
    """

    config: Mapping[str, Any]
    source: str
    of: str
    layer: LayerName

    @property
    def pods(self) -> PodsOf:
        """Whose pod that is."""
        return "server" if self.of == OF_SERVER else "run"


def _written(asked: Asked) -> Iterator[_Written]:
    """The configs that the agent looks at, as far as they can be read."""
    yield from _written_by_location(asked.around)
    own = asked.job.run_tags.get(K8sConfig.TAG)
    for whose, tags in asked.tags_of_runs:
        text = tags.get(K8sConfig.TAG)
        if text is None or (whose != "the job" and text == own):
            continue
        try:
            config = json.loads(text)
        except (ValueError, RecursionError):  # as the rules for tags say
            continue
        if isinstance(config, Mapping):
            of_job = whose == "the job"
            source = "run tags" if of_job else f"the tags of {whose}"
            yield _Written(config, source, OF_RUN if of_job else whose, "run tags")


def _written_by_location(around: Surroundings) -> Iterator[_Written]:
    from dagster_k8s.container_context import K8sContainerContext

    if around.location is None:
        return
    try:
        file = location_of(around.location)
    except PlanError:  # as above
        return
    context = K8sContainerContext.create_from_config(file.container_context)
    source = f"the code location {file.name or '<without a name>'!r}"
    namespace = {"namespace": context.namespace} if context.namespace else {}
    run, server = context.run_k8s_config.to_dict(), context.server_k8s_config.to_dict()
    of_server = _less(server, run)
    of_run = _less(run, server)
    # What is said of both, once.
    yield _Written(_less(run, of_run), source, f"{OF_RUN} and {OF_SERVER}", "location")
    yield _Written({**of_run, **namespace}, source, OF_RUN, "location")
    yield _Written(of_server, source, OF_SERVER, "location")


def _less(config: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a config that another does not say alike."""
    return {
        section: {
            name: value
            for name, value in config[section].items()
            if (other.get(section) or {}).get(name) != value
        }
        for section in _SECTIONS
        if section in config
    }


def _fields(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for section, fields in config.items():
        if section == "namespace":
            yield section, fields
        elif section in _SECTIONS and isinstance(fields, Mapping):
            yield from ((f"{section}.{field}", value) for field, value in fields.items())


def _variables(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    container = config.get("container_config")
    env = container.get("env") if isinstance(container, Mapping) else None
    for variable in env if isinstance(env, list) else ():
        if isinstance(variable, Mapping) and isinstance(variable.get("name"), str):
            yield variable


_SECTIONS = (
    "container_config",
    "pod_spec_config",
    "pod_template_spec_metadata",
    "job_metadata",
    "job_spec_config",
    "deployment_metadata",
    "service_metadata",
    "service_spec_config",
)
