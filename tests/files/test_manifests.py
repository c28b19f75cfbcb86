"""Roles for the pods of runs: what is in no namespace needs a ClusterRole."""

from __future__ import annotations

import pytest

from dagster_plus_k8s_helpers import K8sConfigError
from dagster_plus_k8s_helpers.files.values.manifests import LIST_NODES, cluster_role


def test_a_cluster_role_is_bound_to_an_account_of_a_namespace() -> None:
    allowed, binding = cluster_role("nodes", *LIST_NODES, service_account="code", namespace="data")

    assert allowed == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "nodes"},
        "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}],
    }
    assert binding == {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "nodes"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "nodes"},
        "subjects": [{"kind": "ServiceAccount", "name": "code", "namespace": "data"}],
    }


def test_a_cluster_role_without_rules_is_refused() -> None:
    with pytest.raises(K8sConfigError) as refusal:
        cluster_role("nodes", service_account="code", namespace="data")

    assert (
        str(refusal.value) == "rules: a ClusterRole without rules allows nothing; write LIST_NODES or others"
    )
