"""The models that Dagster reads attributes of components with, for values of this package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import RootModel

from dagster_plus_k8s_helpers._dagster.components import refused
from dagster_plus_k8s_helpers.components.templates import rendered
from dagster_plus_k8s_helpers.components.value_schemas import (
    config_schema,
    ladder_schema,
    resources_schema,
    size_schema,
)
from dagster_plus_k8s_helpers.components.values import config_of, ladder_of, resources_of, size_of
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, K8sConfigError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.pod.parts import Resources
from dagster_plus_k8s_helpers.sizing.memory_ladder import MemoryLadder
from dagster_plus_k8s_helpers.sizing.strategy import SizeTags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import dagster as dg
    from pydantic import BaseModel, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

    from dagster_plus_k8s_helpers.components.schemas import Schema

__all__ = ["AsWritten", "SizeTagsModel", "as_written", "model_of", "read", "value_of"]


class AsWritten(RootModel[Any]):
    """An attribute as it was written; nothing is checked before its templates are rendered."""

    SCHEMA: ClassVar[Callable[[], Schema]] = dict

    def __getitem__(self, key: str | int) -> Any:
        """A part of it: Dagster notes at which line each stands."""
        return self.root[key]

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> Schema:
        return cls.SCHEMA()


class _TakesTemplates(type(AsWritten)):  # type: ignore[misc] # pydantic's metaclass has no public name
    """Text may stand for such a model anyway: as a template.

    Dagster lets every attribute be text, by the union of its model with ``str``; a schema then says of
    whatever is wrong within the attribute that it "is not valid under any of the given schemas".
    """

    def __or__(cls, other: Any) -> Any:
        return cls if other is str else super().__or__(other)


def as_written(name: str, description: str, schema: Callable[[], Schema]) -> type[AsWritten]:
    """A model for an attribute.

    Args:
        name: What schemas call it.
        description: What it is.
        schema: What may be written.
    """
    members = {
        "__module__": __name__,
        "__qualname__": name,
        "__doc__": description,
        "SCHEMA": staticmethod(schema),
    }
    made: type[AsWritten] = _TakesTemplates(name, (AsWritten,), members)
    return made


SizeTagsModel = as_written("SizeTagsModel", "What decides a size.", size_schema)
_VALUES: Mapping[type, tuple[type[AsWritten], Callable[[object], Any]]] = {
    K8sConfig: (as_written("K8sConfigModel", "A pod config.", config_schema), config_of),
    Resources: (
        as_written("ResourcesModel", "The resources of a container.", resources_schema),
        resources_of,
    ),
    MemoryLadder: (as_written("MemoryLadderModel", "A memory ladder.", ladder_schema), ladder_of),
    SizeTags: (SizeTagsModel, size_of),
}


def model_of(kind: type) -> type[BaseModel]:
    """The model of a value's class, or of one that it is a subclass of."""
    return next(_VALUES[base][0] for base in kind.__mro__ if base in _VALUES)


def value_of(kind: type, context: dg.ResolutionContext, written: object) -> Any:
    """The value of a class, from what was written."""
    return read(context, written, next(_VALUES[base][1] for base in kind.__mro__ if base in _VALUES))


def read(
    context: dg.ResolutionContext,
    written: object,
    read_value: Callable[[Any], Any],
    *,
    with_lines: bool = True,
) -> Any:
    """What is read from an attribute, its templates rendered.

    Args:
        context: Of the attribute.
        written: What was written, or its model.
        read_value: What makes a value of it.
        with_lines: Whether an error may show the lines of the file.

    Raises:
        ResolutionException: It is refused, at its line.
    """
    plain = written.root if isinstance(written, AsWritten) else written
    value = rendered(context, plain)
    try:
        return read_value(value)
    except K8sConfigError as error:
        problem = refused(context, error.where, error.reason, with_lines=with_lines)
    except DagsterPlusK8sError as error:
        problem = refused(context, "", str(error), with_lines=with_lines)
    # A traceback that shows locals shows this frame, and what a template gave may be a secret; the errors
    # above are not its context, for that would bring the frames in which they came up.
    del written, plain, value, read_value
    raise problem
