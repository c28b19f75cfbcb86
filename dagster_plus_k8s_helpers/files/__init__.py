"""The files the platform reads: the values of the agent chart, and the files of code locations."""
