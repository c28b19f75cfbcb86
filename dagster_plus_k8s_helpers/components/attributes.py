"""What components of this package have in common: an attribute that there is not is told in their words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from pydantic import BaseModel, ConfigDict

from dagster_plus_k8s_helpers._dagster.components import derive_model_type, refused
from dagster_plus_k8s_helpers.arguments import unknown_argument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KnownAttributes"]


@cache
def _open_model(kind: type[dg.Resolvable]) -> type[BaseModel]:
    made: Any = derive_model_type(kind)
    # What is written for a component is refused below; schemas, and so editors, refuse it still.
    config = ConfigDict(extra="allow", json_schema_extra={"additionalProperties": False})
    names = {
        "model_config": config,
        "__doc__": f"The attributes of a `{kind.__name__}`.",
        "__module__": __name__,
    }
    model: type[BaseModel] = type(made)(f"{kind.__name__}Model", (made,), names)
    return model


class KnownAttributes(dg.Resolvable):
    """Refuses an attribute that there is not, at its line, with what to write instead.

    pydantic would show what stands there, which may be a token, and not what was meant.
    """

    OTHERWISE = ""
    """What to say of a name that is near none that there is; ``{name}`` stands for it."""
    SHOWS_LINES = True
    """Whether an error may show the lines of the file."""

    @classmethod
    def _elsewhere(cls) -> Mapping[str, str]:
        """What to write instead of a name that there is not, by name; ``{name}`` stands for it."""
        return {}

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The model of the attributes; one that there is not is refused by `resolve_from_model`."""
        return _open_model(cls)  # type: ignore[arg-type] # a class can be hashed

    @classmethod
    def resolve_from_model(cls, context: dg.ResolutionContext, model: BaseModel) -> Self:
        """The component, from what was written."""
        for name in model.model_extra or {}:
            write = unknown_argument(name, type(model).model_fields, cls._elsewhere(), cls.OTHERWISE)
            reason = f"{cls.__name__} has no attribute {name!r}{write}"
            raise refused(context, name, reason, with_lines=cls.SHOWS_LINES)
        made: Self = super().resolve_from_model(context, model)
        return made
