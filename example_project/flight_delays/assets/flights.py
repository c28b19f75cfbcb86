"""A memory-hungry step: a join of two tables, in a pod with room for both and for the result."""

import dagster as dg
import pandas as pd

from flight_delays.pods import LARGE
from flight_delays.source import read

WEATHER = ["temp", "humid", "wind_speed", "precip", "visib"]


@dg.asset(op_tags=LARGE.tags)
def flights_with_weather(context: dg.AssetExecutionContext) -> pd.DataFrame:
    """Every flight with the weather at its airport in the hour it was to leave.

    Joined on the UTC hour: on the night when summer time ends, one local hour happens twice, and joining
    on local time would make two flights out of each that left in it.
    """
    flights, weather = read("flights.csv.zip"), read("weather.csv")
    joined = flights.merge(
        weather[["origin", "time_hour", *WEATHER]],
        on=["origin", "time_hour"],
        how="left",
        validate="many_to_one",
    )
    context.add_output_metadata(
        {
            "rows": len(joined),
            "without_weather": int(joined["temp"].isna().sum()),
            "megabytes": round(joined.memory_usage(deep=True).sum() / 1e6),
        }
    )
    return joined
