"""YAML documents: read with the place of everything, edited in place, and written for every parser."""
