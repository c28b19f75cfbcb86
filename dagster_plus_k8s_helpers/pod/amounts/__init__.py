"""Amounts of resources: exact quantities, and what makes one a mistake."""
