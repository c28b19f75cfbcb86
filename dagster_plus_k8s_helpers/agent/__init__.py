"""The files the platform reads: the agent's Helm values and the code locations of Dagster+."""
