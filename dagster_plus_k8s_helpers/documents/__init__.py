"""YAML documents: read with the place of everything, edited in place, and written for every parser."""

OPEN = (
    "document",
    "positions",
    "rules",
    "shape",
    "splice",
    "writing",
)
"""The modules of it that other rooms may use."""
