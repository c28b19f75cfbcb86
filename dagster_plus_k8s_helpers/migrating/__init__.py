"""Dictionaries that were written by hand, rewritten as typed configs: in Python, and from YAML files."""

OPEN = (
    "files",
    "plans",
    "project",
    "yaml_files",
)
"""The modules of it that other rooms may use."""
