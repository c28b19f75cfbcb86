"""How much memory an attempt of a step gets: the ladder after an OOM, and the Job it is written into."""

OPEN = (
    "job_memory",
    "memory_ladder",
)
"""The modules of it that other rooms may use."""
