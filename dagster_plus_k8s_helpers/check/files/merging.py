"""The pods that an agent's values and a code location make together, merged by ``dagster_k8s``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers._dagster.planning import reason
from dagster_plus_k8s_helpers.check.subjects.subjects import OF_SERVER
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, MissingExtraError, PlanError
from dagster_plus_k8s_helpers.files.locations.cloud_cli import merged_locations
from dagster_plus_k8s_helpers.plan.merge.from_files import LocationFile, launcher_config, location_of
from dagster_plus_k8s_helpers.plan.merge.layers import Layer
from dagster_plus_k8s_helpers.plan.merge.pods import Pod, Template
from dagster_plus_k8s_helpers.plan.merge.rendering import JobRenderer, make_launcher

if TYPE_CHECKING:
    from dagster_k8s import K8sRunLauncher

    from dagster_plus_k8s_helpers.plan.merge.layers import LayerName

__all__ = ["MOST_ENTRIES", "Merging", "RefusedError", "with_defaults"]

MOST_ENTRIES = 1_000
"""Of a list in the settings of pods that are merged: dagster_k8s takes minutes for some thousands."""


def with_defaults(
    location: Mapping[str, Any] | None, defaults: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """The location as Dagster+ merges it with the defaults; as it is written where that cannot be."""
    if location is None or not defaults:
        return location
    try:
        (merged,) = merged_locations({"defaults": defaults, "locations": [location]})
    except (MissingExtraError, DagsterPlusK8sError):
        return location
    return merged


class RefusedError(Exception):
    """Dagster refuses what a layer says."""

    def __init__(self, error: PlanError, layer: LayerName) -> None:
        super().__init__(str(error))
        self.layer = layer


class Merging:
    """Merges the layers of files by a launcher for each agent.

    Args:
        kubeconfig: Path of one of no cluster.
    """

    def __init__(self, kubeconfig: str) -> None:
        self._kubeconfig = kubeconfig
        self._launchers: dict[tuple[int, str], K8sRunLauncher] = {}
        self._no_launcher = make_launcher(None, kubeconfig)

    def pod(self, agent: Mapping[str, Any] | None, entry: Mapping[str, Any] | None, of: str) -> Pod:
        """The pod of a run as the files make it; or that of a code server, which is merged likewise.

        Args:
            agent: The agent's Helm values.
            entry: The entry of a code location, with the defaults of its file.
            of: `OF_RUN` or `OF_SERVER`.

        Raises:
            RefusedError: Dagster refuses what they say.
        """
        location = _server_of(entry) if of == OF_SERVER else entry
        try:
            file = LocationFile() if location is None else location_of(location)
        except PlanError as error:
            raise RefusedError(error, "location") from None
        sources: dict[LayerName, str] = {"dagster": "dagster"}
        launcher = self._no_launcher
        if agent is not None:
            sources["agent"] = "the agent's Helm values"
            launcher = self._launcher(agent, of)
        if location is not None:
            sources["location"] = f"the code location {file.name or '<without a name>'!r}"
        renderer = JobRenderer("any job", {}, file, (), launcher, self._no_launcher)
        layers = [_layer(renderer, name, source) for name, source in sources.items()]
        try:
            return Pod(Template(of, layers, renderer.run_job))
        except PlanError as error:
            raise RefusedError(error, "agent" if location is None else "location") from None

    def _launcher(self, values: Mapping[str, Any], of: str) -> K8sRunLauncher:
        """The agent's launcher; without the allowlist, at the first breach of which it ends."""
        key = (id(values), of)
        if key not in self._launchers:
            try:
                settings = dict(launcher_config(_server_of_values(values) if of == OF_SERVER else values))
            except PlanError as error:
                raise RefusedError(error, "agent") from None
            settings.pop("only_allow_user_defined_k8s_config_fields", None)
            self._launchers[key] = make_launcher(settings, self._kubeconfig)
        return self._launchers[key]


def _layer(renderer: JobRenderer, name: LayerName, source: str) -> Layer:
    try:
        return Layer(name, source, *renderer.said_by(name, None))
    # As in Template: dagster_k8s raises what it has at hand.
    except Exception as error:  # noqa: BLE001
        raise RefusedError(PlanError(f"{name} ({source}): {reason(error)}"), name) from None


_POD_SECTIONS = ("container_config", "pod_spec_config", "pod_template_spec_metadata", "merge_behavior")
_POD_SECTIONS_OF_VALUES = ("containerConfig", "podSpecConfig", "podTemplateSpecMetadata")


def _server_of_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with what they say of a code server's pod in the place of a run's."""
    workspace = values.get("workspace")
    if not isinstance(workspace, Mapping):
        return values
    server = workspace.get("serverK8sConfig") or {}
    of_pod = {name: server[name] for name in _POD_SECTIONS_OF_VALUES if name in server}
    return {**values, "workspace": {**workspace, "runK8sConfig": of_pod}}


def _server_of(location: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The same of a code location."""
    context = (location or {}).get("container_context")
    k8s = context.get("k8s") if isinstance(context, Mapping) else None
    if location is None or not isinstance(context, Mapping) or not isinstance(k8s, Mapping):
        return location
    server = k8s.get("server_k8s_config") or {}
    of_pod = {name: server[name] for name in _POD_SECTIONS if name in server}
    return {**location, "container_context": {**context, "k8s": {**k8s, "run_k8s_config": of_pod}}}
