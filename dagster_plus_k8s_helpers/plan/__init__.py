"""What will run: the Kubernetes Jobs that a Dagster job becomes, and what is wrong with them.

Each name is imported on first use: who checks files does not wait for Dagster.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.plan.checks import check
    from dagster_plus_k8s_helpers.plan.cluster_objects import ClusterObjects
    from dagster_plus_k8s_helpers.plan.html import html_report
    from dagster_plus_k8s_helpers.plan.layers import Layer, LayerName
    from dagster_plus_k8s_helpers.plan.nodes import NodePool, Taint, read_nodes
    from dagster_plus_k8s_helpers.plan.origins import Origin, Said
    from dagster_plus_k8s_helpers.plan.pods import Container, Pod
    from dagster_plus_k8s_helpers.plan.resolve import plan
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, RunPodShare, StepPlan, Steps
    from dagster_plus_k8s_helpers.plan.totals import Amounts, Peak

__all__ = [
    "Amounts",
    "ClusterObjects",
    "Container",
    "Layer",
    "LayerName",
    "NodePool",
    "Origin",
    "Peak",
    "Pod",
    "RunPlan",
    "RunPodShare",
    "Said",
    "StepPlan",
    "Steps",
    "Taint",
    "check",
    "html_report",
    "plan",
    "read_nodes",
]

_MODULES = {
    "checks": ("check",),
    "cluster_objects": ("ClusterObjects",),
    "html": ("html_report",),
    "layers": ("Layer", "LayerName"),
    "nodes": ("NodePool", "Taint", "read_nodes"),
    "origins": ("Origin", "Said"),
    "pods": ("Container", "Pod"),
    "resolve": ("plan",),
    "run_plan": ("RunPlan", "RunPodShare", "StepPlan", "Steps"),
    "totals": ("Amounts", "Peak"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
