"""Makes values of this package ``dagster.Resolvable``: any component may have them as attributes.

`K8sConfig`, `Resources`, `MemoryLadder` and sizes are made without Dagster, whose import takes longer than
all that is done with files alone. So ``Resolvable`` is put beneath them later: with the first public name
that is looked up where Dagster is imported, and before the first component of this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic_core import core_schema

from dagster_plus_k8s_helpers.pod.immutable import FromYaml

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import CoreSchema

__all__ = ["ResolvableValue", "make_resolvable"]


class ResolvableValue(dg.Resolvable):
    """How ``defs.yaml`` becomes such a value, and what a component that is a pydantic model makes of it."""

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        return core_schema.is_instance_schema(cls)

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The schema of what may be written."""
        from dagster_plus_k8s_helpers.components.models import model_of  # noqa: PLC0415 - for who asks

        return model_of(cls)

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: Any) -> Any:
        """The value, from what was written."""
        from dagster_plus_k8s_helpers.components.models import value_of  # noqa: PLC0415 - the same

        return value_of(cls, context, model)


def make_resolvable() -> None:
    """Puts ``dagster.Resolvable`` beneath every `FromYaml`; once is enough."""
    if not issubclass(FromYaml, ResolvableValue):
        FromYaml.__bases__ = (*FromYaml.__bases__, ResolvableValue)
