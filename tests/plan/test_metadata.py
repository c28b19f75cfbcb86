"""Each asset's pod as metadata in the catalog."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from dagster_plus_k8s_helpers import PlanError, gpu, k8s_executor, k8s_tags, with_pod_metadata

POD, REPORT = "dagster-plus-k8s/pod", "dagster-plus-k8s/report"


@dg.asset(op_tags=k8s_tags(cpu=("1", "2"), memory="4Gi"), metadata={"team": "sales"})
def orders() -> None: ...


@dg.asset(op_tags=gpu(1, platform="gke").tags, deps=[orders])
def model() -> None: ...


@dg.multi_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right")], op_tags=k8s_tags(memory="1Gi"))
def both() -> Iterator[Any]:
    yield dg.MaterializeResult("left")


@dg.op(tags=k8s_tags(memory="2Gi"))
def load() -> int:
    return 1


@dg.op(tags=k8s_tags(memory="3Gi"))
def fit(loaded: int) -> int:
    return loaded


@dg.graph_asset
def fitted() -> int:
    return fit(load())


OUTSIDE = dg.AssetSpec("outside")


def definitions(executor: dg.ExecutorDefinition | None = None, **more: Any) -> dg.Definitions:
    return dg.Definitions(
        assets=[orders, model, both, fitted, OUTSIDE], executor=executor or k8s_executor(), **more
    )


def metadata(defs: dg.Definitions, key: str) -> Any:
    return defs.resolve_asset_graph().get(dg.AssetKey(key)).metadata


def rows(defs: dg.Definitions, key: str) -> list[tuple[Any, ...]]:
    return [tuple(record.data.values()) for record in metadata(defs, key)[POD].records]


def test_the_table_says_what_the_pod_asks_for_and_who_said_so() -> None:
    agent = {"workspace": {"runK8sConfig": {"podSpecConfig": {"nodeSelector": {"disk": "ssd"}}}}}
    agent["workspace"]["serviceAccountName"] = "runs"  # type: ignore[assignment] # a mapping of many kinds

    described = with_pod_metadata(definitions(), agent=agent, location={"image": "etl:1"})

    assert rows(described, "orders") == [
        ("cpu request", "1", "op tags"),
        ("cpu limit", "2", "op tags"),
        ("memory limit", "4Gi", "op tags"),
        ("image", "etl:1", "location"),
        ("node selector", "disk=ssd", "agent"),
        ("service account", "runs", "agent"),
    ]
    assert metadata(described, "orders")["team"] == "sales"


def test_gpus_and_tolerations_are_in_it() -> None:
    found = rows(with_pod_metadata(definitions()), "model")

    assert ("nvidia.com/gpu limit", "1", "op tags") in found
    assert ("tolerates", "nvidia.com/gpu:NoSchedule op=Exists", "op tags") in found


def test_the_assets_of_one_op_share_its_pod() -> None:
    described = with_pod_metadata(definitions())

    assert rows(described, "left") == rows(described, "right")
    assert ("memory limit", "1Gi", "op tags") in rows(described, "left")


def test_a_graph_asset_has_the_pods_of_all_its_steps() -> None:
    found = rows(with_pod_metadata(definitions()), "fitted")

    assert ("fitted.load", "memory limit", "2Gi", "op tags") in found
    assert ("fitted.fit", "memory limit", "3Gi", "op tags") in found


@pytest.mark.parametrize(
    ("executor", "key", "text"),
    [
        (k8s_executor(), "outside", "no pod: nothing here materializes this asset"),
        (
            dg.multiprocess_executor,
            "orders",
            "no pod of its own: it runs in the run's pod and shares its limits",
        ),
    ],
)
def test_an_asset_without_a_pod_says_so(executor: dg.ExecutorDefinition, key: str, text: str) -> None:
    described = with_pod_metadata(definitions(executor))

    assert metadata(described, key)[POD] == dg.TextMetadataValue(text)


def test_definitions_without_anything_to_compute_are_fine() -> None:
    described = with_pod_metadata(dg.Definitions(assets=[OUTSIDE]))

    assert "no pod" in metadata(described, "outside")[POD].text
    assert with_pod_metadata(dg.Definitions()).assets in (None, [])


def test_the_originals_stay_as_they_are() -> None:
    defs = definitions()

    with_pod_metadata(defs)

    assert POD not in metadata(defs, "orders")


def test_applied_twice_it_is_the_same() -> None:
    once = with_pod_metadata(definitions(), report_url="https://example.com/report.html")

    twice = with_pod_metadata(once, report_url="https://example.com/report.html")
    without = with_pod_metadata(once)

    assert metadata(twice, "orders") == metadata(once, "orders")
    assert REPORT not in metadata(without, "orders")


def test_it_links_to_the_report() -> None:
    described = with_pod_metadata(definitions(), report_url="https://example.com/report.html")

    assert metadata(described, "orders")[REPORT] == dg.UrlMetadataValue("https://example.com/report.html")


@pytest.mark.parametrize("url", ["javascript:alert(1)", "report.html", "", 3])
def test_what_is_no_url_is_refused(url: Any) -> None:
    with pytest.raises(PlanError) as refusal:
        with_pod_metadata(definitions(), report_url=url)

    assert str(refusal.value) == f"report_url: must be a URL that begins with https://, not {url!r}"


def test_what_is_no_definitions_is_refused() -> None:
    with pytest.raises(PlanError, match=r"^definitions: must be dagster.Definitions, not list$"):
        with_pod_metadata([orders])  # type: ignore[arg-type] # the point of the test


def test_assets_in_the_target_of_a_schedule_are_described_too() -> None:
    schedule = dg.ScheduleDefinition(name="daily", target=[orders], cron_schedule="@daily")
    sensor = dg.AutomationConditionSensorDefinition("auto", target=dg.AssetSelection.all())

    described = with_pod_metadata(definitions(schedules=[schedule], sensors=[sensor]))

    dg.Definitions.validate_loadable(described)
    assert POD in metadata(described, "orders")
