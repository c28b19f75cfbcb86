"""What steps ask for beside what they took in earlier runs: a row a step, and what to write instead."""

OPEN = (
    "asked",
    "findings",
    "history",
    "remote",
    "rows",
    "show.as_html",
    "show.as_json",
    "show.table",
    "show.written",
)
"""The modules of it that other rooms may use."""
