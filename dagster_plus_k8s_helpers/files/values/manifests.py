"""Manifests for ``extraManifests``: the service accounts of your code, and what they may do.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.pod.objects.names import check_annotations, check_dns_label, check_dns_subdomain

__all__ = [
    "LIST_NODES",
    "OWNER_REFERENCES",
    "READ_QUEUES",
    "START_PODS",
    "START_STEPS",
    "Manifest",
    "PolicyRule",
    "cluster_role",
    "irsa",
    "role",
    "service_account",
    "workload_identity",
]

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes object as YAML has it."""

PolicyRule: TypeAlias = Mapping[str, Sequence[str]]
"""Kubernetes' ``PolicyRule``: ``apiGroups``, ``resources`` and ``verbs``."""

START_STEPS: tuple[PolicyRule, ...] = (
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "delete", "get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
)
"""What the pod of a run needs so that `k8s_executor` gives each of its steps a Job of its own.

The stock ``k8s_job_executor`` looks at its steps in another way: it needs ``get`` on ``jobs/status`` besides.
"""

OWNER_REFERENCES: tuple[PolicyRule, ...] = ({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]},)
"""What it needs besides for ``enable_owner_references``: it looks itself up, to own the Jobs of its steps.

It does so in its own namespace; steps in another one get no owner.
"""

LIST_NODES: tuple[PolicyRule, ...] = ({"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]},)
"""What it needs in a ClusterRole so that a memory ladder knows the largest node.

With ``autoscaler=False`` the executor also looks there which devices exist.
"""

READ_QUEUES: tuple[PolicyRule, ...] = (
    {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads"], "verbs": ["list"]},
    {
        "apiGroups": ["visibility.kueue.x-k8s.io"],
        "resources": ["localqueues/pendingworkloads"],
        "verbs": ["get"],
    },
)
"""What it needs besides to say why Kueue holds a step back, or has taken its pod away, and behind how many.

Source: https://kueue.sigs.k8s.io/docs/concepts/workload/ and, for the second,
    https://kueue.sigs.k8s.io/docs/tasks/manage/monitor_pending_workloads/pending_workloads_on_demand/
"""

START_PODS: tuple[PolicyRule, ...] = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete", "get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
)
"""What a step needs that starts pods itself, with ``PipesK8sClient``."""


@answering
def irsa(role_arn: str) -> dict[str, str]:
    """The annotation that gives a ServiceAccount a role of AWS.

    Args:
        role_arn: The role, such as ``arn:aws:iam::123456789012:role/dagster``.

    Raises:
        K8sConfigError: Text that is no ARN of a role.

    Source: https://docs.aws.amazon.com/eks/latest/userguide/iam-roles-for-service-accounts.html
    """
    if not isinstance(role_arn, str) or not role_arn.startswith("arn:aws") or ":role/" not in role_arn:
        raise K8sConfigError(
            f"{role_arn!r} is no role; write its ARN, such as 'arn:aws:iam::123456789012:role/dagster'",
            where="role_arn",
        )
    return {"eks.amazonaws.com/role-arn": role_arn}


@answering
def workload_identity(google_service_account: str) -> dict[str, str]:
    """The annotation that lets a ServiceAccount act as one of Google Cloud.

    Args:
        google_service_account: Its address, such as ``dagster@project.iam.gserviceaccount.com``.

    Raises:
        K8sConfigError: Text that is no such address.

    Source: https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity
    """
    if not isinstance(google_service_account, str) or not google_service_account.endswith(
        ".gserviceaccount.com"
    ):
        raise K8sConfigError(
            f"{google_service_account!r} is no service account of Google Cloud; write its address, such as "
            "'dagster@project.iam.gserviceaccount.com'",
            where="google_service_account",
        )
    return {"iam.gke.io/gcp-service-account": google_service_account}


@answering
def service_account(
    name: str, *, namespace: str | None = None, annotations: Mapping[str, str] | None = None
) -> Manifest:
    """A ServiceAccount for the pods of your code.

    Args:
        name: Its name, for ``Workspace.service_account_name`` or a location's ``service_account_name``.
        namespace: Where it is; where the chart is installed when left out.
        annotations: Those of `irsa` or `workload_identity`, or any other.

    Raises:
        K8sConfigError: A name or annotation that Kubernetes refuses.
    """
    metadata = _metadata(name, namespace)
    if annotations:
        check_annotations(annotations)
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


@answering
def role(
    name: str, *rules: PolicyRule, service_account: str, namespace: str | None = None
) -> tuple[Manifest, Manifest]:
    """A Role, and the RoleBinding that gives it to a ServiceAccount of the same namespace.

    Args:
        name: The name of both.
        *rules: What it allows: those of `START_STEPS`, `OWNER_REFERENCES` and `START_PODS`, or any other.
        service_account: Who gets it.
        namespace: Where both are; where the chart is installed when left out.

    Raises:
        K8sConfigError: A name that Kubernetes refuses, or no rule.
    """
    return _bound("Role", "START_STEPS", _metadata(name, namespace), rules, (service_account, namespace))


@answering
def cluster_role(
    name: str, *rules: PolicyRule, service_account: str, namespace: str
) -> tuple[Manifest, Manifest]:
    """A ClusterRole, for what is in no namespace, and the binding that gives it to a ServiceAccount.

    Args:
        name: The name of both.
        *rules: What it allows: those of `LIST_NODES`, or any other.
        service_account: Who gets it.
        namespace: Where that service account is.

    Raises:
        K8sConfigError: A name that Kubernetes refuses, or no rule.
    """
    check_dns_label(namespace, "namespace")
    return _bound("ClusterRole", "LIST_NODES", _metadata(name, None), rules, (service_account, namespace))


_API_GROUP = "rbac.authorization.k8s.io"


def _bound(
    kind: str,
    example: str,
    metadata: dict[str, Any],
    rules: Sequence[PolicyRule],
    account: tuple[str, str | None],
) -> tuple[Manifest, Manifest]:
    """A role of a kind, and its binding to a service account."""
    name, namespace = account
    check_dns_subdomain(name, "service account")
    if not rules:
        raise K8sConfigError(
            f"a {kind} without rules allows nothing; write {example} or others", where="rules"
        )
    allowed = [{key: list(words) for key, words in rule.items()} for rule in rules]
    subject = {"kind": "ServiceAccount", "name": name, **({"namespace": namespace} if namespace else {})}
    return (
        {"apiVersion": f"{_API_GROUP}/v1", "kind": kind, "metadata": metadata, "rules": allowed},
        {
            "apiVersion": f"{_API_GROUP}/v1",
            "kind": f"{kind}Binding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": _API_GROUP, "kind": kind, "name": metadata["name"]},
            "subjects": [subject],
        },
    )


def _metadata(name: str, namespace: str | None) -> dict[str, Any]:
    check_dns_subdomain(name, "name")
    if namespace is None:
        return {"name": name}
    check_dns_label(namespace, "namespace")
    return {"name": name, "namespace": namespace}
