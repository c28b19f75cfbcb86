"""What is different between two plans, agents or code locations: by pod and field, for whoever reviews it."""

OPEN = (
    "forms",
    "plans",
    "saved",
)
"""The modules of it that other rooms may use."""
