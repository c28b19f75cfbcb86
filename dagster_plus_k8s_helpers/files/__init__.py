"""The files the platform reads: the values of the agent chart, and the files of code locations."""

OPEN = (
    "checks.kinds",
    "checks.locations.check",
    "checks.pairing",
    "editing.advice",
    "editing.edit",
    "editing.helm_set",
    "editing.install",
    "locations.cloud_cli",
    "places",
    "sections.image_texts",
    "sections.placeholders",
    "sections.refusals",
    "sections.section",
    "sections.server_config",
    "values.diff",
    "values.manifests",
)
"""The modules of it that other rooms may use."""
