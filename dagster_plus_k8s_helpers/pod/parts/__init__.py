"""The parts of a pod: containers, resources, variables, volumes, tolerations, and what they must be."""

from dagster_plus_k8s_helpers.pod.parts.env import (
    ConfigMapEnvSource,
    EnvFrom,
    SecretEnvSource,
    SecretKeyRef,
    env_from_from_list,
    env_to_list,
)
from dagster_plus_k8s_helpers.pod.parts.resources import AmountLike, Resources
from dagster_plus_k8s_helpers.pod.parts.rules import check
from dagster_plus_k8s_helpers.pod.parts.toleration import Toleration
from dagster_plus_k8s_helpers.pod.parts.volumes import Volume

__all__ = [
    "AmountLike",
    "ConfigMapEnvSource",
    "EnvFrom",
    "Resources",
    "SecretEnvSource",
    "SecretKeyRef",
    "Toleration",
    "Volume",
    "check",
    "env_from_from_list",
    "env_to_list",
]
