"""What checks have to say: findings, the rules they come from, waivers, and their written forms."""

OPEN = (
    "finding",
    "forms",
    "pages",
    "waivers",
)
"""The modules of it that other rooms may use."""
