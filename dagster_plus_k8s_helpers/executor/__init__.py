"""The k8s executor: its settings, its loop, and what it does for the steps of a run."""

OPEN = (
    "beside.placement",
    "k8s",
    "settings",
)
"""The modules of it that other rooms may use."""
