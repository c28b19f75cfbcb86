"""Asset checks. A check is a step, with a pod of its own: size it by what it loads."""

import dagster as dg
import pandas as pd

from flight_delays.assets.flights import flights_with_weather
from flight_delays.assets.model import DelayModel, delay_model
from flight_delays.pods import LARGE, SMALL


@dg.asset_check(asset=flights_with_weather, op_tags=LARGE.tags)
def no_duplicates(flights_with_weather: pd.DataFrame) -> dg.AssetCheckResult:
    """The join with the weather made no flight twice."""
    flight = ["time_hour", "carrier", "flight", "origin"]
    twice = int(flights_with_weather.duplicated(flight).sum())
    return dg.AssetCheckResult(passed=twice == 0, metadata={"twice": twice})


@dg.asset_check(asset=delay_model, op_tags=SMALL.tags)
def beats_the_mean(delay_model: DelayModel) -> dg.AssetCheckResult:
    """On days it never saw, the model is nearer than always saying the mean delay."""
    return dg.AssetCheckResult(
        passed=delay_model.rmse < delay_model.rmse_of_mean,
        metadata={"rmse": delay_model.rmse, "rmse_of_mean": delay_model.rmse_of_mean},
    )
