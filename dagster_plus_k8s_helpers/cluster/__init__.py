"""Calls to the API server: each with a deadline, what answers mean, and when it cannot be reached."""

OPEN = (
    "answers",
    "calls",
    "deletions",
    "errors",
    "kueue",
    "nodes",
    "objects",
    "outage",
    "streams",
)
"""The modules of it that other rooms may use."""
