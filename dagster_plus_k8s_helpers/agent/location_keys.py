"""Keys of the files of code locations: at each level, and in the K8sConfigs that no section reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from dagster_plus_k8s_helpers.agent.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.agent.keys import (
    MISSPELT_KEY,
    UNKNOWN_KEY,
    check_keys,
    check_names,
    corrected,
    meant_key,
    names_of,
)
from dagster_plus_k8s_helpers.agent.location_pods import RUN_KEYS, SERVER_KEYS
from dagster_plus_k8s_helpers.agent.location_rules import MISPLACED_KEY, REFUSED_KEY
from dagster_plus_k8s_helpers.agent.locations import CodeLocation, LocationDefaults
from dagster_plus_k8s_helpers.agent.yaml_file import parse_path
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.agent.section import Section
    from dagster_plus_k8s_helpers.agent.yaml_file import Path, YamlDocument
    from dagster_plus_k8s_helpers.findings import Finding

__all__ = ["check_location_keys", "with_config_keys"]

# A key of the one in the other is no slip of the pen; reading the config says what is wrong with it.
_CONFIG_KEYS = dict.fromkeys(("run_k8s_config", "server_k8s_config"), (*RUN_KEYS, *SERVER_KEYS))


def check_location_keys(document: YamlDocument, section: type[Section]) -> list[Finding]:
    """What is wrong with the keys of a file, at every level that is Dagster's own."""
    renamed: dict[Path, str] = {}
    findings = [_sharpened(finding) for finding in check_keys(document, section, document.data)]
    for path, config in _configs(corrected(names_of(section), document.data, renamed), ()):
        keys = dict.fromkeys(_CONFIG_KEYS[cast("str", path[-1])])
        original = tuple(renamed.get(path[: end + 1], part) for end, part in enumerate(path))
        findings += [
            finding
            for finding in check_names(document, keys, config, original)
            if not _said_better_elsewhere(finding)
        ]
    return findings


def with_config_keys(data: object, renamed: dict[Path, str], path: Path = ()) -> object:
    """The data with the keys of every ``run_k8s_config`` and ``server_k8s_config`` as they were meant."""
    if isinstance(data, list):
        return [with_config_keys(item, renamed, (*path, index)) for index, item in enumerate(data)]
    if not isinstance(data, Mapping) or len(path) > _DEEPEST:
        return data
    return {
        key: corrected(dict.fromkeys(_CONFIG_KEYS[key]), value, renamed, (*path, key))
        if key in _CONFIG_KEYS
        else with_config_keys(value, renamed, (*path, str(key)))
        for key, value in data.items()
    }


_DEEPEST = 5
"""How many keys and indexes lead to a K8sConfig at most: ``locations[0].container_context.k8s``."""


def _configs(data: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Every ``run_k8s_config`` and ``server_k8s_config`` and where it stands."""
    if len(path) > _DEEPEST:
        return
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _configs(item, (*path, index))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            if key in _CONFIG_KEYS:
                yield (*path, key), value
            else:
                yield from _configs(value, (*path, str(key)))


def _said_better_elsewhere(finding: Finding) -> bool:
    """Whether reading the K8sConfig itself says more about the key."""
    key = str(parse_path(finding.where.path)[-1])
    if finding.code == MISSPELT_KEY.code:
        return key in K8sConfig.FIELDS
    return finding.code == UNKNOWN_KEY.code


def _sharpened(finding: Finding) -> Finding:
    """A finding on a key that is not known, as Dagster+ sees it: it refuses what Helm would ignore."""
    if finding.code not in {UNKNOWN_KEY.code, MISSPELT_KEY.code}:
        return finding
    path = parse_path(finding.where.path)
    key = str(path[-1])
    home = _home(key, path[:-1])
    if home:
        return MISPLACED_KEY.at(finding.where, f"the key {key!r} is not read here", fix=f"write it in {home}")
    if finding.code == UNKNOWN_KEY.code:
        return REFUSED_KEY.at(finding.where, f"Dagster+ does not know the key {key!r} here")
    return finding


def _home(key: str, path: Path) -> str:
    """Where a key is read that was written at ``path``; empty when nowhere else."""
    level = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    above = {"k8s": "", "container_context": "k8s", "locations": "container_context.k8s"}
    above |= {"defaults": "container_context.k8s", "": "container_context.k8s of a location"}
    level = meant_key(level, above)
    if level not in above:
        return ""
    if key in K8sContainerContext.model_fields:
        return above[level]
    if level != "locations" and key in CodeLocation.model_fields:
        kinds = "defaults or an entry of locations" if key in LocationDefaults.model_fields else ""
        return "" if level == "defaults" and not kinds else kinds or "an entry of locations"
    inner = f"{above[level]}." if above[level] else ""
    if key in {*RUN_KEYS, *SERVER_KEYS}:
        return f"{inner}run_k8s_config or {inner}server_k8s_config"
    if key in K8sConfig.FIELDS:
        field = K8sConfig.FIELDS[key]
        return f"{inner}run_k8s_config as {field.section}: {{{field.key}: ...}}"
    return ""
