"""Jobs. Their tags are for the run's own pod only: steps never see them, and have their op tags."""

import dagster as dg

from flight_delays.pods import RUN

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets("monthly_report"),
    tags=RUN.tags,
)
"""Everything that is not cut by month, with its checks."""

monthly_reports = dg.define_asset_job("monthly_reports", selection="monthly_report", tags=RUN.tags)
"""One month's report a run; launch a backfill for the whole year."""
