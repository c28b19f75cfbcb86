"""Which kind of file a document is: told by what it holds, by its name only where that leaves it open."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.documents.rules import EMPTY_FILE
from dagster_plus_k8s_helpers.files.checks.other_chart import OTHER_CHART
from dagster_plus_k8s_helpers.files.locations.container_context import K8sContainerContext
from dagster_plus_k8s_helpers.files.sections.keys import MOST_KEYS, meant_key, names_of
from dagster_plus_k8s_helpers.files.values.agent import DagsterCloudAgent
from dagster_plus_k8s_helpers.files.values.cloud import ServiceAccount
from dagster_plus_k8s_helpers.files.values.workspace import Workspace
from dagster_plus_k8s_helpers.findings.finding import Finding, Rule, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dagster_plus_k8s_helpers.documents.document import YamlDocument

__all__ = ["UNKNOWN_KIND", "FileKind", "check_of", "kind_of", "may_be_empty"]


class FileKind(StrEnum):
    """What a document is for."""

    VALUES = "the agent's Helm values"
    LOCATIONS = "dagster_cloud.yaml"
    CONTAINER_CONTEXT = "container_context.yaml"
    BUILD = "build.yaml"
    INSTANCE = "dagster.yaml"


UNKNOWN_KIND = Rule(
    "DPK011",
    Severity.ERROR,
    "A file that is none of those that the platform reads cannot be checked.",
    "give the agent's Helm values (dagsterCloud, workspace, ...), a dagster_cloud.yaml (locations), a "
    "container_context.yaml (k8s) or a build.yaml (registry, directory)",
)

INSTANCE_FILE = Rule(
    "DPK106",
    Severity.NOTICE,
    "A dagster.yaml, of which an instance of Dagster is made, is not checked; the chart writes the agent's.",
    "give the Helm values that it is written from",
)


_KEYS: dict[FileKind, tuple[str, ...]] = {
    FileKind.VALUES: (
        "dagsterCloud",
        "dagsterCloudAgent",
        "workspace",
        "computeLogs",
        "imagePullSecrets",
        "isolatedAgents",
        "agentReplicas",
        "serviceAccount",
        "pythonLogs",
        "agentMetrics",
        "codeServerMetrics",
        "nameOverride",
        "fullnameOverride",
        "extraManifests",
        "rbacEnabled",
    ),
    FileKind.LOCATIONS: ("locations", "defaults"),
    FileKind.CONTAINER_CONTEXT: ("k8s", "ecs", "docker", "aca", "container_context"),
    FileKind.BUILD: ("registry", "directory"),
    # Of an agent, and of any other instance.
    FileKind.INSTANCE: (
        "instance_class",
        "dagster_cloud_api",
        "user_code_launcher",
        "run_launcher",
        "run_coordinator",
        "run_storage",
        "event_log_storage",
        "schedule_storage",
        "local_artifact_storage",
        "run_monitoring",
        "run_retries",
        "compute_logs",
        "python_logs",
        "isolated_agents",
        "agent_queues",
        "allowed_full_deployment_locations",
        "allowed_branch_deployment_locations",
    ),
}
_POD_KEYS = frozenset(
    key for section in (DagsterCloudAgent, Workspace, ServiceAccount) for key in names_of(section)
)
"""Keys that stand one level deeper in values."""

_NAMES = {
    "values": FileKind.VALUES,
    "dagster_cloud": FileKind.LOCATIONS,
    "container_context": FileKind.CONTAINER_CONTEXT,
    "build": FileKind.BUILD,
    "dagster": FileKind.INSTANCE,
}


def kind_of(document: YamlDocument) -> FileKind | Finding:
    """The kind of a document, or a finding when it is none of them.

    Keys count by what was probably meant, so that a misspelt one is checked and not waved through.
    """
    by_name = _by_name(document.file)
    keys = (
        [key for key in document.data if isinstance(key, str)] if isinstance(document.data, Mapping) else []
    )
    scores = {kind: _score(keys, known) for kind, known in _KEYS.items()}
    scores[FileKind.VALUES] += _score(keys, tuple(OTHER_CHART))
    best = max(scores.values())
    if best:
        likely = [kind for kind, score in scores.items() if score == best]
        return by_name if by_name in likely else likely[0]
    if by_name and (not keys or _begins_with_its_name(document.file)):
        return by_name
    if keys and _POD_KEYS.issuperset(keys):
        return FileKind.VALUES
    shown = f"; its keys are {', '.join(map(repr, keys[:5]))}" if keys else ""
    message = f"this is no file of the agent's or of code locations{shown}"
    is_context = bool(keys) and names_of(K8sContainerContext).keys() >= set(keys)
    fix = "write it under k8s of a container_context" if is_context else ""
    return UNKNOWN_KIND.at(document.where(()), message, fix=fix)


def may_be_empty(file: str, findings: Sequence[Finding]) -> bool:
    """Whether nothing is wrong with a file but that it says nothing, which its reader takes.

    ``dg plus deploy configure`` writes a container_context.yaml of comments only, and Helm takes such values.

    Args:
        file: Its name.
        findings: What is wrong with it as YAML.
    """
    is_empty = [finding.code for finding in findings] == [EMPTY_FILE.code]
    return is_empty and _by_name(file) in {FileKind.CONTAINER_CONTEXT, FileKind.VALUES}


def check_of(kind: FileKind) -> Callable[[YamlDocument], list[Finding]]:
    """The check of a kind, imported when it is needed: nobody waits for what they do not check."""
    if kind is FileKind.INSTANCE:
        return _check_instance
    if kind is FileKind.VALUES:
        from dagster_plus_k8s_helpers.files.checks.values.check import check_values  # noqa: PLC0415 - see above

        return check_values
    from dagster_plus_k8s_helpers.files.checks.locations import check as check_locations  # noqa: PLC0415 - see above

    return {
        FileKind.LOCATIONS: check_locations.check_locations,
        FileKind.CONTAINER_CONTEXT: check_locations.check_container_context,
        FileKind.BUILD: check_locations.check_build,
    }[kind]


def _check_instance(document: YamlDocument) -> list[Finding]:
    """That a dagster.yaml is not checked."""
    owner = document.data.get("instance_class") if isinstance(document.data, Mapping) else None
    is_agent = isinstance(owner, Mapping) and str(owner.get("module")).startswith("dagster_cloud.")
    message = "this is the dagster.yaml of an agent" if is_agent else "this is a dagster.yaml"
    return [INSTANCE_FILE.at(document.where(()), f"{message}, which is not checked")]


def _score(keys: list[str], known: tuple[str, ...]) -> int:
    """How much the keys speak for a kind: 3 for each key as it should be, 1 for each near one."""
    few = len(keys) <= MOST_KEYS
    return sum(3 if key in known else int(few and meant_key(key, known) != key) for key in keys)


def _stem(file: str) -> str:
    return PurePath(file).name.lower().replace("-", "_").partition(".")[0]


def _begins_with_its_name(file: str) -> bool:
    """Whether the name of a file is enough: ``values-prod.yaml``, and not ``field_values.yaml``."""
    return _stem(file).startswith(tuple(_NAMES))


def _by_name(file: str) -> FileKind | None:
    stem = _stem(file)
    exact = _NAMES.get(stem)
    if exact:
        return exact
    return next((kind for name, kind in _NAMES.items() if name in stem), None)
