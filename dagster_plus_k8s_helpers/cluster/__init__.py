"""Calls to the API server: each with a deadline, what answers mean, and when it cannot be reached."""

OPEN = (
    "calls",
    "deletions",
    "errors",
    "kueue",
    "nodes",
    "objects",
    "outage",
)
"""The modules of it that other rooms may use."""
