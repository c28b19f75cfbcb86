"""What a step takes of memory, CPU and GPUs, measured in its own process and left for its pod's status."""

OPEN = (
    "cgroup",
    "message",
    "step",
)
"""The modules of it that other rooms may use."""
