"""For ``extraManifests`` of the agent's values: the service accounts of your code, and what they may do."""

from dagster_plus_k8s_helpers.files.values.manifests import (
    LIST_NODES,
    OWNER_REFERENCES,
    READ_QUEUES,
    START_PODS,
    START_STEPS,
    Manifest,
    PolicyRule,
    cluster_role,
    irsa,
    role,
    service_account,
    workload_identity,
)

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
