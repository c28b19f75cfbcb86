"""The commands of ``dagster-plus-k8s``, one module each."""

OPEN = (
    "agent",
    "check",
    "completion",
    "explain",
    "explain_code",
    "frame",
    "init",
    "location",
    "migrate",
    "plan",
    "render",
    "rightsize",
)
"""The modules of it that other rooms may use."""
