"""What keeps something from being rewritten."""

__all__ = ["CannotMigrateError"]


class CannotMigrateError(Exception):
    """Why a dictionary stays as it is."""
