"""The commands that install, upgrade and watch an agent, with the names its values have."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.files.values.cloud import DagsterCloud
from dagster_plus_k8s_helpers.files.values.workspace import Workspace
from dagster_plus_k8s_helpers.pod.objects.names import check_dns_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dagster_plus_k8s_helpers.files.values.agent_values import AgentValues

__all__ = ["DEFAULT_NAMESPACE", "DEFAULT_RELEASE", "agent_commands", "check_release"]

DEFAULT_NAMESPACE = "dagster-cloud"
DEFAULT_RELEASE = "agent"

_CHART = "dagster-cloud/dagster-cloud-agent"
_REPOSITORY = "https://dagster-io.github.io/helm-user-cloud"
_TOKEN_SECRET = "dagster-cloud-agent-token"  # noqa: S105 - the name that the chart expects
_TOKEN_KEY = "DAGSTER_CLOUD_AGENT_TOKEN"  # noqa: S105 - the key in it
_LONGEST_RELEASE = 53  # Helm's own limit
_MANIFEST = "--dry-run=client --output yaml"
# So that a step can be run again. Applied by the client, a Secret would be kept in an annotation as well.
_APPLY = "apply --server-side --force-conflicts --filename -"
_PODS = "--selector deployment=agent"


def agent_commands(
    values: AgentValues,
    file: str,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    release: str = DEFAULT_RELEASE,
    chart_version: str = "",
) -> str:
    """A shell script for people to copy from: each step with a line that says what it is for.

    Every step can be run again.

    Args:
        values: What the agent is installed with.
        file: The file that holds them.
        namespace: Where it is installed.
        release: What Helm calls it.
        chart_version: The version of the chart; the newest one when empty.

    Source: https://docs.dagster.io/deployment/dagster-plus/hybrid/kubernetes/setup
    """
    steps = [
        *_preparations(values, shlex.quote(namespace)),
        *_helm(shlex.quote(file), shlex.quote(namespace), shlex.quote(release), chart_version),
    ]
    return "\n\n".join(f"# {title}\n" + "\n".join(lines) for title, lines in steps) + "\n"


def check_release(name: str) -> None:
    """What Helm takes as the name of a release.

    Raises:
        K8sConfigError: It does not.
    """
    check_dns_label(name, "release")
    if len(name) > _LONGEST_RELEASE:
        raise K8sConfigError(f"release {name!r} has {len(name)} letters, and Helm takes {_LONGEST_RELEASE}")


def _preparations(values: AgentValues, namespace: str) -> Iterator[tuple[str, list[str]]]:
    cloud, workspace = values.dagster_cloud or DagsterCloud(), values.workspace or Workspace()
    namespaces = list(dict.fromkeys([namespace, shlex.quote(workspace.namespace or namespace)]))
    yield (
        "Namespace of the agent" + (", and that of the pods it starts" if len(namespaces) > 1 else ""),
        [f"kubectl create namespace {name} {_MANIFEST} | kubectl {_APPLY}" for name in namespaces],
    )
    if not cloud.agent_token_value:
        secret = shlex.quote(cloud.agent_token_secret_name or _TOKEN_SECRET)
        key = shlex.quote(cloud.agent_token_env_var_name or _TOKEN_KEY)
        yield (
            f"Agent token: make one in Dagster+ under Organization settings, Tokens, and export {_TOKEN_KEY}",
            [
                f"kubectl --namespace {name} create secret generic {secret} \\\n"
                f'  --from-literal={key}="${_TOKEN_KEY}" {_MANIFEST} \\\n'
                f"  | kubectl --namespace {name} {_APPLY}"
                for name in namespaces
            ],
        )
    if values.image_pull_secrets:
        yield _registries(values.image_pull_secrets, namespaces)
    needed = [
        f"kubectl --namespace {namespaces[-1]} get {kind} {shlex.quote(source.name)}"
        for kind, sources in (("secret", workspace.env_secrets), ("configmap", workspace.env_config_maps))
        for source in sources or ()
        if not source.optional
    ]
    if needed:
        yield "Environment of the pods: without these they do not start", needed


def _registries(secrets: Sequence[str], namespaces: Sequence[str]) -> tuple[str, list[str]]:
    """The Secrets for the registries, each with variables of its own where there are several."""
    suffixes = {
        secret: "" if len(secrets) == 1 else "_" + re.sub(r"\W", "_", secret).upper() for secret in secrets
    }
    variables = "; ".join(
        f"REGISTRY{suffix}, REGISTRY{suffix}_USER and REGISTRY{suffix}_PASSWORD"
        for suffix in suffixes.values()
    )
    return (
        f"Registries to pull images from: export {variables}",
        [
            f"kubectl --namespace {name} create secret docker-registry {shlex.quote(secret)} \\\n"
            f'  --docker-server="$REGISTRY{suffix}" --docker-username="$REGISTRY{suffix}_USER" '
            f'--docker-password="$REGISTRY{suffix}_PASSWORD" \\\n'
            f"  {_MANIFEST} | kubectl --namespace {name} {_APPLY}"
            for name in namespaces
            for secret, suffix in suffixes.items()
        ],
    )


def _helm(file: str, namespace: str, release: str, chart_version: str) -> Iterator[tuple[str, list[str]]]:
    version = f" --version {shlex.quote(chart_version)}" if chart_version else ""
    install = f"helm --namespace {namespace} upgrade --install {release} {_CHART}{version} --values {file}"
    ready = f"{install} --wait --timeout 15m"
    agents = f"kubectl --namespace {namespace}"
    yield (
        "Chart repository",
        [f"helm repo add dagster-cloud {_REPOSITORY}", "helm repo update dagster-cloud"],
    )
    yield "What the chart would refuse", [f"{install} --dry-run"]
    yield "Install, and wait for the agents to be ready", [ready]
    yield (
        "Upgrade the chart, or apply changed values",
        ["helm repo update dagster-cloud", f"helm search repo {_CHART}", ready],
    )
    yield "Back to the release before", [f"helm --namespace {namespace} rollback {release}"]
    yield "Logs", [f"{agents} logs {_PODS} --all-containers --prefix --tail=200 --follow"]
    yield (
        "Health",
        [
            f"helm --namespace {namespace} status {release}",
            f"helm --namespace {namespace} get values {release}",
            f"{agents} get pods {_PODS} --output wide",
            f"{agents} get events --sort-by=.lastTimestamp",
        ],
    )
