"""`K8sDefaultsComponent`: what the assets of a folder get beneath what they say themselves."""

# Dagster reads the annotations themselves: no postponed ones here.
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import dagster as dg

from dagster_plus_k8s_helpers._dagster.components import definitions_of_folder, refused_by
from dagster_plus_k8s_helpers.arguments import answering
from dagster_plus_k8s_helpers.components.attributes import KnownAttributes
from dagster_plus_k8s_helpers.components.models import SizeTagsModel, read
from dagster_plus_k8s_helpers.components.scaffolds import starting_with
from dagster_plus_k8s_helpers.components.template_vars import scope
from dagster_plus_k8s_helpers.components.values import AMOUNTS, CONFIG_FIELDS, size_of
from dagster_plus_k8s_helpers.errors import DagsterPlusK8sError, SelectionError
from dagster_plus_k8s_helpers.pod.config import K8sConfig
from dagster_plus_k8s_helpers.sizing.strategy import SizeTags
from dagster_plus_k8s_helpers.tags import with_k8s_config, with_sizes

__all__ = ["K8sDefaultsComponent"]

_EVERYTHING = "*"


def _size(context: dg.ResolutionContext, written: object) -> Any:
    return read(context, written, lambda value: None if value is None else size_of(value))


@dg.scaffold_with(starting_with({"config": {"resources": {"cpu": "500m", "memory": "2Gi"}}}))
@answering
@dataclass(kw_only=True)
class K8sDefaultsComponent(KnownAttributes, dg.Component):
    """Gives the assets of a folder a pod config: cpu, memory, nodes, and whatever else a pod needs.

    It stands in the ``defs.yaml`` of a folder of ``defs``, and reaches every asset defined in the folder, by
    Python files or by components in folders of it. What an asset says itself wins, and so does what a folder
    further in says.

    Args:
        config: What the step pods of these assets get beneath their own op tags.
        selection: Which assets of the folder, in Dagster's selection syntax.
        size: What decides the size of these assets just before they are launched, for those that do not say
            it themselves.
    """

    config: Annotated[
        K8sConfig,
        dg.Resolver.default(
            description="What the step pods of these assets get beneath their own op tags.",
            examples=[{"resources": {"cpu": "500m", "memory": "2Gi"}}],
        ),
    ] = K8sConfig()  # noqa: RUF009 - which nothing can change
    selection: Annotated[
        str,
        dg.Resolver.default(
            description="Which assets of the folder, in Dagster's selection syntax.", examples=["group:ml"]
        ),
    ] = _EVERYTHING
    size: Annotated[
        SizeTags | None,
        dg.Resolver(
            _size,
            model_field_type=SizeTagsModel,
            description="What decides the size of these assets just before they are launched.",
            examples=[{"by": "usage", "maximum": "64Gi"}],
        ),
    ] = None

    @classmethod
    def _elsewhere(cls) -> Mapping[str, str]:
        return {
            **{name: f"write config: {{{{{name}: ...}}}}" for name in CONFIG_FIELDS},
            **{name: f"write config: {{{{resources: {{{{{name}: ...}}}}}}}}" for name in AMOUNTS},
        }

    @classmethod
    def get_additional_scope(cls) -> Mapping[str, Any]:
        """What templates may call here."""
        return scope()

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions of the folder, with the config beneath."""
        if not context.path.is_dir():
            raise refused_by(
                context, "K8sDefaultsComponent", "stands in a defs.yaml; in Python write with_k8s_config(...)"
            )
        found = definitions_of_folder(context)
        selection = None if self.selection == _EVERYTHING else self.selection
        try:
            if self.config:
                found = with_k8s_config(found, self.config, selection)
            if self.size is not None:
                found = with_sizes(found, self.size, selection)
        except SelectionError as error:
            raise refused_by(context, "selection", str(error)) from None
        except DagsterPlusK8sError as error:
            raise refused_by(context, "config", str(error)) from None
        return found
