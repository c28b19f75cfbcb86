"""Typed, checked Kubernetes configuration for Dagster+ Hybrid.

Every public name is imported on first use (PEP 562), so that importing the package costs nothing a
code location would notice and pulls in neither ``kubernetes`` nor ``dagster_k8s``.
"""

import sys
from typing import Any

import lazy_loader

_looked_up, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """A public name; where Dagster is imported, values are ``dagster.Resolvable`` from then on."""
    found = _looked_up(name)
    if "dagster.components" in sys.modules and name in __all__:
        from .components.resolvable import make_resolvable  # noqa: PLC0415 - which imports Dagster

        make_resolvable()
    return found
