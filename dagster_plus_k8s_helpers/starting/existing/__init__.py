"""A project that there is: what it has of Dagster and Kubernetes, and what to change in it first."""
