"""Why dagster_k8s could build no Job: the field that it stumbled over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["why_not_built"]


def why_not_built(error: Exception, layers: Mapping[str, object]) -> str:
    """What is wrong with the first layer of a step's config that has a fault; else what Python said.

    Args:
        error: What building the Job raised.
        layers: The raw configs by what they go by, the last said first; text is JSON.
    """
    if isinstance(error, DagsterPlusK8sError):
        return str(error)
    for name, config in layers.items():
        try:
            written: Any = json.loads(config) if isinstance(config, str) else config
            K8sConfig.from_dict(written)
        except K8sConfigError as found:
            return f"{name}: {found}"
        except (ValueError, RecursionError):
            return f"{name}: is not JSON"
    return f"{type(error).__name__}: {error}"
