"""Typed, checked Kubernetes configuration for Dagster+ Hybrid.

Every public name is imported on first use (PEP 562), so that importing the package costs nothing a
code location would notice and pulls in neither ``kubernetes`` nor ``dagster_k8s``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
