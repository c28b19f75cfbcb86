"""The rules for these files, as data."""
