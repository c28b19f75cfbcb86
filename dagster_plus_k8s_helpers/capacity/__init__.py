"""What nodes have and pods ask for: pools, requests, what fits where, and the most a run asks for at once."""

OPEN = (
    "fitting",
    "gpus",
    "nodes",
    "prices",
    "queue_files",
    "quotas",
    "requests",
    "totals",
)
"""The modules of it that other rooms may use."""
