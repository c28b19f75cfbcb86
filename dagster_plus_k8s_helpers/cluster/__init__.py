"""Calls to the API server: each with a deadline, what answers mean, and when it cannot be reached."""
