"""The two layers that files hold, as a launch takes them: the agent's Helm values and a code location."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from dagster_plus_k8s_helpers._dagster.planning import Refusal, accepted_config, reason
from dagster_plus_k8s_helpers.errors import PlanError, did_you_mean
from dagster_plus_k8s_helpers.plan.merge import unknown

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.deployment import Deployment

__all__ = [
    "LocationFile",
    "Settings",
    "WithDict",
    "as_mapping",
    "launcher_config",
    "location_of",
    "variables",
    "variables_of",
]


class WithDict(Protocol):
    """Anything that knows itself as a plain mapping, such as the agent's values or a code location."""

    def to_dict(self) -> dict[str, Any]:
        """The mapping, spelt as the file spells it."""
        ...


Settings: TypeAlias = Mapping[str, Any] | WithDict
"""What a file holds: as a mapping, or as an object with ``to_dict()``."""


def launcher_config(agent: Settings) -> Mapping[str, Any]:
    """What the agent's run launcher is made from, out of the chart's ``values.yaml``.

    The chart writes ``workspace`` into the agent's ``dagster.yaml``, and the agent hands it to a
    ``K8sRunLauncher`` of its own. A bare ``KEY`` in ``envVars`` is read from the agent's environment at
    launch, which is not known here.

    Raises:
        PlanError: The values are no mapping, or Dagster refuses one of them.

    Source: https://docs.dagster.io/deployment/dagster-plus/hybrid/kubernetes/configuration
    """
    from dagster_k8s import K8sRunLauncher

    values = as_mapping("agent", agent)
    workspace = as_mapping("agent.workspace", values.get("workspace") or {})
    account = as_mapping("agent.serviceAccount", values.get("serviceAccount") or {})
    allowed = workspace.get("onlyAllowUserDefinedK8sConfigFields")
    allowed_variables = workspace.get("onlyAllowUserDefinedEnvVars")
    if allowed is not None:
        allowed, allowed_variables = _with_environment(_snake_sections(allowed) or {}, allowed_variables)
    if allowed_variables is not None:
        allowed_variables = [*allowed_variables, *_RESERVED]
    config = {
        "image_pull_policy": workspace.get("pullPolicy"),
        "image_pull_secrets": values.get("imagePullSecrets"),
        "service_account_name": (
            workspace.get("serviceAccountName") or account.get("name") or unknown.SERVICE_ACCOUNT
        ),
        "env_config_maps": _names("agent.workspace.envConfigMaps", workspace.get("envConfigMaps")),
        "env_secrets": _names("agent.workspace.envSecrets", workspace.get("envSecrets")),
        "env_vars": variables("agent.workspace.envVars", workspace.get("envVars")),
        "volume_mounts": workspace.get("volumeMounts"),
        "volumes": workspace.get("volumes"),
        "labels": workspace.get("labels"),
        "resources": workspace.get("resources"),
        "scheduler_name": workspace.get("schedulerName"),
        "security_context": workspace.get("securityContext"),
        "run_k8s_config": _snake_sections(workspace.get("runK8sConfig")),
        "fail_pod_on_run_failure": workspace.get("failPodOnRunFailure"),
        "only_allow_user_defined_k8s_config_fields": allowed,
        "only_allow_user_defined_env_vars": allowed_variables,
        "job_namespace": workspace.get("namespace") or unknown.AGENT_NAMESPACE,
        "dagster_home": unknown.DAGSTER_HOME,
        # A ConfigMap that the chart makes; it reaches no pod but the agent's.
        "instance_config_map": "",
    }
    given = {key: value for key, value in config.items() if value is not None}
    try:
        return accepted_config(K8sRunLauncher.config_type(), given)
    except Refusal as refusal:
        raise PlanError(f"agent: {refusal}") from None


@dataclass(frozen=True, slots=True)
class LocationFile:
    """What a plan takes from an entry of ``locations`` in ``dagster_cloud.yaml``.

    Attributes:
        name: Name of the code location.
        image: Image of its code.
        executable_path: Python of its code, when it names one.
        container_context: Its ``container_context``.
    """

    name: str | None = None
    image: str | None = None
    executable_path: str | None = None
    container_context: Mapping[str, Any] = field(default_factory=dict)


def location_of(location: Settings) -> LocationFile:
    """A code location, out of its entry in ``dagster_cloud.yaml``.

    Raises:
        PlanError: It is no such entry, or Dagster refuses its ``container_context``.

    Source: https://docs.dagster.io/deployment/code-locations/dagster-cloud-yaml
    """
    from dagster_k8s.container_context import K8sContainerContext

    entry = as_mapping("location", location)
    if "locations" in entry:
        raise PlanError("location: is a whole dagster_cloud.yaml; pass one entry of its locations")
    context = dict(as_mapping("location.container_context", entry.get("container_context") or {}))
    where = "location.container_context"
    if context.get("env_vars") is not None:
        context["env_vars"] = variables(f"{where}.env_vars", context["env_vars"])
    if context.get("k8s") is not None:
        k8s = dict(as_mapping(f"{where}.k8s", context["k8s"]))
        if k8s.get("env_vars") is not None:
            k8s["env_vars"] = variables(f"{where}.k8s.env_vars", k8s["env_vars"])
        context["k8s"] = k8s
    try:
        K8sContainerContext.create_from_config(context)
    # dagster_k8s raises what it finds at hand: DagsterInvalidConfigError, Exception, KeyError.
    except Exception as error:  # noqa: BLE001
        raise PlanError(f"{where}: {reason(error)}") from None
    return LocationFile(
        _text("location.location_name", entry.get("location_name", entry.get("name"))),
        _text("location.image", entry.get("image")),
        _text("location.executable_path", entry.get("executable_path")),
        context,
    )


def variables_of(deployment: Deployment | None, location_name: str | None) -> list[str]:
    """The environment variables that Dagster+ gives every run and step of a deployment.

    Source: https://docs.dagster.io/deployment/dagster-plus/management/environment-variables/built-in
    """
    if deployment is None or deployment.kind == "local":
        return []
    known = {
        "DEPLOYMENT_NAME": deployment.name,
        "IS_BRANCH_DEPLOYMENT": "1" if deployment.kind == "branch" else unknown.SET_BY_DAGSTER_PLUS,
        "LOCATION_NAME": location_name or deployment.location_name or unknown.SET_BY_DAGSTER_PLUS,
        "GIT_BRANCH": deployment.git_branch,
        "GIT_SHA": deployment.git_sha,
        "PULL_REQUEST_ID": deployment.pull_request_id,
    }
    return [f"DAGSTER_CLOUD_{name}={value}" for name, value in known.items() if value is not None]


def variables(where: str, given: Any) -> list[str] | None:
    """``env_vars`` with a placeholder for each value that is read where the pod is launched from."""
    if given is None:
        return None
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
        raise PlanError(f"{where}: must be a list of KEY=VALUE or KEY, not {given!r}")
    return [item if "=" in item else f"{item}={unknown.placeholder_of_variable(item)}" for item in given]


def as_mapping(where: str, given: object) -> Mapping[str, Any]:
    """What a file holds, as a mapping.

    Raises:
        PlanError: It is none.
    """
    to_dict = getattr(given, "to_dict", None)
    found = to_dict() if callable(to_dict) else given
    if not isinstance(found, Mapping):
        raise PlanError(f"{where}: must be a mapping or have to_dict(), not {type(given).__name__}")
    for key in found:
        if not isinstance(key, str):
            raise PlanError(f"{where}: the key {key!r} must be text")
    return found


def _text(where: str, given: object) -> str | None:
    if given is not None and not isinstance(given, str):
        raise PlanError(f"{where}: must be text, not {given!r}")
    return given


def _names(where: str, given: object) -> list[str] | None:
    """The names in a list of ``{name: ...}``, which the chart passes on without the rest."""
    if given is None:
        return None
    if not isinstance(given, list | tuple) or not all(isinstance(item, Mapping) for item in given):
        raise PlanError(f"{where}: must be a list of {{name: ...}}, not {given!r}")
    return [str(item.get("name")) for item in given]


_SECTIONS = {
    "containerConfig": "container_config",
    "podSpecConfig": "pod_spec_config",
    "podTemplateSpecMetadata": "pod_template_spec_metadata",
    "jobSpecConfig": "job_spec_config",
    "jobMetadata": "job_metadata",
    "namespace": "namespace",
    # The chart knows these; they are for code servers, and no run's.
    "serviceMetadata": "",
    "deploymentMetadata": "",
    "serviceSpecConfig": "",
}


def _snake_sections(given: object) -> dict[str, Any] | None:
    """A section of pod settings, its keys spelt as in ``dagster.yaml``; the chart refuses others."""
    if given is None:
        return None
    found = as_mapping("agent.workspace.runK8sConfig", given)
    for key in found:
        if key not in _SECTIONS:
            raise PlanError(f"agent.workspace: there is no {key!r} here{did_you_mean(key, _SECTIONS)}")
    return {_SECTIONS[key]: value for key, value in found.items() if _SECTIONS[key] and value is not None}


def _with_environment(
    allowed: dict[str, Any], names: list[str] | None
) -> tuple[dict[str, Any], list[str] | None]:
    """The allowlist as the agent widens it, so that the variables Dagster+ sets are not refused."""
    container = allowed.get("container_config") or {}
    if container.get("env"):
        return allowed, names
    return {**allowed, "container_config": {**container, "env": True}}, names or []


_RESERVED = [
    *(
        f"DAGSTER_CLOUD_{name}"
        for name in (
            "IS_BRANCH_DEPLOYMENT",
            "DEPLOYMENT_NAME",
            "LOCATION_NAME",
            "GIT_SHA",
            "GIT_TIMESTAMP",
            "GIT_AUTHOR_EMAIL",
            "GIT_AUTHOR_NAME",
            "GIT_MESSAGE",
            "GIT_BRANCH",
            "GIT_REPO",
            "PULL_REQUEST_ID",
            "PULL_REQUEST_STATUS",
            "RAW_GIT_URL",
            "GIT_URL",
        )
    ),
    "SF_PARTNER",
]
"""Variables that the agent always lets through: ``dagster_cloud.constants.RESERVED_ENV_VAR_NAMES``."""
