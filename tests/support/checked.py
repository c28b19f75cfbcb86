"""Definitions with something to find in them, for the tests of the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from dagster_plus_k8s_helpers import k8s_executor
from dagster_plus_k8s_helpers.plan import check, read_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

NODES = read_nodes("""
pools:
  - {name: cpu, count: 3, allocatable: {cpu: "8", memory: 32Gi}}
  - name: gpu
    count: 2
    allocatable: {cpu: "16", memory: 64Gi, nvidia.com/gpu: 1}
    taints: [{key: nvidia.com/gpu, value: present}]
""")
OP = "op tags (tags of the op 'train')"
SHOP = "location (the code location 'shop')"


def config(**sections: Any) -> dict[str, Any]:
    return {"dagster-k8s/config": sections}


def container(**fields: Any) -> dict[str, Any]:
    return config(container_config=fields)


def resources(**amounts: Any) -> dict[str, Any]:
    return container(resources=amounts)


def location(**sections: Any) -> dict[str, Any]:
    return {"location_name": "shop", "container_context": {"k8s": {"run_k8s_config": sections}}}


def definitions(
    op_tags: Mapping[str, Any] | None = None,
    *,
    executor: dg.ExecutorDefinition | None = None,
    assets: int = 1,
    job: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None,
    of_all: Mapping[str, Any] | None = None,
) -> dg.Definitions:
    def asset(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, op_tags=op_tags or {}, metadata=metadata)
        def made() -> None: ...

        return made

    return dg.Definitions(
        assets=[asset("train" if index == 0 else f"train_{index}") for index in range(assets)],
        jobs=[] if job is None else [dg.define_asset_job("nightly", **job)],
        executor=executor or k8s_executor(max_concurrent=4),
        metadata=of_all,
    )


def dynamic(executor: dg.ExecutorDefinition) -> dg.Definitions:
    @dg.op(out=dg.DynamicOut())
    def split() -> Any:
        yield dg.DynamicOutput(1, "a")

    @dg.op
    def train(part: int) -> int:
        return part

    @dg.job(executor_def=executor)
    def nightly() -> None:
        split().map(train)

    return dg.Definitions(jobs=[nightly])


def found(defs: dg.Definitions, **given: Any) -> list[tuple[str, str]]:
    return [(item.code, item.message) for item in check(defs, **given)]
