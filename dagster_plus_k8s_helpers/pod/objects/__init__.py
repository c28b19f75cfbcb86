"""Kubernetes' objects as such: field names and types, names and labels, and merging."""
