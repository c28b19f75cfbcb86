"""A step that wants a GPU, and does the same on a CPU where there is none."""

from dataclasses import dataclass

import dagster as dg
import numpy as np
import pandas as pd

from flight_delays import ridge
from flight_delays.assets.flights import WEATHER
from flight_delays.pods import TRAIN

NUMBERS = ["hour", "distance", *WEATHER]
CATEGORIES = ["carrier", "origin", "month"]


@dataclass(frozen=True)
class DelayModel:
    """What is kept of a training: the fit, the names of its features, and errors on days it never saw."""

    fit: ridge.Fit
    features: tuple[str, ...]
    rmse: float
    rmse_of_mean: float


# The retry goes with TRAIN's preemptible node: when the node is taken away, the step starts on another.
@dg.asset(op_tags=TRAIN.tags, retry_policy=dg.RetryPolicy(max_retries=2))
def delay_model(context: dg.AssetExecutionContext, flights_with_weather: pd.DataFrame) -> DelayModel:
    """Predicts how many minutes late a flight arrives, from what is known before it leaves.

    A fifth of the days is held out whole, since flights of one day share its storms: held out one by
    one, they would tell on each other.
    """
    flown = flights_with_weather.dropna(subset=["arr_delay", *NUMBERS])
    table = pd.get_dummies(flown[[*NUMBERS, *CATEGORIES]], columns=CATEGORIES).astype("float32")
    held_out = (flown["day"] % 5 == 0).to_numpy()
    features, target = table.to_numpy(), flown["arr_delay"].to_numpy(dtype="float32")

    mean, deviation = features[~held_out].mean(axis=0), features[~held_out].std(axis=0)
    features = (features - mean) / deviation
    fit = ridge.fit(features[~held_out], target[~held_out])

    error = fit.predict(features[held_out]) - target[held_out]
    error_of_mean = np.float32(fit.intercept) - target[held_out]
    model = DelayModel(fit, tuple(table.columns), _rmse(error), _rmse(error_of_mean))
    context.add_output_metadata(
        {
            "device": fit.device,
            "rmse": model.rmse,
            "rmse_of_mean": model.rmse_of_mean,
            "r_squared": 1 - (model.rmse / model.rmse_of_mean) ** 2,
            "features": len(model.features),
            "flights": len(flown),
        }
    )
    return model


def _rmse(error: ridge.Array) -> float:
    return float(np.sqrt(np.mean(np.square(error, dtype=np.float64))))
