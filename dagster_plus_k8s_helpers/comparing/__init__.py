"""What is different between two plans, agents or code locations: by pod and field, for whoever reviews it."""

OPEN = (
    "agents",
    "forms",
    "locations",
    "plans",
    "report",
    "saved",
)
"""The modules of it that other rooms may use."""
