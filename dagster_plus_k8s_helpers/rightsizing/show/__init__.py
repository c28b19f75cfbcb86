"""Rows of the table in each of its forms."""
