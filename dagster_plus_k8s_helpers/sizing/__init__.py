"""A size is decided at launch by a pure function of what is known of a step: facts in, a config out."""

OPEN = (
    "by_function",
    "by_partition",
    "by_usage",
    "facts",
    "job_memory",
    "layer",
    "lazy",
    "memory_ladder",
    "reading",
    "run_sizes",
    "strategy",
    "usage",
    "words",
)
"""The modules of it that other rooms may use."""
