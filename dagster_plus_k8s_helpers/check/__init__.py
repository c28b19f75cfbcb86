"""What is wrong with definitions and files together: the rules, and who asks them."""

OPEN = (
    "all_rules",
    "check",
    "files.merging",
    "files.pairs",
    "files.settings",
    "files.source",
    "files.sources",
    "subjects.subjects",
)
"""The modules of it that other rooms may use."""
