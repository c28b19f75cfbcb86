"""Every asset and check, run once as `dagster dev` would run them."""

import hmac

import dagster as dg
import numpy as np
import pytest
from flight_delays import ridge
from flight_delays.assets.model import DelayModel
from flight_delays.assets.signature import model_signature
from flight_delays.definitions import definitions_for

from dagster_plus_k8s_helpers import Deployment, VaultKubernetesAuth, VaultSecrets
from dagster_plus_k8s_helpers.testing import FakeSecrets

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


def test_the_model_is_signed_with_the_development_key(
    night: dg.ExecuteInProcessResult,
) -> None:
    weights = night.output_for_node("delay_model").fit.weights.tobytes()

    expected = hmac.new(b"for-development-only", weights, "sha256").hexdigest()

    assert night.output_for_node("model_signature") == expected


def test_another_key_signs_otherwise() -> None:
    model = DelayModel(ridge.Fit(0.0, np.ones(2, "float32"), "CPU"), ("a", "b"), 1.0, 2.0)
    context = dg.build_asset_context()
    one, other = (
        model_signature(context, model, FakeSecrets(secrets={"model-registry": {"signing_key": key}}))
        for key in ("one", "other")
    )

    assert one != other


def test_prod_takes_its_secrets_from_vault() -> None:
    secrets = (definitions_for(Deployment("full", "prod")).resources or {})["secrets"]

    assert isinstance(secrets, VaultSecrets)
    assert secrets.auth == VaultKubernetesAuth(role="flight-delays")
