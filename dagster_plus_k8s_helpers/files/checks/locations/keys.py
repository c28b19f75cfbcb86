"""Keys of the files of code locations: at each level, and in the K8sConfigs that no section reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from dagster_plus_k8s_helpers.documents.document import parse_path
from dagster_plus_k8s_helpers.files.checks.catalogue.locations import (
    MISPLACED_KEY,
    REFUSED_KEY,
    SHARED_ENV_VARS,
)
from dagster_plus_k8s_helpers.files.checks.locations.homes import home_of
from dagster_plus_k8s_helpers.files.locations.cloud_cli import fields_of_dagster_plus
from dagster_plus_k8s_helpers.files.locations.pods import RUN_KEYS, SERVER_KEYS
from dagster_plus_k8s_helpers.files.sections.keys import (
    MISSPELT_KEY,
    UNKNOWN_KEY,
    check_keys,
    check_names,
    corrected,
    meant_key,
    misspelt,
    names_of,
)
from dagster_plus_k8s_helpers.files.sections.known_keys import is_newer_section, looked_at
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.files.sections.section import Section
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["check_location_keys", "with_config_keys"]

# A key of the one in the other is no slip of the pen; reading the config says what is wrong with it.
_CONFIG_KEYS = dict.fromkeys(("run_k8s_config", "server_k8s_config"), (*RUN_KEYS, *SERVER_KEYS))


def check_location_keys(
    document: YamlDocument, section: type[Section], data: object, path: Path = ()
) -> list[Finding]:
    """What is wrong with the keys of a file, at every level that is Dagster's own.

    Args:
        document: The document that holds it.
        section: What should read it.
        data: The mapping at ``path``.
        path: Where it stands in the document.
    """
    renamed: dict[Path, str] = {}
    findings = [
        sharpened
        for finding in check_keys(document, section, data, path)
        for sharpened in _sharpened(finding, section, path)
    ]
    for place, config in _configs(corrected(names_of(section), data, renamed, path), path):
        keys = dict.fromkeys(_CONFIG_KEYS[cast("str", place[-1])])
        original = tuple(renamed.get(place[: end + 1], part) for end, part in enumerate(place))
        for finding in check_names(document, keys, config, original):
            key = parse_path(finding.where.path)[-1]
            if finding.code == UNKNOWN_KEY.code and is_newer_section(key):
                findings.append(_refused(finding, original))
            elif not _said_better_elsewhere(finding):
                findings.append(finding)
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


def _sharpened(finding: Finding, section: type[Section], base: Path) -> Iterator[Finding]:
    """A finding on a key that is not known, as Dagster+ sees it: it refuses what Helm would ignore."""
    if finding.code not in {UNKNOWN_KEY.code, MISSPELT_KEY.code}:
        yield finding
        return
    path = parse_path(finding.where.path)[len(base) :]
    key = str(path[-1])
    if key == "env_vars" and (path[-2:-1] or (section.__name__,)) in {
        ("container_context",),
        ("ContainerContext",),
    }:
        yield SHARED_ENV_VARS.at(finding.where, "these env_vars stand beside k8s and not in it")
        return
    home = home_of(key, path[:-1], section)
    if home:
        yield MISPLACED_KEY.at(finding.where, f"the key {key!r} is not read here", fix=f"write it in {home}")
        return
    installed = fields_of_dagster_plus(section, path[:-1])
    meant = meant_key(key, installed)
    if finding.code == UNKNOWN_KEY.code and meant != key:
        yield misspelt(key, meant, finding.where)
    elif key not in installed:
        yield _refused(finding, path[:-1]) if finding.code == UNKNOWN_KEY.code else finding


def _refused(finding: Finding, section: Path) -> Finding:
    key = parse_path(finding.where.path)[-1]
    return REFUSED_KEY.at(finding.where, f"{looked_at(section)} does not know the key {key!r} here")
