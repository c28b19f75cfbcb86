"""Why a Job failed or waits, read from API objects and nothing else."""

OPEN = (
    "absent_pod",
    "api_json",
    "containers",
    "diagnose",
    "failed_pod",
    "kinds",
    "queued",
)
"""The modules of it that other rooms may use."""
