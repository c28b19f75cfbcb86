"""The k8s executor: its settings, its loop, and what it does for the steps of a run."""
