"""The commands of ``dagster-plus-k8s``, one module each."""

OPEN = (
    "agent",
    "check",
    "explain",
    "explain_code",
    "location",
    "plan",
    "render",
    "rightsize",
)
"""The modules of it that other rooms may use."""
