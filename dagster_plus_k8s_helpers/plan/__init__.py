"""What will run: the Kubernetes Jobs that a Dagster job becomes, and what is wrong with them.

Each name is imported on first use: who checks files does not wait for Dagster.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.capacity.nodes import NodePool, Taint, read_nodes
    from dagster_plus_k8s_helpers.capacity.queue_files import read_queues
    from dagster_plus_k8s_helpers.capacity.quotas import Quotas
    from dagster_plus_k8s_helpers.capacity.totals import Amounts, Peak
    from dagster_plus_k8s_helpers.check.check import check
    from dagster_plus_k8s_helpers.cluster.objects import ClusterObjects
    from dagster_plus_k8s_helpers.plan.merge.layers import Layer, LayerName
    from dagster_plus_k8s_helpers.plan.merge.origins import Origin, Said
    from dagster_plus_k8s_helpers.plan.merge.pods import Container, Pod
    from dagster_plus_k8s_helpers.plan.resolve import plan
    from dagster_plus_k8s_helpers.plan.run_plan import RunPlan, RunPodShare, StepPlan, Steps
    from dagster_plus_k8s_helpers.plan.show.html import html_report

OPEN = (
    "costs",
    "merge.executor_keys",
    "merge.fields",
    "merge.jobs",
    "merge.rendering",
    "merge.from_files",
    "merge.layers",
    "merge.masked",
    "merge.origins",
    "merge.pods",
    "merge.triggers",
    "merge.unknown",
    "queues",
    "resolve",
    "run_plan",
    "show.as_json",
    "show.as_yaml",
    "show.costs",
    "show.explained",
    "show.html",
    "show.html_usage",
    "show.table",
    "sources",
)
"""The modules of it that other rooms may use, beside what it says itself."""

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
    "Quotas",
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
    "read_queues",
]

_MODULES = {
    "check.check": ("check",),
    "cluster.objects": ("ClusterObjects",),
    "plan.merge.layers": ("Layer", "LayerName"),
    "capacity.nodes": ("NodePool", "Taint", "read_nodes"),
    "capacity.queue_files": ("read_queues",),
    "capacity.quotas": ("Quotas",),
    "plan.merge.origins": ("Origin", "Said"),
    "plan.merge.pods": ("Container", "Pod"),
    "plan.resolve": ("plan",),
    "plan.run_plan": ("RunPlan", "RunPodShare", "StepPlan", "Steps"),
    "capacity.totals": ("Amounts", "Peak"),
    "plan.show.html": ("html_report",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"dagster_plus_k8s_helpers.{_HOME[name]}"), name)
    globals()[name] = value
    return value
