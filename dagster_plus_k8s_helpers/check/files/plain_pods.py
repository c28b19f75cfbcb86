"""Telling at a glance the pods of which no rule has anything to say, without merging their layers.

Only ``dagster_k8s`` merges, and to import it takes longer than to check two hundred code locations. What is
plain is so little that merging cannot make anything wrong of it; everything else is merged and looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from dagster_plus_k8s_helpers.capacity.gpus import is_gpu
from dagster_plus_k8s_helpers.errors import QuantityError, is_one_edit_from
from dagster_plus_k8s_helpers.files.places import GENERAL
from dagster_plus_k8s_helpers.pod.amounts.quantity import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dagster_plus_k8s_helpers.files.places import PodsOf

__all__ = ["PlainPods"]


class PlainPods:
    """Knows the plain pods among those of the code locations that one agent serves, if there is an agent.

    Args:
        agent: Its Helm values; ``None`` without.
    """

    def __init__(self, agent: object) -> None:
        self._agent = agent

    def not_plain(self, contexts: Sequence[object] = ()) -> tuple[PodsOf, ...]:
        """Which pods of a code location are not plain; what the agent alone says of them aside.

        Args:
            contexts: ``container_context`` of the defaults and of the location; none for the pods of the
                agent alone, which are to be looked at as well.
        """
        try:
            said = _of_contexts(contexts) if contexts else None
            return tuple(
                pods for pods in _PODS if not _are_plain(self._said[pods], said[pods] if said else None)
            )
        except _NotPlainError:
            return _PODS

    def are_allowed(self, contexts: Sequence[object]) -> bool:
        """Whether the agent's lists plainly let pass all that a code location says, given as above."""
        try:
            workspace = _mapping(_mapping(self._agent).get("workspace"))
            if all(workspace.get(name) is None for name in _LISTS):
                return True
            return all(_pass(workspace, said) for said in _of_contexts(contexts).values())
        except _NotPlainError:
            return False

    @cached_property
    def _said(self) -> Mapping[PodsOf, Sequence[_Said]]:
        return _of_values(_mapping(self._agent))


_LISTS = ("onlyAllowUserDefinedK8sConfigFields", "onlyAllowUserDefinedEnvVars")


def _are_plain(of_agent: Sequence[_Said], of_location: Sequence[_Said] | None) -> bool:
    own = of_agent if of_location is None else of_location
    said = [*of_agent, *(of_location or ())]
    return (
        all(map(_is_plain_field, own))
        and _resources_fit(item.value for item in said if item.key == "resources")
        and _differ(_names(said, "env"))
        and _differ(_names(said, "volumes"))
        and _differ(_mount_paths(said))
        and _have_volumes(said)
        and not _wins_over_specific(of_agent, of_location or ())
        and _apart(_references(of_agent), _references(of_location or ()))
    )


class _NotPlainError(Exception):
    """Something is shaped otherwise than it should be; merging it will tell."""


class _Said(NamedTuple):
    """What one layer says of one field."""

    section: str
    key: str
    value: Any
    is_general: bool


_PODS: tuple[PodsOf, ...] = ("run", "server")


def _is_plain_field(said: _Said) -> bool:
    """Whether no rule speaks of a field alone."""
    if said.key not in _PLAIN.get(said.section, ()):
        return False
    if said.key in _LOOKED_AT:
        return _LOOKED_AT[said.key](said)
    if said.key == "tolerations":
        return not any(is_gpu(str(_mapping(item).get("key", ""))) for item in _list(said.value))
    if said.key == "resources":
        return not any(is_gpu(str(name)) for side in _mapping(said.value).values() for name in _mapping(side))
    return said.key != "ttlsecondsafterfinished" or _is_long(said.value)


def _are_plain_volumes(said: _Said) -> bool:
    """Whether no rule speaks of volumes; of one that has its name only one does."""
    volumes = [_mapping(volume) for volume in _list(said.value)]
    return all(len(volume) > 1 and _VOLUMES.issuperset(map(_plain, volume)) for volume in volumes)


def _are_plain_mounts(said: _Said) -> bool:
    return all(str(path).startswith("/") and ":" not in str(path) for path in _mount_paths([said]))


def _have_names(said: _Said) -> bool:
    return all(isinstance(item, str) or _mapping(item).get("name") for item in _list(said.value))


_LOOKED_AT: Mapping[str, Callable[[_Said], bool]] = {
    "imagepullsecrets": _have_names,
    "volumemounts": _are_plain_mounts,
    "volumes": _are_plain_volumes,
}


_METADATA = frozenset({"labels", "annotations"})
_PLAIN: Mapping[str, frozenset[str]] = {
    "": frozenset({"namespace"}),
    "containerconfig": frozenset(
        {"env", "envfrom", "image", "imagepullpolicy", "resources", "securitycontext", "volumemounts"}
    ),
    "podspecconfig": frozenset(
        {
            "affinity",
            "automountserviceaccounttoken",
            "imagepullsecrets",
            "nodeselector",
            "priorityclassname",
            "schedulername",
            "securitycontext",
            "serviceaccountname",
            "tolerations",
            "topologyspreadconstraints",
            "volumes",
        }
    ),
    "podtemplatespecmetadata": _METADATA,
    "jobspecconfig": frozenset({"ttlsecondsafterfinished"}),
    "jobmetadata": _METADATA,
    "deploymentmetadata": _METADATA,
    "servicemetadata": _METADATA,
}
"""Fields that no rule speaks of but by what is held against each other here."""

_VOLUMES = frozenset({"name", "configmap", "secret", "emptydir", "projected"})
_LONG = 3600
"""Seconds for which a finished Job is kept without anybody missing it."""


def _is_long(ttl: object) -> bool:
    return isinstance(ttl, int) and ttl >= _LONG


_ByPods: TypeAlias = "dict[PodsOf, list[_Said]]"


def _of_values(values: Mapping[Any, Any]) -> _ByPods:
    found: _ByPods = {pods: [] for pods in _PODS}
    _add(found, _mapping(values.get("workspace")))
    if values.get("imagePullSecrets"):
        _add_general(found, "podspecconfig", "imagepullsecrets", values["imagePullSecrets"])
    return found


def _of_contexts(contexts: Iterable[object]) -> _ByPods:
    found: _ByPods = {pods: [] for pods in _PODS}
    above: set[str] = set()
    # The defaults stand first; Dagster+ merges their env_vars with the location's by name.
    for context in reversed([*map(_mapping, contexts)]):
        if context.get("env_vars"):
            _add_general(found, "containerconfig", "env", context["env_vars"])
        k8s = _mapping(context.get("k8s"))
        own = _list(k8s["env_vars"]) if k8s.get("env_vars") else []
        _add(
            found, {**k8s, "env_vars": [item for item in own if _name_in(item) not in above]} if own else k8s
        )
        above.update(map(_name_in, own))
    return found


def _name_in(text: object) -> str:
    return str(text).partition("=")[0]


def _add(found: _ByPods, settings: Mapping[Any, Any]) -> None:
    for name, value in settings.items():
        plain = _plain(name)
        if value is None:
            continue
        if plain in _CONFIGS:
            for section, fields in _mapping(value).items():
                found[_CONFIGS[plain]] += [
                    _Said(_plain(section), _plain(key), inner, is_general=False)
                    for key, inner in _mapping(fields).items()
                ]
        elif plain == "namespace":
            _add_general(found, "", plain, value)
        for section, key in _GENERAL.get(plain, ()):
            _add_general(found, section, key, value)


def _add_general(found: _ByPods, section: str, key: str, value: object) -> None:
    said = _Said(section, key, value, is_general=True)
    for of_pods in found.values():
        of_pods.append(said)


_CONFIGS: Mapping[str, PodsOf] = {"runk8sconfig": "run", "serverk8sconfig": "server"}


@lru_cache(maxsize=1024)
def _plain(name: object) -> str:
    return str(name).replace("_", "").lower()


_GENERAL: dict[str, list[tuple[str, str]]] = {}
for _field, _general in GENERAL.items():
    for _name in _general:
        _GENERAL.setdefault(_plain(_name), []).append((_plain(_field[0]), _plain(_field[1])))


def _mapping(value: object) -> Mapping[Any, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _NotPlainError
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _NotPlainError
    return value


def _items(said: Iterable[_Said], key: str) -> Iterator[Any]:
    for item in said:
        if item.key == key:
            yield from _list(item.value)


def _resources_fit(values: Iterable[object]) -> bool:
    """Whether no request of any layer is above a limit of any."""
    requests: dict[str, list[Quantity]] = {}
    limits: dict[str, list[Quantity]] = {}
    for value in values:
        for side, found in (("requests", requests), ("limits", limits)):
            for name, amount in _mapping(_mapping(value).get(side)).items():
                if isinstance(amount, list | dict):
                    raise _NotPlainError
                found.setdefault(str(name), []).append(_quantity(amount))
    both = requests.keys() & limits.keys()
    return all(max(requests[name]) <= min(limits[name]) for name in both)


@lru_cache(maxsize=1024, typed=True)
def _quantity(amount: object) -> Quantity:
    try:
        return Quantity(amount)  # type: ignore[arg-type] # it refuses what it cannot take
    except QuantityError:
        raise _NotPlainError from None


def _names(said: Sequence[_Said], key: str) -> list[object]:
    return [
        item.partition("=")[0] if isinstance(item, str) else _mapping(item).get("name")
        for item in _items(said, key)
    ]


def _references(said: Sequence[_Said]) -> set[str]:
    """Names of the Secrets, ConfigMaps and service accounts."""
    found = {str(item.value) for item in said if item.key == "serviceaccountname"}
    for item in (*_items(said, "envfrom"), *_items(said, "imagepullsecrets")):
        if isinstance(item, str):
            found.add(item)
            continue
        held = _mapping(item)
        holders = [held, *(inner for inner in held.values() if isinstance(inner, Mapping))]
        found |= {str(holder["name"]) for holder in holders if "name" in holder}
    found.update(_named_in([*_items(said, "env"), *_items(said, "volumes")]))
    return found


def _apart(known: set[str], named: set[str]) -> bool:
    """Whether none of the names is one edit away from one that is known."""
    return not any(is_one_edit_from(name, other) for name in named - known for other in known)


def _named_in(value: object) -> Iterator[str]:
    """Names of the objects that a variable or a volume reads, however deep they stand."""
    if isinstance(value, list):
        for item in value:
            yield from _named_in(item)
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        plain = _plain(key)
        if plain in _OBJECTS and isinstance(inner, Mapping):
            yield from (str(name) for at, name in inner.items() if _plain(at) in {"name", "secretname"})
        elif isinstance(inner, list | Mapping):
            yield from _named_in(inner)


_OBJECTS = frozenset({"configmap", "configmapkeyref", "secret", "secretkeyref"})


def _mount_paths(said: Sequence[_Said]) -> list[object]:
    return [
        item.get("mountPath", item.get("mount_path")) for item in map(_mapping, _items(said, "volumemounts"))
    ]


def _have_volumes(said: Sequence[_Said]) -> bool:
    """Whether every volume that is mounted is there."""
    mounted = {str(_mapping(item).get("name")) for item in _items(said, "volumemounts")}
    return mounted <= {str(_mapping(item).get("name")) for item in _items(said, "volumes")}


def _differ(names: Sequence[object]) -> bool:
    return len(set(map(str, names))) == len(names)


def _wins_over_specific(of_agent: Iterable[_Said], of_location: Iterable[_Said]) -> bool:
    """Whether what a location says of all pods may take the place of what the agent says of some."""
    specific = {(item.section, item.key): item.value for item in of_agent if not item.is_general}
    return any(
        item.is_general
        and (item.section, item.key) in specific
        and not isinstance(item.value, list)
        and item.value != specific[item.section, item.key]
        for item in of_location
    )


def _pass(workspace: Mapping[Any, Any], of_location: Sequence[_Said]) -> bool:
    """Whether the agent's lists let all pass that a location says."""
    fields, variables = (workspace.get(name) for name in _LISTS)
    allowed: set[tuple[str, str]] | None = None
    if fields is not None:
        allowed = {("", "namespace")} if _mapping(fields).get("namespace") else set()
        for section, names in _mapping(fields).items():
            if isinstance(names, Mapping):
                allowed |= {(_plain(section), _plain(name)) for name, is_so in names.items() if is_so}
        if ("containerconfig", "env") not in allowed:
            variables = variables or []
    names = set(map(str, _names(of_location, "env")))
    has_variables = variables is None or names <= set(map(str, _list(variables)))
    return has_variables and (
        allowed is None
        or all(item.key == "env" or (item.section, item.key) in allowed for item in of_location)
    )
