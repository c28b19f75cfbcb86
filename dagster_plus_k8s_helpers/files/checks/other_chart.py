"""Blocks of the chart ``dagster``, which is not the agent's, and where in the agent's values they belong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["OTHER_CHART", "home_in_values"]

_RUNS_AND_SERVERS = {
    "annotations": "workspace.runK8sConfig: {podTemplateSpecMetadata: {annotations: ...}}",
    "env": "workspace.envVars",
    "envConfigMaps": "workspace.envConfigMaps",
    "envSecrets": "workspace.envSecrets",
    "envVars": "workspace.envVars",
    "failPodOnRunFailure": "workspace.failPodOnRunFailure",
    "image": "image of a location in dagster_cloud.yaml",
    "imagePullPolicy": "workspace.pullPolicy",
    "imagePullSecrets": "imagePullSecrets",
    "jobNamespace": "workspace.namespace",
    "kubeconfigFile": "dagsterCloudAgent.kubeconfigFile",
    "labels": "workspace.labels",
    "resources": "workspace.resources",
    "runK8sConfig": "workspace.runK8sConfig",
    "schedulerName": "workspace.schedulerName",
    "securityContext": "workspace.securityContext",
    "volumeMounts": "workspace.volumeMounts",
    "volumes": "workspace.volumes",
}
"""What the run launcher of that chart has, and where the agent's values have it."""

_LOCATIONS = "a location in dagster_cloud.yaml for each of them"

OTHER_CHART = {
    "celeryK8sRunLauncher": "workspace",
    "computeLogManager": "computeLogs: {enabled: true, custom: {module: ..., class: ..., config: ...}}",
    "customRunLauncher": "",
    "dagit": "",
    "dagster-user-deployments": _LOCATIONS,
    "dagsterDaemon": "",
    "dagsterWebserver": "",
    "generateCeleryConfigSecret": "",
    "generatePostgresqlPasswordSecret": "",
    "k8sRunLauncher": "workspace",
    "postgresql": "",
    "runCoordinator": "",
    "runLauncher": "workspace",
    "userDeployments": _LOCATIONS,
}
"""The blocks that are its alone, and where belongs what they say; nothing for what Dagster+ does itself."""


def home_in_values(block: str, value: object) -> str:
    """What to write instead of a block; empty when Dagster+ does what it is for.

    Args:
        block: One of `OTHER_CHART`.
        value: What stands there.

    Source: https://artifacthub.io/packages/helm/dagster/dagster
    """
    if OTHER_CHART[block] != "workspace":
        return OTHER_CHART[block]
    homes = dict.fromkeys(_homes(value))
    return ", ".join(homes) or "what runs need in workspace"


def _homes(value: object) -> Iterator[str]:
    """Where the settings of a run launcher belong that are made, however deep they stand."""
    for key, item in value.items() if isinstance(value, Mapping) else ():
        if key in _RUNS_AND_SERVERS:
            # The chart's own file names every setting, most of them empty.
            if item not in ({}, [], None, ""):
                yield _RUNS_AND_SERVERS[key]
        else:
            yield from _homes(item)
