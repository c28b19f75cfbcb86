"""Tags that carry a `K8sConfig`, and putting one, or a size, beneath assets that are defined already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, Unpack, overload

from dagster_plus_k8s_helpers.arguments import answering, unknown_argument
from dagster_plus_k8s_helpers.errors import K8sConfigError, UnknownFieldError
from dagster_plus_k8s_helpers.op_tags import rewrite_op_tags
from dagster_plus_k8s_helpers.pod.config import K8sConfig, K8sConfigFields
from dagster_plus_k8s_helpers.pod.parts import AmountLike, Resources
from dagster_plus_k8s_helpers.pod.reading import ADVICE
from dagster_plus_k8s_helpers.sizing.reading import size_tags

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import dagster as dg

    from dagster_plus_k8s_helpers.op_tags import Selection
    from dagster_plus_k8s_helpers.sizing.strategy import SizeTags, Strategy

__all__ = ["TagFields", "k8s_tags", "with_k8s_config", "with_sizes"]

T = TypeVar("T")


class TagFields(K8sConfigFields, total=False):
    """Everything `k8s_tags` takes: the amounts of `Resources` beside the fields of `K8sConfig`."""

    cpu: AmountLike | None
    memory: AmountLike | None
    gpu: AmountLike | None
    ephemeral_storage: AmountLike | None
    extended: Mapping[str, AmountLike] | None


_AMOUNTS = ("cpu", "memory", "gpu", "ephemeral_storage", "extended")


_OWN_ADVICE = {
    "mem": "write memory=...",
    "gpus": "write gpu=...",
    **dict.fromkeys(
        ("limits", "requests"), 'write cpu=("1", "2"), memory="4Gi": a pair is request and limit'
    ),
}


@answering
def k8s_tags(**fields: Unpack[TagFields]) -> dict[str, Any]:
    """Tags for a job, an op or ``op_tags`` of an asset, in one call.

    ``k8s_tags(cpu=1, memory="4Gi", node_selector={"pool": "batch"})`` is
    ``K8sConfig(resources=Resources(cpu=1, memory="4Gi"), node_selector={"pool": "batch"}).tags``.

    Args:
        **fields: The arguments of `Resources` and of `K8sConfig`; see there.

    Raises:
        K8sConfigError: A field that does not exist, or a value that Kubernetes or Dagster would refuse
            or ignore; ``resources`` beside an amount.
    """
    given: dict[str, Any] = dict(fields)
    amounts = {name: given.pop(name) for name in _AMOUNTS if name in given}
    if any(amount is not None for amount in amounts.values()):
        if given.get("resources") is not None:
            raise K8sConfigError(
                f"is given beside {', '.join(amounts)}; keep one of the two", where="resources"
            )
        given["resources"] = Resources(**amounts)
    try:
        return K8sConfig(**given).tags
    except UnknownFieldError as error:
        if error.where:
            raise
        write = unknown_argument(error.name, TagFields.__annotations__, {**ADVICE, **_OWN_ADVICE})
        reason = f"k8s_tags has no field {error.name!r}{write}"
        raise UnknownFieldError(error.name, (), of="k8s_tags", reason=reason) from None


@overload
def with_k8s_config(
    definitions_or_assets: dg.Definitions, config: K8sConfig, selection: Selection | None = None
) -> dg.Definitions: ...
@overload
def with_k8s_config(
    definitions_or_assets: dg.AssetsDefinition, config: K8sConfig, selection: Selection | None = None
) -> dg.AssetsDefinition: ...
@overload
def with_k8s_config(
    definitions_or_assets: dg.OpDefinition, config: K8sConfig, selection: None = None
) -> dg.OpDefinition: ...
@overload
def with_k8s_config(
    definitions_or_assets: Iterable[T], config: K8sConfig, selection: Selection | None = None
) -> list[T]: ...
@answering
def with_k8s_config(definitions_or_assets: Any, config: K8sConfig, selection: Selection | None = None) -> Any:
    """Puts a config beneath what assets say themselves: where both say something, the asset wins.

    For assets that come from loaders: dbt, components, ``load_assets_from_modules``. One op computes all
    keys of a multi-asset, so it is reached by any of them; every op of a graph-backed asset is. The checks
    of a selected asset go with it. Assets without an op (external and source assets) are passed over, and
    so are the op jobs of ``Definitions``, whose ops can be passed on their own.

    Args:
        definitions_or_assets: ``Definitions``, one asset, or a list of assets, asset checks, ops and
            graphs. It is not changed.
        config: What each selected op gets beneath its own tags.
        selection: Which assets: Dagster's selection syntax (``'group:ml'``), an ``AssetSelection``, or a
            function of ``AssetSpec``; all, and ops and graphs too, when left out.

    Returns:
        A copy of what was passed.

    Raises:
        SelectionError: The selection reaches no asset with an op.
        K8sConfigError: The tags of an op hold a config that Kubernetes or Dagster would refuse.
    """

    def beneath(op_name: str, tags: Mapping[str, str]) -> dict[str, Any]:
        try:
            return {**tags, **(config | K8sConfig.from_tags(tags)).tags}
        except K8sConfigError as error:
            raise error.within(f"op {op_name!r}") from None

    if not isinstance(config, K8sConfig):
        raise K8sConfigError(f"must be a K8sConfig, not {type(config).__name__}", where="config")
    return rewrite_op_tags(definitions_or_assets, beneath, selection)


@overload
def with_sizes(
    definitions_or_assets: dg.Definitions, size: SizeTags | Strategy | str, selection: Selection | None = None
) -> dg.Definitions: ...
@overload
def with_sizes(
    definitions_or_assets: dg.AssetsDefinition,
    size: SizeTags | Strategy | str,
    selection: Selection | None = None,
) -> dg.AssetsDefinition: ...
@overload
def with_sizes(
    definitions_or_assets: dg.OpDefinition, size: SizeTags | Strategy | str, selection: None = None
) -> dg.OpDefinition: ...
@overload
def with_sizes(
    definitions_or_assets: Iterable[T], size: SizeTags | Strategy | str, selection: Selection | None = None
) -> list[T]: ...
@answering
def with_sizes(
    definitions_or_assets: Any, size: SizeTags | Strategy | str, selection: Selection | None = None
) -> Any:
    """Gives assets that are defined already what decides their size at launch; one that has it keeps its own.

    What it reaches is what `with_k8s_config` reaches; the size stands above the config of an op's tags.

    Args:
        definitions_or_assets: ``Definitions``, one asset, or a list of assets, asset checks, ops and
            graphs. It is not changed.
        size: `sized_by_partition`, `sized_by` or `sized_by_usage`; or a function, or its name.
        selection: Which assets: Dagster's selection syntax (``'group:ml'``), an ``AssetSelection``, or a
            function of ``AssetSpec``; all, and ops and graphs too, when left out.

    Returns:
        A copy of what was passed.

    Raises:
        SelectionError: The selection reaches no asset with an op.
        K8sConfigError: No size, or a function that the run worker could not find.
    """
    tags = size_tags(size)
    return rewrite_op_tags(definitions_or_assets, lambda _name, own: {**tags, **own}, selection)
