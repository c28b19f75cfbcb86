"""Environment variables and mounts of a code location, as the merging of defaults leaves them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from dagster_plus_k8s_helpers.agent.credentials import credential_by_form
from dagster_plus_k8s_helpers.agent.env_entries import VALUE_FIX, has_no_value
from dagster_plus_k8s_helpers.agent.location_rules import (
    BARE_ENV_VAR,
    DEFAULT_WITH_EQUALS_SIGN,
    DUPLICATE_ENV_VAR,
    LOST_MOUNT,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.agent.yaml_file import Path
    from dagster_plus_k8s_helpers.findings import Finding, Where

__all__ = ["K8sPart", "check_env", "check_mounts"]


class K8sPart(NamedTuple):
    """``container_context.k8s`` of the defaults or of one location.

    Attributes:
        k8s: What it holds.
        path: Where it stands.
        where: From a path to its line and column.
    """

    k8s: Mapping[str, object]
    path: Path
    where: Callable[[Path], Where]


class _Variable(NamedTuple):
    name: str
    path: Path
    text: str  # what tells two of one name apart


_PODS = {"run_k8s_config": "runs", "server_k8s_config": "code servers"}


def check_env(parts: Sequence[K8sPart], default: K8sPart | None) -> list[Finding]:
    """What is wrong with the environment variables of all locations.

    Args:
        parts: Those of the locations.
        default: That of the defaults.
    """
    everywhere = [default, *parts] if default else list(parts)
    findings = [finding for part in everywhere for finding in _check_bare(part)]
    if default and any(isinstance(part.k8s.get("env_vars"), list) for part in parts):
        findings += _check_equals_signs(default)
    said: set[Path] = set()
    # The defaults by themselves first, so that what is wrong with them is said there and once.
    for part in everywhere:
        below = default if part is not default else None
        for config, pods in _PODS.items():
            for finding, path in _check_twice(part, below, config, pods):
                if path not in said:
                    said.add(path)
                    findings.append(finding)
    return findings


def check_mounts(parts: Sequence[K8sPart], default: K8sPart | None) -> list[Finding]:
    """Mounts that are lost when those of the defaults and of a location are merged."""
    findings = []
    for part in parts:
        below = _mounts(default) if default else []
        own = _mounts(part)
        if not below or not own:
            continue
        kept = {name: (path, point) for name, point, path in [*below, *own]}
        for name, point, path in [*below, *own]:
            winner, winning_point = kept[name]
            if path != winner and point != winning_point:
                line = part.where(winner).line
                message = f"of the volume {name!r} only the mount on line {line} is kept; this one is lost"
                findings.append(LOST_MOUNT.at(part.where(path), message))
    return findings


def _mounts(part: K8sPart) -> list[tuple[str, object, Path]]:
    return [
        (mount["name"], mount.get("mount_path", mount.get("mountPath")), (*part.path, "volume_mounts", index))
        for index, mount in enumerate(_list(part.k8s.get("volume_mounts")))
        if isinstance(mount, Mapping) and isinstance(mount.get("name"), str)
    ]


def _check_bare(part: K8sPart) -> Iterator[Finding]:
    for index, text in enumerate(_list(part.k8s.get("env_vars"))):
        if isinstance(text, str) and "=" not in text:
            shown = "this variable" if credential_by_form(text) else repr(text)
            where = part.where((*part.path, "env_vars", index))
            yield BARE_ENV_VAR.at(where, f"{shown} has no value")
    for path, entries in _env_lists(part, *_PODS):
        for index, entry in enumerate(entries):
            if isinstance(entry, Mapping) and has_no_value(entry):
                message = f"{entry['name']!r} has neither a value nor a value_from and is set to empty text"
                yield BARE_ENV_VAR.at(part.where((*path, index)), message, fix=VALUE_FIX)


def _env_lists(part: K8sPart, *configs: str) -> Iterator[tuple[Path, list[object]]]:
    """The lists of Kubernetes' ``env`` entries: that of all pods, and those of runs or code servers."""
    yield (*part.path, "env"), _list(part.k8s.get("env"))
    for config in configs:
        container = _mapping(_mapping(part.k8s.get(config)).get("container_config"))
        yield (*part.path, config, "container_config", "env"), _list(container.get("env"))


def _check_equals_signs(default: K8sPart) -> Iterator[Finding]:
    for index, text in enumerate(_list(default.k8s.get("env_vars"))):
        if isinstance(text, str) and text.count("=") > 1:
            name = text.partition("=")[0]
            yield DEFAULT_WITH_EQUALS_SIGN.at(
                default.where((*default.path, "env_vars", index)),
                f"the value of {name!r} has an equals sign, at which Dagster+ cannot merge it",
            )


def _check_twice(
    part: K8sPart, below: K8sPart | None, config: str, pods: str
) -> Iterator[tuple[Finding, Path]]:
    """Two variables of one name in one pod: in one list, in two, or in the defaults and in the location."""
    own = _variables(part, config)
    first: dict[str, _Variable] = {}
    if below:
        replaced = {item.name for item in own if item.path[-2] == "env_vars"}
        inherited = [
            item
            for item in _variables(below, config)
            if not (item.path[-2] == "env_vars" and item.name in replaced)
        ]
        first = {item.name: item for item in reversed(inherited)}
    from_defaults = set(first)
    for item in own:
        other = first.setdefault(item.name, item)
        is_same_list = other.path[:-1] == item.path[:-1]
        # Equal entries of two lists are merged into one.
        if other is item or (not is_same_list and other.text == item.text):
            continue
        line = part.where(other.path).line
        merged = ", and merging the defaults keeps both" if item.name in from_defaults else ""
        message = f"{item.name!r} is set twice for {pods}; line {line} sets it too{merged}"
        yield DUPLICATE_ENV_VAR.at(part.where(item.path), message), item.path


def _variables(part: K8sPart, config: str) -> list[_Variable]:
    """Every variable that a part gives the main container of its run pods or its code servers."""
    found = [
        _Variable(name, (*part.path, "env_vars", index), json.dumps([name, value]))
        for index, text in enumerate(_list(part.k8s.get("env_vars")))
        if isinstance(text, str)
        for name, _, value in [text.partition("=")]
    ]
    for path, entries in _env_lists(part, config):
        found += [
            _Variable(entry["name"], (*path, index), _text(entry))
            for index, entry in enumerate(entries)
            if isinstance(entry, Mapping) and isinstance(entry.get("name"), str)
        ]
    return found


def _text(entry: Mapping[str, object]) -> str:
    if entry.keys() == {"name", "value"}:
        return json.dumps([entry["name"], entry["value"]], default=str)
    return json.dumps(entry, default=str, sort_keys=False)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
