"""Which deployment this code runs in, and picking an executor or secrets by it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, TypeVar

from dagster_plus_k8s_helpers.arguments import answering, check_kinds
from dagster_plus_k8s_helpers.errors import DeploymentError

if TYPE_CHECKING:
    import dagster as dg

    from dagster_plus_k8s_helpers.secrets.resource import SecretsResource

__all__ = [
    "BY_NAME",
    "Deployment",
    "DeploymentKind",
    "current_deployment",
    "executor_for_deployment",
    "secrets_for_deployment",
]

DeploymentKind: TypeAlias = Literal["local", "branch", "full"]
"""``local``: outside Dagster+; ``branch``: one a pull request has; ``full``: such as prod."""

T = TypeVar("T")

BY_NAME = "for the deployment of that name write deployments={{{name!r}: ...}}"
"""What is said of an argument that is the name of a deployment."""
_KINDS = ("local", "branch", "full")


@answering
@dataclass(frozen=True, slots=True)
class Deployment:
    """Where this process runs.

    Attributes:
        kind: ``local``, ``branch`` or ``full``.
        name: Name of the Dagster+ deployment; ``None`` when local.
        in_cluster: Whether the process runs in a pod.
        location_name: Name of the code location; ``None`` when local.
        git_branch: Branch the code was built from, when Dagster+ says so.
        git_sha: Commit the code was built from, when Dagster+ says so.
        pull_request_id: Pull request of a branch deployment, when Dagster+ says so.
    """

    kind: DeploymentKind
    name: str | None = None
    in_cluster: bool = False
    location_name: str | None = None
    git_branch: str | None = None
    git_sha: str | None = None
    pull_request_id: str | None = None

    def __post_init__(self) -> None:
        check_kinds(self)
        if self.kind not in _KINDS:
            raise DeploymentError(f"{self.kind!r} is no kind of deployment; write one of {', '.join(_KINDS)}")
        if (self.kind == "local") != (self.name is None):
            raise DeploymentError(f"a {self.kind} deployment {'has no' if self.name else 'needs a'} name")

    def __str__(self) -> str:
        return "running locally" if self.kind == "local" else f"the {self.kind} deployment {self.name!r}"


@answering
def current_deployment(environ: Mapping[str, str] | None = None) -> Deployment:
    """The deployment that the environment variables of this process tell.

    Dagster+ gives every code server, run and step ``DAGSTER_CLOUD_DEPLOYMENT_NAME``, and branch
    deployments ``DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT=1``; Kubernetes gives every pod
    ``KUBERNETES_SERVICE_HOST``. Without the first, the deployment is local, in a pod or not.

    Args:
        environ: Environment to read instead of the process' own.

    Source: https://docs.dagster.io/deployment/dagster-plus/management/environment-variables/built-in
    """
    environ = os.environ if environ is None else environ
    in_cluster = bool(environ.get("KUBERNETES_SERVICE_HOST"))
    name = environ.get("DAGSTER_CLOUD_DEPLOYMENT_NAME")
    if not name:
        return Deployment("local", in_cluster=in_cluster)
    is_branch = environ.get("DAGSTER_CLOUD_IS_BRANCH_DEPLOYMENT", "").lower() in {"1", "true"}
    return Deployment(
        "branch" if is_branch else "full",
        name,
        in_cluster,
        location_name=environ.get("DAGSTER_CLOUD_LOCATION_NAME"),
        git_branch=environ.get("DAGSTER_CLOUD_GIT_BRANCH"),
        git_sha=environ.get("DAGSTER_CLOUD_GIT_SHA"),
        pull_request_id=environ.get("DAGSTER_CLOUD_PULL_REQUEST_ID"),
    )


@answering(otherwise=BY_NAME)
def executor_for_deployment(
    *,
    local: dg.ExecutorDefinition | None = None,
    branch: dg.ExecutorDefinition | None = None,
    deployments: Mapping[str, dg.ExecutorDefinition] | None = None,
    default: dg.ExecutorDefinition | None = None,
    deployment: Deployment | None = None,
) -> dg.ExecutorDefinition:
    """The executor for the deployment in which these definitions load: the most specific one given.

    Args:
        local: Outside Dagster+: ``dagster dev``, tests, CI.
        branch: In every branch deployment that ``deployments`` does not name.
        deployments: By the name of the deployment: ``{"prod": ...}``.
        default: Wherever none of the others applies.
        deployment: Where to suppose we are, instead of `current_deployment`.

    Raises:
        DeploymentError: None of those given applies here.
    """
    import dagster as dg  # noqa: PLC0415 - who asks for the deployment does not wait for it

    return _pick(
        _Alternatives("executor", dg.ExecutorDefinition, "an executor, such as k8s_executor(...)"),
        deployment or current_deployment(),
        local=local,
        branch=branch,
        deployments=deployments,
        default=default,
    )


@answering(otherwise=BY_NAME)
def secrets_for_deployment(
    *,
    local: SecretsResource | None = None,
    branch: SecretsResource | None = None,
    deployments: Mapping[str, SecretsResource] | None = None,
    default: SecretsResource | None = None,
    deployment: Deployment | None = None,
) -> SecretsResource:
    """The secrets for the deployment in which these definitions load: the most specific ones given.

    ``secrets_for_deployment(local=EnvSecrets(env_file=".env"), default=VaultSecrets(...))``. None of them
    connects to anything before a value is asked for.

    Args:
        local: Outside Dagster+: ``dagster dev``, tests, CI.
        branch: In every branch deployment that ``deployments`` does not name.
        deployments: By the name of the deployment: ``{"prod": ...}``.
        default: Wherever none of the others applies.
        deployment: Where to suppose we are, instead of `current_deployment`.

    Raises:
        DeploymentError: None of those given applies here.
    """
    from dagster_plus_k8s_helpers.secrets.resource import SecretsResource  # noqa: PLC0415 - as above

    return _pick(
        _Alternatives("secrets resource", SecretsResource, "a resource of secrets, such as EnvSecrets(...)"),
        deployment or current_deployment(),
        local=local,
        branch=branch,
        deployments=deployments,
        default=default,
    )


class _Alternatives(NamedTuple):
    """What is picked from: its name, its class, and how messages put it."""

    what: str
    kind: type
    wanted: str

    def check(self, where: str, value: object) -> None:
        """Refuses another value than one of these, wherever it would be used.

        Raises:
            DeploymentError: It says what was given, and what to write.
        """
        if value is None or isinstance(value, self.kind):
            return
        if isinstance(value, type):
            raise DeploymentError(
                f"{where} is the class {value.__name__} itself; write {value.__name__}(...)"
            )
        raise DeploymentError(f"{where} must be {self.wanted}, not {type(value).__name__}")


def _pick(
    of: _Alternatives,
    deployment: Deployment,
    *,
    local: T | None,
    branch: T | None,
    deployments: Mapping[str, T] | None,
    default: T | None,
) -> T:
    """The most specific of some alternatives for a deployment: by name, by kind, else the default.

    Raises:
        DeploymentError: None of those given applies, or one of them, whichever it is, is something else.
    """
    if not isinstance(deployment, Deployment):
        raise DeploymentError(
            f"deployment={deployment!r} must be a Deployment, such as Deployment('full', 'prod')"
        )
    if not isinstance(deployments, Mapping | None):
        raise DeploymentError(f"deployments={deployments!r} must map names, such as {{'prod': ...}}")
    named = deployments or {}
    for where, value in (("local", local), ("branch", branch), ("default", default)):
        of.check(where, value)
    for name, value in named.items():
        of.check(f"deployments[{name!r}]", value)
    by_kind = {"local": local, "branch": branch}.get(deployment.kind)
    candidates = (named.get(deployment.name or ""), by_kind, default)
    for candidate in candidates:
        if candidate is not None:
            return candidate
    missing = [
        *([] if deployment.kind == "local" else [f"deployments={{{deployment.name!r}: ...}}"]),
        *([] if deployment.kind == "full" else [f"{deployment.kind}=..."]),
        "default=...",
    ]
    given = [
        *(f"{kind}=..." for kind, value in (("local", local), ("branch", branch)) if value is not None),
        *(f"deployments[{name!r}]" for name in named),
    ]
    only = f", only {' and '.join(given)}" if given else ""
    raise DeploymentError(f"no {of.what} was given for {deployment}{only}; add {' or '.join(missing)}")
