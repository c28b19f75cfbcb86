"""Dagster Pipes: work that is not Dagster's, in a pod of its own that the step starts and watches."""

from pathlib import Path

import dagster as dg

from flight_delays.pods import SCRIPT, SMALL
from flight_delays.scripts import Scripts

BUSIEST_ROUTES = Path(__file__).parents[1] / "external" / "busiest_routes.py"


@dg.asset(op_tags=SMALL.tags)
def busiest_routes(context: dg.AssetExecutionContext, scripts: Scripts) -> dg.MaterializeResult[None]:
    """The busiest routes and how late they run.

    Two pods: ``SMALL`` is the step's, which waits; ``SCRIPT`` is the script's, which computes.
    """
    return scripts.run(context, BUSIEST_ROUTES, pod=SCRIPT, extras={"routes": 10})
