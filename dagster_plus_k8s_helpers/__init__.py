"""Typed, checked Kubernetes configuration for Dagster+ Hybrid.

Every public name is imported on first use (PEP 562), so that importing the package costs nothing a
code location would notice and pulls in neither ``kubernetes`` nor ``dagster_k8s``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster_plus_k8s_helpers.errors import (
        DagsterPlusK8sError,
        DeploymentError,
        K8sConfigError,
        QuantityError,
        SelectionError,
        UnknownFieldError,
    )

__all__ = [
    "DagsterPlusK8sError",
    "DeploymentError",
    "K8sConfigError",
    "QuantityError",
    "SelectionError",
    "UnknownFieldError",
]

_HOME = {
    "DagsterPlusK8sError": "errors",
    "DeploymentError": "errors",
    "K8sConfigError": "errors",
    "QuantityError": "errors",
    "SelectionError": "errors",
    "UnknownFieldError": "errors",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
