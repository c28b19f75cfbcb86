"""A light step: it needs next to nothing, so it gets the smallest pod."""

import dagster as dg

from flight_delays.pods import SMALL
from flight_delays.source import read


@dg.asset(op_tags=SMALL.tags)
def airline_names() -> dict[str, str]:
    """Names of the airlines by their two-letter code."""
    airlines = read("airlines.csv")
    return dict(zip(airlines["carrier"], airlines["name"], strict=True))
