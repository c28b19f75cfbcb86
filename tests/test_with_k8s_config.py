"""with_k8s_config: beneath what every kind of asset says itself, and the original left as it was."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import (
    K8sConfig,
    K8sConfigError,
    Resources,
    SelectionError,
    k8s_tags,
    with_k8s_config,
)
from dagster_plus_k8s_helpers._dagster import CacheableAssetsDefinition
from dagster_plus_k8s_helpers._dagster.planning import steps_of

BENEATH = K8sConfig(resources=Resources(cpu=1, memory="2Gi"), labels={"team": "data"})
OWN = k8s_tags(memory="8Gi")
MERGED = BENEATH | K8sConfig(resources=Resources(memory="8Gi"))


@dg.asset(op_tags=OWN, group_name="raw")
def plain() -> int:
    return 1


@dg.asset(group_name="ml", op_tags={"unrelated": "tag"})
def model(plain: int) -> int:
    return plain + 1


@dg.multi_asset(
    specs=[dg.AssetSpec("one", group_name="raw"), dg.AssetSpec("two", group_name="ml")], can_subset=True
)
def both(context: dg.AssetExecutionContext) -> Any:
    for key in context.selected_asset_keys:
        yield dg.MaterializeResult(asset_key=key)


@dg.op(tags=OWN)
def shared_op() -> int:
    return 1


@dg.op
def add_one(number: int) -> int:
    return number + 1


@dg.graph
def inner() -> int:
    return add_one.tag({"unrelated": "tag"})(add_one.alias("first")(shared_op()))


@dg.graph_asset(group_name="ml")
def graphed() -> int:
    return add_one.alias("outer")(inner())


@dg.asset_check(asset=model)
def model_is_good() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.job
def op_job() -> None:
    shared_op()


@dg.schedule(target=[model], cron_schedule="@daily")
def daily() -> dg.RunRequest:
    return dg.RunRequest()


@dg.sensor(target=[model])
def eager() -> dg.RunRequest:
    return dg.RunRequest()


EXTERNAL = dg.AssetSpec("external", group_name="ml")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # deprecated, and in many projects still
    SOURCE = dg.SourceAsset("source", group_name="ml")
ASSETS = [plain, model, both, graphed, EXTERNAL, SOURCE]


def all_definitions() -> dg.Definitions:
    return dg.Definitions(
        assets=ASSETS,
        asset_checks=[model_is_good],
        jobs=[op_job, dg.define_asset_job("nightly", "*")],
        schedules=[daily],
        sensors=[eager],
        resources={"io_manager": dg.mem_io_manager},
        executor=dg.in_process_executor,
    )


def configs(definitions: dg.Definitions, job: str = "nightly") -> dict[str, K8sConfig]:
    """What each step of a job carries, by step key."""
    return {
        step.key: K8sConfig.from_tags(step.tags) for step in steps_of(definitions.resolve_job_def(job), {})
    }


def own(definitions: dg.Definitions) -> dict[str, K8sConfig]:
    return configs(definitions)


ML = {
    "model",
    "both",
    "graphed.inner.first",
    "graphed.inner.add_one",
    "graphed.inner.shared_op",
    "graphed.outer",
}


@pytest.mark.parametrize(
    ("selection", "reached"),
    [
        (None, {*ML, "plain", "model_model_is_good"}),
        ("group:ml", {*ML, "model_model_is_good"}),
        (dg.AssetSelection.groups("ml"), {*ML, "model_model_is_good"}),
        (lambda spec: spec.group_name == "ml", {*ML, "model_model_is_good"}),
        ("key:plain+", {"plain", "model", "model_model_is_good"}),
        ('key:"one"', {"both"}),
        (dg.AssetSelection.assets("model") - dg.AssetSelection.all_asset_checks(), {"model"}),
        ("key:graphed or key:external", {key for key in ML if key.startswith("graphed")}),
    ],
)
def test_a_selection_reaches_the_ops_of_its_assets_and_no_other(selection: Any, reached: set[str]) -> None:
    definitions = all_definitions()
    before = own(definitions)

    after = configs(with_k8s_config(definitions, BENEATH, selection))

    assert {key for key in after if after[key] != before[key]} == reached
    for key in reached:
        assert after[key] == (BENEATH | before[key]), key
    assert own(definitions) == before, "the original changed"
    assert configs(all_definitions()) == before, "an asset shared with the original changed"


def test_what_an_asset_says_itself_wins() -> None:
    after = configs(with_k8s_config(all_definitions(), BENEATH))

    assert after["plain"] == after["graphed.inner.shared_op"] == MERGED
    assert after["model"] == BENEATH


def test_other_tags_stay() -> None:
    definitions = with_k8s_config(all_definitions(), BENEATH)
    tags = {step.key: step.tags for step in steps_of(definitions.resolve_job_def("nightly"), {})}

    assert tags["model"]["unrelated"] == tags["graphed.inner.add_one"]["unrelated"] == "tag"


def test_everything_else_of_the_definitions_stays() -> None:
    definitions = with_k8s_config(all_definitions(), BENEATH)

    assert definitions.executor is dg.in_process_executor
    assert set(definitions.resources or {}) == {"io_manager"}
    assert {step.key for step in steps_of(definitions.resolve_job_def("op_job"), {})} == {"shared_op"}
    assert definitions.resolve_schedule_def("daily").job.name
    assert definitions.resolve_sensor_def("eager").name == "eager"
    assert K8sConfig.from_tags(shared_op.tags) == K8sConfig.from_tags(OWN)


def test_rewritten_assets_materialize() -> None:
    rewritten = with_k8s_config([plain, model, graphed, both], BENEATH)

    assert dg.materialize(rewritten, selection=["plain", "model", "graphed", "one"]).success


def test_definitions_rewritten_part_by_part_can_be_merged() -> None:
    first = with_k8s_config(dg.Definitions(assets=[graphed]), BENEATH)
    second = with_k8s_config(dg.Definitions(assets=[model, plain], jobs=[op_job]), BENEATH, "key:model")

    merged = dg.Definitions.merge(first, second)

    dg.Definitions.validate_loadable(merged)


def test_one_asset_and_lists_of_assets_keep_their_shape() -> None:
    (asset, external) = with_k8s_config([model, EXTERNAL], BENEATH)

    assert isinstance(with_k8s_config(model, BENEATH), dg.AssetsDefinition)
    assert isinstance(asset, dg.AssetsDefinition)
    assert external is EXTERNAL


def test_ops_and_graphs_are_reached_when_nothing_is_selected() -> None:
    op = with_k8s_config(shared_op, BENEATH)
    (graph,) = with_k8s_config([inner], BENEATH)

    assert K8sConfig.from_tags(op.tags) == MERGED
    job = graph.to_job()
    assert {
        K8sConfig.from_tags(step.tags) == BENEATH for step in steps_of(job, {}) if step.op_name != "shared_op"
    } == {True}


def test_the_same_config_again_changes_nothing() -> None:
    once = with_k8s_config(model, BENEATH)

    assert with_k8s_config(once, BENEATH) is once


@pytest.mark.filterwarnings("ignore:Function `observable_source_asset` is currently in beta")
def test_an_observable_source_asset_has_an_op() -> None:
    @dg.observable_source_asset(group_name="ml", op_tags=OWN)
    def observed() -> dg.DataVersion:
        return dg.DataVersion("1")

    (after,) = with_k8s_config([observed], BENEATH, "group:ml")

    assert K8sConfig.from_tags(after.op.tags) == MERGED
    assert K8sConfig.from_tags(observed.op.tags) == K8sConfig.from_tags(OWN)
    (by_spec,) = with_k8s_config([observed], BENEATH, lambda spec: spec.group_name == "ml")
    assert K8sConfig.from_tags(by_spec.op.tags) == MERGED


def test_partitions_and_resources_survive() -> None:
    class Service(dg.ConfigurableResource):  # type: ignore[misc]
        url: str

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b"]))
    def partitioned(service: Service) -> str:
        return service.url

    bound = dg.with_resources([partitioned], {"service": Service(url="x")})
    (after,) = with_k8s_config(bound, BENEATH)

    assert after.partitions_def == partitioned.partitions_def
    assert dg.materialize([after], partition_key="a").output_for_node("partitioned") == "x"


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("key:external", "reaches only assets without an op of their own (external and source assets)"),
        ("key:source", "reaches only assets without an op"),
        ("group:nothing", "the selection 'group:nothing' matches no asset"),
        ("no_such_asset", "the selection 'no_such_asset' matches no asset"),
        (lambda _spec: False, "matches no asset"),
    ],
)
def test_a_selection_that_reaches_no_op_is_an_error(
    selection: str | Callable[[dg.AssetSpec], bool], message: str
) -> None:
    with pytest.raises(SelectionError) as refusal:
        with_k8s_config(all_definitions(), BENEATH, selection)

    assert message in str(refusal.value)


@pytest.mark.parametrize("nothing", [[], [EXTERNAL]])
def test_nothing_to_apply_it_to_is_an_error(nothing: Sequence[Any]) -> None:
    with pytest.raises(SelectionError):
        with_k8s_config(nothing, BENEATH)


def test_a_config_of_an_asset_that_is_wrong_is_named_with_its_op() -> None:
    @dg.asset(
        op_tags={"dagster-k8s/config": {"container_config": {"resources": {"limits": {"memory": "4GB"}}}}}
    )
    def wrong() -> None: ...

    with pytest.raises(K8sConfigError, match=r"^op 'wrong'.dagster-k8s/config.container_config.resources"):
        with_k8s_config([wrong], BENEATH)


def test_something_else_than_a_config_is_refused() -> None:
    with pytest.raises(K8sConfigError, match="config: must be a K8sConfig, not Tags"):
        with_k8s_config([plain], OWN)  # type: ignore[type-var]


def test_assets_that_are_not_known_yet_are_refused() -> None:
    class Later(CacheableAssetsDefinition):  # type: ignore[misc]
        def compute_cacheable_data(self) -> list[Any]:
            return []

        def build_definitions(self, data: Any) -> list[Any]:
            return []

    with pytest.raises(SelectionError, match="the assets of Later are not known before they load"):
        with_k8s_config([Later("id")], BENEATH)


@pytest.mark.parametrize(
    ("target", "selection", "message"),
    [
        ([plain, op_job], None, "JobDefinition is neither an asset nor an op"),
        ([plain, dg.define_asset_job("all")], None, "is neither an asset nor an op"),
        (None, None, "NoneType is neither an asset nor an op"),
        ("plain", None, "str is neither an asset nor an op"),
        ([plain], 5, "a selection must be text, an AssetSelection or a function of AssetSpec, not 5"),
        ([plain], plain, "a selection must be text, an AssetSelection or a function of AssetSpec"),
        ([plain], "((", "'((' is not in Dagster's selection syntax"),
    ],
)
def test_nonsense_is_refused(target: Any, selection: Any, message: str) -> None:
    with pytest.raises(SelectionError) as refusal:
        with_k8s_config(target, BENEATH, selection)

    assert message in str(refusal.value)
