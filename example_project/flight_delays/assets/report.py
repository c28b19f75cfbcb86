"""A partitioned asset: one report a month, so twelve runs of one small pod each fill the year."""

import dagster as dg
import pandas as pd

from flight_delays.pods import SMALL

MONTHS = dg.MonthlyPartitionsDefinition(start_date="2013-01-01", end_date="2014-01-01")


@dg.asset(partitions_def=MONTHS, op_tags=SMALL.tags)
def monthly_report(
    context: dg.AssetExecutionContext,
    flights_with_weather: pd.DataFrame,
    airline_names: dict[str, str],
) -> pd.DataFrame:
    """How punctual each airline was in one month; late is more than 15 minutes after the timetable."""
    month = context.partition_time_window.start.month
    flights = flights_with_weather[flights_with_weather["month"] == month]
    flights = flights.assign(
        airline=flights["carrier"].map(airline_names),
        cancelled=flights["dep_time"].isna(),
        late=(flights["arr_delay"] > 15).where(flights["arr_delay"].notna()).astype("float"),
    )
    by_airline = flights.groupby("airline")
    report = pd.DataFrame(
        {
            "flights": by_airline.size(),
            "cancelled_percent": by_airline["cancelled"].mean() * 100,
            "late_percent": by_airline["late"].mean() * 100,
            "late_percent_in_rain": flights[flights["precip"] > 0].groupby("airline")["late"].mean() * 100,
            "mean_delay": by_airline["arr_delay"].mean(),
        }
    ).sort_values("flights", ascending=False)
    context.add_output_metadata(
        {
            "flights": len(flights),
            "late_percent": float(flights["late"].mean() * 100),
            "cancelled_percent": float(flights["cancelled"].mean() * 100),
            "airlines": dg.MetadataValue.md(f"```\n{report.round(1).to_string()}\n```"),
        }
    )
    return report
