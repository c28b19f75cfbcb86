"""Keys of the files of code locations: at each level, and in the K8sConfigs that no section reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.documents.document import parse_path
from dagster_plus_k8s_helpers.files.checks.locations.homes import home_of
from dagster_plus_k8s_helpers.files.locations.cloud_cli import fields_of_dagster_plus
from dagster_plus_k8s_helpers.files.locations.pods import RUN_KEYS, SERVER_KEYS
from dagster_plus_k8s_helpers.files.sections.keys import (
    MISSPELT_KEY,
    UNKNOWN_KEY,
    Keys,
    each_shown,
    meant_key,
    misspelt,
    names_of,
)
from dagster_plus_k8s_helpers.files.sections.known_keys import is_newer_section, looked_at
from dagster_plus_k8s_helpers.findings.finding import Rule, Severity
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dagster_plus_k8s_helpers.documents.document import Path, YamlDocument
    from dagster_plus_k8s_helpers.files.sections.section import Section
    from dagster_plus_k8s_helpers.findings.finding import Finding

__all__ = ["read_location_keys"]

REFUSED_KEY = Rule(
    "DPK302",
    Severity.NOTICE,
    "A key that Dagster+ and dagster_k8s are not known to read; a version that does not know it refuses the "
    "whole file.",
    "delete the key, or make sure that your version of Dagster+ reads it",
)
MISPLACED_KEY = Rule(
    "DPK303",
    Severity.ERROR,
    "The key exists, but at another level; Dagster+ refuses the file.",
    "move the key to where it is read",
)
SHARED_ENV_VARS = Rule(
    "DPK340",
    Severity.WARNING,
    "dagster_k8s reads env_vars beside k8s (dagster._core.container_context), and plan has them; "
    "the agent's own schema of a location (dagster_cloud.workspace.config_schema) has none.",
    "write the variables in env_vars of k8s, which both read",
)

# A key of the one in the other is no slip of the pen; reading the config says what is wrong with it.
_CONFIG_KEYS = dict.fromkeys(("run_k8s_config", "server_k8s_config"), (*RUN_KEYS, *SERVER_KEYS))


def read_location_keys(
    document: YamlDocument, section: type[Section], data: object, path: Path = ()
) -> tuple[object, Keys, list[Finding]]:
    """The data with every key as it was meant, the keys, and what is wrong with them at every level.

    Args:
        document: The document that holds it.
        section: What should read it.
        data: The mapping at ``path``.
        path: Where it stands in the document.
    """
    keys = Keys()
    meant = keys.read(names_of(section), data, path, path)
    findings = [*each_shown(keys.findings(document), lambda finding: _sharpened(finding, section, path))]

    def read_config(config: object, place: Path) -> object:
        original = keys.original(place)
        of_config = Keys(keys.renamed)
        read = of_config.read(dict.fromkeys(_CONFIG_KEYS[str(place[-1])]), config, place, original)
        for finding in of_config.findings(document):
            key = parse_path(finding.where.path)[-1]
            if finding.code == UNKNOWN_KEY.code and is_newer_section(key):
                findings.append(_refused(finding, original))
            elif not _said_better_elsewhere(finding):
                findings.append(finding)
        return read

    return _with_configs(meant, read_config, path), keys, findings


def _with_configs(data: object, read: Callable[[object, Path], object], path: Path) -> object:
    """The data with every ``run_k8s_config`` and ``server_k8s_config`` as it is read."""
    if isinstance(data, list):
        return [_with_configs(item, read, (*path, index)) for index, item in enumerate(data)]
    if not isinstance(data, Mapping) or len(path) > _DEEPEST:
        return data
    return {
        key: read(value, (*path, key))
        if key in _CONFIG_KEYS
        else _with_configs(value, read, (*path, str(key)))
        for key, value in data.items()
    }


_DEEPEST = 5
"""How many keys and indexes lead to a K8sConfig at most: ``locations[0].container_context.k8s``."""


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
