"""What ``dg scaffold defs`` writes: a ``defs.yaml`` that loads as it is, to be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster.components import scaffold_component

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["starting_with"]


def starting_with(attributes: Mapping[str, Any]) -> type[dg.Scaffolder[Any]]:
    """A scaffolder that begins with some attributes.

    Args:
        attributes: What the file says.
    """

    class Starting(dg.Scaffolder[Any]):
        def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
            scaffold_component(request, attributes)

    return Starting
