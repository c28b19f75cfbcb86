"""What templates in ``defs.yaml`` may call, where its ``template_vars_module`` is this module.

``op_tags: "{{ k8s(cpu='500m', memory='2Gi') }}"`` works in any component that takes tags of ops. The
components of this package know these without the line. In a template ``|`` is a filter, so configs are merged
by naming them first: ``{{ k8s(gpu(1), spot('gke'), memory='16Gi') }}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from dagster_plus_k8s_helpers.errors import K8sConfigError
from dagster_plus_k8s_helpers.labels import cost_labels as _cost_labels
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts import SecretKeyRef
from dagster_plus_k8s_helpers.pod.scheduling import gpu as _gpu
from dagster_plus_k8s_helpers.pod.scheduling import kai as _kai
from dagster_plus_k8s_helpers.pod.scheduling import kueue as _kueue
from dagster_plus_k8s_helpers.pod.scheduling import shm as _shm
from dagster_plus_k8s_helpers.pod.scheduling import spot as _spot
from dagster_plus_k8s_helpers.pod.scheduling import volcano as _volcano
from dagster_plus_k8s_helpers.sizing.by_function import sized_by as _sized_by
from dagster_plus_k8s_helpers.sizing.by_partition import sized_by_partition as _sized_by_partition
from dagster_plus_k8s_helpers.sizing.by_usage import sized_by_usage as _sized_by_usage
from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder
from dagster_plus_k8s_helpers.tags import k8s_tags

__all__ = ["scope"]


def _config(*configs: K8sConfig, **fields: Any) -> K8sConfig:
    """A config from its fields and amounts, above others that are named before them."""
    merged = K8sConfig()
    for config in configs:
        if not isinstance(config, K8sConfig):
            raise K8sConfigError(
                f"k8s takes configs without a name, such as gpu(1), not {config!r}; write cpu=..., memory=..."
            )
        merged |= config
    try:
        return merged | K8sConfig.from_tags(k8s_tags(**fields))
    except K8sConfigError as error:
        raise K8sConfigError(error.reason.replace("k8s_tags", "k8s"), where=error.where) from None


def _tags(*parts: Mapping[str, Any] | MemoryLadder) -> dict[str, Any]:
    """Op tags of several things together: a config, a memory ladder, a size."""
    tags: dict[str, Any] = {}
    for part in parts:
        given = part.tags if isinstance(part, MemoryLadder) else part
        if not isinstance(given, Mapping):
            raise K8sConfigError(f"tags takes configs, memory ladders and sizes, not {part!r}")
        twice = next((key for key in given if key in tags), None)
        if twice == K8sConfig.TAG:
            raise K8sConfigError("tags takes one config; write k8s(A, B) for two")
        if twice is not None:
            raise K8sConfigError(f"{twice} is given twice; keep one of the two")
        tags |= given
    return tags


@dg.template_var
def k8s() -> Callable[..., K8sConfig]:
    """A config: ``k8s(cpu=1, memory='4Gi')``; with presets, ``k8s(gpu(1), memory='16Gi')``."""
    return _config


@dg.template_var
def tags() -> Callable[..., dict[str, Any]]:
    """Op tags of several things: ``tags(k8s(memory='2Gi'), memory_ladder(maximum='32Gi'))``."""
    return _tags


@dg.template_var
def gpu() -> Callable[..., K8sConfig]:
    """GPUs, with the node selector and the toleration: ``gpu(1, platform='gke')``."""
    return _gpu


@dg.template_var
def spot() -> Callable[..., K8sConfig]:
    """Preemptible nodes: ``spot('gke')``."""
    return _spot


@dg.template_var
def shm() -> Callable[..., K8sConfig]:
    """Shared memory: ``shm('8Gi')``."""
    return _shm


@dg.template_var
def kueue() -> Callable[..., K8sConfig]:
    """A queue of Kueue: ``kueue('batch')``."""
    return _kueue


@dg.template_var
def kai() -> Callable[..., K8sConfig]:
    """A queue of the KAI scheduler: ``kai('batch')``."""
    return _kai


@dg.template_var
def volcano() -> Callable[..., K8sConfig]:
    """A queue of Volcano: ``volcano('batch')``."""
    return _volcano


@dg.template_var
def cost_labels() -> Callable[..., K8sConfig]:
    """Labels by which a bill is grouped: ``cost_labels(team='data')``."""
    return _cost_labels


@dg.template_var
def secret_key() -> Callable[..., SecretKeyRef]:
    """The value of an environment variable from a Secret: ``secret_key('warehouse', 'password')``."""
    return SecretKeyRef


@dg.template_var
def memory_ladder() -> Callable[..., MemoryLadder]:
    """More memory after an OOM: ``memory_ladder(maximum='64Gi')``."""
    return MemoryLadder


@dg.template_var
def sized_by() -> Callable[..., Mapping[str, str]]:
    """A size by a function: ``sized_by('my_project.sizes:by_rows')``."""
    return _sized_by


@dg.template_var
def sized_by_partition() -> Callable[..., Mapping[str, str]]:
    """A size by partition: ``sized_by_partition({'eu-*': k8s(memory='8Gi')})``."""
    return _sized_by_partition


@dg.template_var
def sized_by_usage() -> Callable[..., Mapping[str, str]]:
    """A size by what earlier runs used: ``sized_by_usage(maximum='64Gi')``."""
    return _sized_by_usage


def scope() -> dict[str, Any]:
    """Every one of them, by its name in a template."""
    return {variable.__name__: variable() for variable in _VARIABLES}


_VARIABLES: tuple[Callable[[], Any], ...] = (
    k8s,
    tags,
    gpu,
    spot,
    shm,
    kueue,
    kai,
    volcano,
    cost_labels,
    secret_key,
    memory_ladder,
    sized_by,
    sized_by_partition,
    sized_by_usage,
)
