"""Changing the agent's values in place, and the commands that bring them to a cluster."""
