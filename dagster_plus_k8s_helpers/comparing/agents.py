"""What is different between the Helm values of two agents, or of one before and after: by pod and by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.comparing.files import (
    PodsOfFiles,
    key_rows,
    locations_of,
    mapping_of,
    new_and_gone,
    pod_rows,
)
from dagster_plus_k8s_helpers.comparing.report import Report, Row
from dagster_plus_k8s_helpers.files.checks.kinds import FileKind
from dagster_plus_k8s_helpers.findings.finding import few

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dagster_plus_k8s_helpers.check.files.sources import Source

__all__ = ["compare_agents"]

_OF_AGENT = "dagsterCloudAgent"
_OF_THE_AGENTS_POD = (_OF_AGENT, "imagePullSecrets", "serviceAccount")
_READ_AT_ITS_START = frozenset(
    {
        "dagsterCloud",
        "workspace",
        "computeLogs",
        "pythonLogs",
        "isolatedAgents",
        "agentReplicas",
        "agentMetrics",
        "codeServerMetrics",
    }
)
"""What the chart writes into the agent's ``dagster.yaml``."""


def compare_agents(old: Source, new: Source, location: Source | None = None) -> Report:
    """Which pods change and how, which keys, what the agent is restarted for, and findings new and gone.

    Args:
        old: Values.
        new: Other values.
        location: A dagster_cloud.yaml, whose locations' pods are compared instead of those of any.

    Raises:
        PlanError: A file cannot be read, or is of another kind.
    """
    before, after = mapping_of(old, FileKind.VALUES), mapping_of(new, FileKind.VALUES)
    locations: Mapping[str, Any] = {"": None}
    if location is not None:
        locations = locations_of(mapping_of(location, FileKind.LOCATIONS))
    rows, notes = pod_rows(PodsOfFiles(before, locations), PodsOfFiles(after, locations))
    keys = key_rows(before, after)
    found, gone = new_and_gone(old, new, location)
    return Report(
        f"{old.name} -> {new.name}",
        # What is said of runs is said of the agent alone: no layer has to be named.
        tuple(_without_layer(row) for row in (*_of_its_own_pod(keys), *rows)),
        keys,
        notes=(*notes, *_restarts(keys)),
        found=found,
        gone=gone,
    )


def _without_layer(row: Row) -> Row:
    return Row(row.kind, row.field, row.old, row.new, "", row.path, row.pods)


def _of_its_own_pod(keys: Sequence[Row]) -> Iterator[Row]:
    """What is different in the pod of the agent itself, which the chart makes of keys of its own."""
    for row in keys:
        top, _, below = row.path.partition(".")
        if top == _OF_AGENT and below:
            yield Row(row.kind, _words(below), row.old, row.new, "", row.path, ("the agent's pod",))


def _words(path: str) -> str:
    resource = path.removeprefix("resources.limits.")
    if resource != path:
        return f"{resource} limit"
    resource = path.removeprefix("resources.requests.")
    return path if resource == path else f"{resource} request"


def _restarts(keys: Sequence[Row]) -> Iterator[str]:
    by_top: dict[str, list[str]] = {}
    for row in keys:
        path = row.path.removeprefix("order of ")
        by_top.setdefault(path.partition(".")[0].partition("[")[0], []).append(path)
    at_start = [path for top, paths in by_top.items() if top in _READ_AT_ITS_START for path in paths]
    own = [path for top, paths in by_top.items() if top in _OF_THE_AGENTS_POD for path in paths]
    if at_start:
        yield (
            f"the agent must be restarted for {few(at_start)}: it reads them when it starts, and then starts "
            "the code servers of its locations anew"
        )
    if own:
        yield f"helm upgrade replaces the agent's pod for {few(own)}"
