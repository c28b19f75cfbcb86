"""What one pod needs: values, without Dagster and without I/O."""

OPEN = (
    "amounts.quantity",
    "config",
    "fields",
    "immutable",
    "objects.merge_keys",
    "objects.names",
    "objects.schema",
    "parts",
    "platforms",
    "queues",
    "reading",
    "renderings",
    "scheduling",
)
"""The modules of it that other rooms may use."""
