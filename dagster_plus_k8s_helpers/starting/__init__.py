"""Where a project begins: a new code location from the template, and first changes to another."""

OPEN = ("answers", "existing.look", "new_project")
"""The modules of it that other rooms may use."""
