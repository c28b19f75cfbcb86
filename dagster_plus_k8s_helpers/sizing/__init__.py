"""A size is decided at launch by a pure function of what is known of a step: facts in, a config out."""

OPEN = (
    "job_memory",
    "facts",
    "memory_ladder",
    "usage",
)
"""The modules of it that other rooms may use."""
