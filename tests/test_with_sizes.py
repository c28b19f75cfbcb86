"""Sizes for assets that somebody else wrote, and for the pods of runs: what each trigger hands on."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
import sizes
from dagster._core.remote_representation.external_data import PartitionSetExecutionParamSnap
from dagster._grpc.impl import get_partition_set_execution_param_data
from sizes import BIG, SMALL

from dagster_plus_k8s_helpers import K8sConfig, run_size_by_partition, sized_by_partition, with_sizes
from dagster_plus_k8s_helpers.errors import K8sConfigError, SelectionError
from dagster_plus_k8s_helpers.sizing.strategy import SIZE_TAG


@dg.asset(group_name="ml", op_tags=BIG.tags)
def features() -> None: ...


@dg.asset(group_name="ml", op_tags={SIZE_TAG: "off"})
def model() -> None: ...


@dg.asset
def orders() -> None: ...


ASSETS = [features, model, orders]
NAMED = {SIZE_TAG: "sizes:by_partition"}


def size_tag(asset: dg.AssetsDefinition) -> str | None:
    return asset.op.tags.get(SIZE_TAG)


def test_selected_assets_get_a_size_and_what_has_one_keeps_it() -> None:
    sized = with_sizes(ASSETS, sizes.by_partition, "group:ml")

    assert [size_tag(asset) for asset in sized] == ["sizes:by_partition", "off", None]
    assert K8sConfig.from_tags(sized[0].op.tags) == BIG
    assert size_tag(features) is None, "what is passed in stays as it is"


@pytest.mark.parametrize(
    "size", [sizes.by_partition, "sizes:by_partition", NAMED, sized_by_partition({"us": BIG})]
)
def test_a_size_is_given_in_any_of_its_forms(size: Any) -> None:
    (asset,) = with_sizes(dg.Definitions(assets=[orders]), size).assets or ()

    assert isinstance(asset, dg.AssetsDefinition)
    assert size_tag(asset)


def test_what_reaches_nothing_or_is_no_size_is_refused() -> None:
    with pytest.raises(SelectionError, match="matches no asset"):
        with_sizes(ASSETS, sizes.by_partition, "group:none")
    with pytest.raises(K8sConfigError, match=r"^size: a size that is always the same is no strategy"):
        with_sizes(ASSETS, BIG)  # type: ignore[call-overload] # the mistake


REGIONS = dg.StaticPartitionsDefinition(["us", "eu"])
RUN_SIZES = run_size_by_partition({"us": BIG}, otherwise=SMALL)


@dg.op
def load() -> None: ...


@dg.job(
    tags={"team": "data"},
    config=dg.PartitionedConfig(
        partitions_def=REGIONS,
        run_config_for_partition_key_fn=lambda _key: {},
        tags_for_partition_key_fn=RUN_SIZES,
    ),
)
def nightly() -> None:
    load()


@dg.asset(partitions_def=REGIONS)
def daily() -> None: ...


ASSET_JOB = dg.define_asset_job(
    "assets",
    selection=[daily],
    config=dg.PartitionedConfig(
        partitions_def=REGIONS,
        run_config_for_partition_key_fn=lambda _key: {},
        tags_for_partition_key_fn=RUN_SIZES,
    ),
)
DEFINITIONS = dg.Definitions(assets=[daily], jobs=[nightly, ASSET_JOB])


@pytest.mark.parametrize(("key", "size"), [("us", BIG), ("eu", SMALL)])
def test_the_tags_of_a_partition_hold_its_size(key: str, size: K8sConfig) -> None:
    assert RUN_SIZES(key) == size.run_tags
    assert all(isinstance(value, str) for value in RUN_SIZES(key).values())


def test_a_key_with_bars_names_its_dimensions_to_a_run() -> None:
    assert RUN_SIZES("2026-01-01|us") == BIG.run_tags


@pytest.mark.parametrize("key", [None, 5, b"us"])
def test_what_is_no_key_of_a_partition_is_refused(key: Any) -> None:
    with pytest.raises(K8sConfigError, match=r"^partition_key: must be text, not "):
        RUN_SIZES(key)


def test_a_partition_without_a_size_has_no_tags() -> None:
    assert run_size_by_partition({"us": BIG})("eu") == {}


@pytest.mark.parametrize("name", ["nightly", "assets"])
def test_the_launchpad_and_a_run_request_with_a_partition_have_the_size(name: str) -> None:
    """The launchpad asks the job for the tags of a partition; a tick resolves its requests with them."""
    job = DEFINITIONS.resolve_job_def(name)
    request = dg.RunRequest(partition_key="us", tags=SMALL.run_tags)

    resolved = request.with_resolved_tags_and_config(
        job, dynamic_partitions_requests=[], dynamic_partitions_store=None
    )

    assert K8sConfig.from_tags(job.get_tags_for_partition_key("us", None)) == BIG
    assert K8sConfig.from_tags(resolved.tags) == BIG


@pytest.mark.parametrize("name", ["nightly", "assets"])
def test_a_backfill_of_the_job_has_the_size(name: str) -> None:
    repository = DEFINITIONS.get_repository_def()

    found = get_partition_set_execution_param_data(repository, f"{name}_partition_set", ["us", "eu"])

    assert isinstance(found, PartitionSetExecutionParamSnap)
    assert [K8sConfig.from_tags(data.tags) for data in found.partition_data] == [BIG, SMALL]


def test_a_schedule_of_the_partitions_has_the_size() -> None:
    days = dg.DailyPartitionsDefinition("2026-01-01")
    job = dg.define_asset_job(
        "by_day",
        selection=["by_day"],
        config=dg.PartitionedConfig(
            partitions_def=days,
            run_config_for_partition_key_fn=lambda _key: {},
            tags_for_partition_key_fn=run_size_by_partition({"2026-01-*": BIG}),
        ),
    )

    @dg.asset(partitions_def=days)
    def by_day() -> None: ...

    resolved = dg.Definitions(assets=[by_day], jobs=[job]).resolve_job_def("by_day")

    assert K8sConfig.from_tags(resolved.get_tags_for_partition_key("2026-01-05", None)) == BIG


def test_the_implicit_asset_job_knows_nothing_of_it() -> None:
    job = DEFINITIONS.resolve_implicit_global_asset_job_def()

    assert K8sConfig.TAG not in job.get_tags_for_partition_key("us", selected_asset_keys=[daily.key])


def test_what_makes_no_sizes_is_refused_where_it_is_written() -> None:
    with pytest.raises(K8sConfigError, match=r"^sizes\['us'\]: must be a K8sConfig, not str"):
        run_size_by_partition({"us": "8Gi"})  # type: ignore[dict-item] # the mistake
