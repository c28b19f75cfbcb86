"""A plan written down: as a table, a tree, JSON, YAML, a page, and in the catalog."""
