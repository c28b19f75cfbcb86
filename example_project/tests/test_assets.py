"""Every asset and check, run once as `dagster dev` would run them."""

import dagster as dg
import numpy as np
import pytest
from flight_delays import ridge
from flight_delays.definitions import definitions_for

from dagster_plus_k8s_helpers import Deployment

# Dagster's own Pipes clients use what Dagster marks as a preview.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.PreviewWarning")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return definitions_for(Deployment("local"))


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral(str(tmp_path_factory.mktemp("storage")))


@pytest.fixture(scope="module")
def night(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return definitions.resolve_job_def("nightly").execute_in_process(instance=instance)


def test_every_check_passes(night: dg.ExecuteInProcessResult) -> None:
    evaluations = night.get_asset_check_evaluations()
    assert {evaluation.check_name: evaluation.passed for evaluation in evaluations} == {
        "no_duplicates": True,
        "beats_the_mean": True,
    }


def test_the_join_keeps_every_flight(night: dg.ExecuteInProcessResult) -> None:
    flights = night.output_for_node("flights_with_weather")
    assert len(flights) == 336_776
    assert flights["temp"].notna().mean() > 0.99


def test_the_model_explains_some_of_the_delay(night: dg.ExecuteInProcessResult) -> None:
    model = night.output_for_node("delay_model")
    assert 1 - (model.rmse / model.rmse_of_mean) ** 2 > 0.05
    assert len(model.features) == len(model.fit.weights)


def test_the_script_reports_through_pipes(night: dg.ExecuteInProcessResult) -> None:
    (materialization,) = night.asset_materializations_for_node("busiest_routes")
    assert materialization.metadata["busiest"].value == "JFK-LAX"
    assert len(str(materialization.metadata["routes"].value).splitlines()) == 2 + 10


def test_a_report_covers_its_month(
    definitions: dg.Definitions, instance: dg.DagsterInstance, night: dg.ExecuteInProcessResult
) -> None:
    assert night.success  # what the report reads is in the storage
    job = definitions.resolve_job_def("monthly_reports")
    report = job.execute_in_process(instance=instance, partition_key="2013-02-01").output_for_node(
        "monthly_report"
    )
    assert report["flights"].sum() == 24_951
    assert report.index[0] == "United Air Lines Inc."
    assert report["late_percent"].between(0, 100).all()


def test_ridge_finds_the_line_it_was_given() -> None:
    features = np.random.default_rng(0).standard_normal((1000, 3)).astype("float32")
    features -= features.mean(axis=0)
    target = features @ np.array([3, -2, 0], dtype="float32") + np.float32(5)

    fit = ridge.fit(features, target, penalty=0)

    assert fit.weights == pytest.approx([3, -2, 0], abs=0.01)
    assert fit.predict(features) == pytest.approx(target, abs=0.2)
    assert np.array_equal(fit.weights, ridge.fit(features, target, penalty=0).weights)
