"""Schedules. What a schedule launches is a job, so the run's pod has the job's tags."""

import dagster as dg

from flight_delays.jobs import nightly

every_night = dg.ScheduleDefinition(
    name="every_night", job=nightly, cron_schedule="0 5 * * *", execution_timezone="America/New_York"
)
