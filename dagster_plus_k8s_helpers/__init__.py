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
    try:
        found = _looked_up(name)
    except AttributeError as error:
        if name in __all__ or name.startswith("_"):
            raise
        from .errors import did_you_mean  # noqa: PLC0415 - only who writes it wrongly waits for it

        raise AttributeError(
            f"{error}{did_you_mean(name, __all__)}", name=name, obj=sys.modules[__name__]
        ) from None
    if "dagster.components" in sys.modules and name in __all__:
        from .components.resolvable import make_resolvable  # noqa: PLC0415 - which imports Dagster

        make_resolvable()
    return found
