"""Jobs as Dagster takes them, however they are written; and those it does not take, told in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster_k8s import k8s_job_executor

from dagster_plus_k8s_helpers import PlanError, k8s_executor, k8s_tags, with_pod_metadata
from dagster_plus_k8s_helpers.plan import check, plan
from dagster_plus_k8s_helpers.plan.show.metadata import POD_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator


@dg.asset
def table() -> None: ...


@dg.op
def source() -> int:
    return 1


@dg.op
def takes(number: int) -> int:
    return number


@dg.job
def plain() -> None:
    source()


def codes(definitions: dg.Definitions) -> list[str]:
    return [finding.code for finding in check(definitions)]


@pytest.mark.parametrize(
    ("definitions", "job"), [(dg.Definitions(assets=[table]), None), (dg.Definitions(jobs=[plain]), "plain")]
)
def test_definitions_without_an_executor(definitions: dg.Definitions, job: str | None) -> None:
    found = plan(definitions, job=job)

    assert found.executor == "multi_or_in_process_executor"
    assert {step.runs_in for step in found.steps.values()} == {"run pod"}
    assert codes(definitions) == []


def test_the_catalog_of_definitions_without_an_executor() -> None:
    described = with_pod_metadata(dg.Definitions(assets=[table]))

    (spec,) = described.resolve_all_asset_specs()
    assert "in the run's pod" in str(spec.metadata[POD_KEY])


@dg.graph
def takes_from_around(number: int) -> int:
    return takes(number)


@dg.graph
def takes_from_config() -> int:
    return takes.alias("alone")()


@dg.job(executor_def=k8s_job_executor)
def open_inputs() -> None:
    takes()
    takes.alias("fed")(source())
    takes_from_around(source.alias("outer")())
    takes_from_around.alias("open")()
    takes_from_config()


def test_inputs_that_the_run_config_gives() -> None:
    definitions = dg.Definitions(jobs=[open_inputs])
    found = plan(definitions, job="open_inputs")

    assert {key: set(step.depends_on) for key, step in found.steps.items()} == {
        "takes": set(),
        "source": set(),
        "outer": set(),
        "fed": {"source"},
        "takes_from_around.takes": {"outer"},
        "open.takes": set(),
        "takes_from_config.alone": set(),
    }
    assert "DPK500" not in codes(definitions)


def test_an_input_of_the_whole_job() -> None:
    job = takes_from_around.to_job("whole", executor_def=k8s_job_executor)

    assert list(plan(dg.Definitions(jobs=[job]), job="whole").steps) == ["takes"]


def test_a_job_that_dagster_makes_no_execution_plan_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_arguments: object) -> None:
        raise dg.DagsterInvariantViolationError("an input has no source")

    monkeypatch.setattr("dagster_plus_k8s_helpers._dagster.planning.steps_of", refuses)
    definitions = dg.Definitions(jobs=[plain], assets=[table])

    with pytest.raises(PlanError) as refusal:
        plan(definitions, job="plain")
    assert str(refusal.value) == "the job 'plain' has no execution plan: an input has no source"
    assert [(finding.code, finding.where.path) for finding in check(definitions)] == [
        ("DPK500", "the implicit asset job"),
        ("DPK500", "job 'plain'"),
    ]


class Strict(dg.Executor):  # type: ignore[misc] # dagster is untyped here
    retries = None

    def __init__(self, *, size: int) -> None:
        self.size = size

    def execute(self, plan_context: object, execution_plan: object) -> Iterator[Any]:
        yield from ()


@dg.executor(config_schema={"size": int}, requirements=dg.multiple_process_executor_requirements())
def strict(context: dg.InitExecutorContext) -> Strict:
    return Strict(**context.executor_config)


@pytest.mark.parametrize(
    "executor",
    [
        strict.configured({"size": 3}),
        strict.configured(lambda config: {"size": config["half"] * 2}, config_schema={"half": dg.Field(int, 1)}),
    ],
)  # fmt: skip
def test_an_executor_gets_what_its_schema_has(executor: dg.ExecutorDefinition) -> None:
    assert plan(dg.Definitions(assets=[table], executor=executor)).steps["table"].runs_in == "elsewhere"


def test_the_stock_executor_behind_a_schema_of_its_own_looks_for_no_cluster() -> None:
    executor = k8s_job_executor.configured(
        lambda config: {"max_concurrent": config["lanes"], "env_vars": ["REGION"]}, config_schema={"lanes": int}
    )  # fmt: skip
    definitions = dg.Definitions(assets=[table], executor=executor)
    found = plan(definitions, run_config={"execution": {"config": {"lanes": 3}}})

    assert found.max_concurrent == 3
    assert found.steps["table"].container.env["REGION"] == "<REGION of the environment at launch>"


@dg.config_mapping(config_schema={"cpu": str})
def by_size(config: dict[str, Any]) -> dict[str, Any]:
    return {"execution": {"config": {"step_k8s_config": k8s_tags(cpu=config["cpu"])["dagster-k8s/config"]}}}


@dg.job(config=by_size, executor_def=k8s_job_executor)
def mapped_config() -> None:
    source()


def test_a_job_with_a_run_config_of_its_own() -> None:
    definitions = dg.Definitions(jobs=[mapped_config])

    assert plan(definitions, job="mapped_config", run_config={"cpu": "3"}).steps["source"].container.limits == {
        "cpu": "3"
    }  # fmt: skip
    assert plan(definitions, job="mapped_config").steps["source"].container.limits == {}
    assert "DPK500" not in codes(definitions)
    with pytest.raises(PlanError, match=r'^run_config: Received unexpected config entry "cpus"'):
        plan(definitions, job="mapped_config", run_config={"cpus": "3"})


def test_run_config_as_dagsters_own_object() -> None:
    config = dg.RunConfig(execution={"config": {"max_concurrent": 7}})

    assert (
        plan(dg.Definitions(assets=[table], executor=k8s_executor()), run_config=config).max_concurrent == 7
    )


def breaks(*_arguments: object) -> dict[str, str]:
    raise ZeroDivisionError("no such month")


@dg.asset(required_resource_keys={"warehouse"})
def needs_a_resource() -> None: ...


ONE_MONTH = dg.StaticPartitionsDefinition(["jan"])
tags_break = dg.define_asset_job(
    "tags_break",
    "table",
    config=dg.PartitionedConfig(
        ONE_MONTH, run_config_for_partition_key_fn=lambda _key: {}, tags_for_partition_key_fn=breaks
    ),
)
config_breaks = dg.define_asset_job(
    "config_breaks", "table", config=dg.PartitionedConfig(ONE_MONTH, run_config_for_partition_key_fn=breaks)
)
ONE_PARTITION = {"dagster/partition": "jan"}


@pytest.mark.parametrize(
    ("definitions", "given", "message"),
    [
        (dg.Definitions(assets=[table, table.with_attributes()]), {}, r"^definitions: .*\['table'\]"),
        (dg.Definitions(assets=[needs_a_resource]), {}, r"^definitions: resource with key 'warehouse' required by op 'needs_a_resource' was not provided"),
        (dg.Definitions(assets=[table]), {"tags": ONE_PARTITION}, r"^tags\['dagster/partition'\]: the job '__ASSET_JOB' has no partitions, or assets with different ones$"),
        (dg.Definitions(assets=[table], jobs=[tags_break]), {"job": "tags_break", "tags": ONE_PARTITION}, r"^tags\['dagster/partition'\]: ZeroDivisionError: no such month$"),
        (dg.Definitions(assets=[table], jobs=[config_breaks]), {"job": "config_breaks", "tags": ONE_PARTITION}, r"^run_config: ZeroDivisionError: no such month$"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_told_in_one_line(
    definitions: dg.Definitions, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(PlanError, match=message) as refusal:
        plan(definitions, **given)

    assert "\n" not in str(refusal.value)


def test_steps_are_found_by_the_keys_of_their_assets() -> None:
    @dg.asset(key_prefix="ml")
    def scores() -> None: ...

    steps = plan(dg.Definitions(assets=[scores], executor=k8s_executor())).steps

    assert "ml/scores" in steps
    assert steps.get("ml/scores") is steps["ml__scores"] is steps["ml/scores"]
    assert "ml/score" not in steps
    assert steps.get("ml/score") is None
    assert steps.get("ml/score", "none") == "none"
    assert 5 not in steps
