"""Where a key belongs that stands in a section of the values that does not have it.

The pods of the agent are set in ``dagsterCloudAgent``, those of your code in ``workspace``: a key about the
one is never sent to the other.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, get_args

from dagster_plus_k8s_helpers.documents.document import Path, shown_path
from dagster_plus_k8s_helpers.files.sections.section import Section
from dagster_plus_k8s_helpers.files.values.agent_values import AgentValues
from dagster_plus_k8s_helpers.files.values.pods import RUN_MODELS, SERVER_MODELS, AllowedFields
from dagster_plus_k8s_helpers.files.values.section import camel_case
from dagster_plus_k8s_helpers.files.values.workspace import ServerTTL
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.objects.schema import field_types

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["IN_ANY_SPEC", "home_of", "sections"]

_AGENT = "dagsterCloudAgent"
IN_ANY_SPEC = f"{_AGENT}.additionalPodSpecConfig"
"""Where what a chart has no key for reaches the agent's pod."""
_CODE = "workspace"
_OWN_WAY = {
    _AGENT: {
        "envconfigmaps": "dagsterCloudAgent.envFrom: [{configMapRef: {name: ...}}]",
        "envsecrets": "dagsterCloudAgent.envFrom: [{secretRef: {name: ...}}]",
        "envvars": "dagsterCloudAgent.env: {NAME: value}",
        "imagepullpolicy": "dagsterCloudAgent.image.pullPolicy",
        "serviceaccountname": "serviceAccount.name",
    },
    _CODE: {
        "env": "workspace.envVars: [NAME=value]",
        "envfrom": "workspace.envSecrets or workspace.envConfigMaps",
        "imagepullpolicy": "workspace.pullPolicy",
        "k8sapicabundlepath": "dagsterCloudAgent.k8sApiCaBundlePath",
        "kubeconfigfile": "dagsterCloudAgent.kubeconfigFile",
    },
}
"""What either section says in a way of its own."""

_NOT_FOR_USERS = {"args", "command", "containers", "image", "name"}
"""Fields of a pod that the chart and Dagster fill in."""


def home_of(key: str, section: Path) -> str:
    """What to write instead of a key; empty when that is not known.

    Args:
        key: The key, in any spelling.
        section: Where it stands, which does not have it.
    """
    plain = _plain(key)
    for pods in (_AGENT, _CODE):
        if section[:1] == (pods,):
            return _of_pods(plain, pods) or _elsewhere(plain, {pods, *_not_about(plain, pods)})
    agent, code = _of_pods(plain, _AGENT), _of_pods(plain, _CODE)
    homes = list(filter(None, [_elsewhere(plain, {_AGENT, _CODE})]))
    if not homes or agent != code:
        both = agent and code and agent != code
        homes += [f"{agent} for the agent" if both else agent] if agent and agent not in homes else []
        homes += [f"{code} for your code" if both else code] if code and code not in homes else []
    return ", or ".join(homes)


def sections(section: type[Section], path: Path) -> Iterator[tuple[type[Section], Path]]:
    """A section and every one in it, with where it stands."""
    yield section, path
    for name, info in section.model_fields.items():
        for kind in get_args(info.annotation) or (info.annotation,):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from sections(kind, (*path, info.alias or name))


def _of_pods(plain: str, pods: str) -> str:
    """Where a key belongs when it is about the pods that a section is for."""
    places = _homes().get(plain, [])
    own = [place for place in places if place[0] == pods or len(place) == 1]
    if plain in _OWN_WAY[pods]:
        return _OWN_WAY[pods][plain]
    if own:
        return shown_path(own[0])
    return _in_config_of_code(plain) if pods == _CODE else _in_spec_of_agent(plain)


def _elsewhere(plain: str, not_in: set[str]) -> str:
    """The one or two other sections that have a key."""
    places = [place for place in _homes().get(plain, []) if place[0] not in not_in]
    return " or ".join(map(shown_path, places)) if len(places) <= 2 else ""


def _not_about(plain: str, pods: str) -> set[str]:
    """The sections that a key in the section of these pods cannot have been meant for."""
    if pods == _CODE:
        return {_AGENT, "serviceAccount"}
    # What the agent's pods cannot have, such as serverTTL, can be about your code only.
    models = ("V1PodSpec", "V1Container", "V1ObjectMeta")
    return {_CODE} if any(plain in map(_plain, field_types(model)) for model in models) else set()


def _in_spec_of_agent(plain: str) -> str:
    camel = _fields("V1PodSpec").get(plain)
    return f"{IN_ANY_SPEC}: {{{camel}: ...}}" if camel else ""


def _in_config_of_code(plain: str) -> str:
    for models, configs in (
        (RUN_MODELS.keys() & SERVER_MODELS.keys(), "runK8sConfig or serverK8sConfig"),
        (RUN_MODELS.keys(), "runK8sConfig"),
        (SERVER_MODELS.keys(), "serverK8sConfig"),
    ):
        for name in models:
            if _plain(name) == plain:
                return f"{_CODE}.{configs}: {{{name}: ...}}"
    named = {_plain(name): field for name, field in K8sConfig.FIELDS.items()}
    found = [(camel_case(named[plain].section), named[plain].key)] if plain in named else []
    found += [(name, plain) for name in ("podSpecConfig", "containerConfig")]
    for name, key in found:
        camel = _fields(RUN_MODELS[name]).get(_plain(key))
        if camel:
            configs = "runK8sConfig or serverK8sConfig" if name in SERVER_MODELS else "runK8sConfig"
            return f"{_CODE}.{configs}: {{{name}: {{{camel}: ...}}}}"
    return ""


@cache
def _fields(model: str) -> Mapping[str, str]:
    """The fields of a model that users set, by what their spellings have in common."""
    camel = [row.camel for row in field_types(model).values()]
    return {_plain(name): name for name in camel if name not in _NOT_FOR_USERS}


@cache
def _homes() -> Mapping[str, list[Path]]:
    """Where each key may stand, outside of sections whose keys are names for something else."""
    homes: dict[str, list[Path]] = {}
    apart = [path for section, path in sections(AgentValues, ()) if section in {AllowedFields, ServerTTL}]
    for section, path in sections(AgentValues, ()):
        if any(path[: len(other)] == other for other in apart):
            continue
        for name, info in section.model_fields.items():
            key = info.alias or name
            homes.setdefault(_plain(key), []).append((*path, key))
    return homes


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
